//! Activations: alone, and behind the kernels that leave theirs to another dispatch.

use crate::error::ShapeError;
use crate::kernels::call::{ELEMENTS_PER_INVOCATION, Grid, KernelCall, Operand, Params, VEC4};
use crate::kernels::candidate::{Candidate, GENERAL, Requires};
use crate::ops::{Activate, Activation, Op};
use crate::shaders::Variant;
use crate::shaders::elementwise::ACTIVATION;
use crate::shape::Shape;

/// The variant that takes values one by one.
const SCALARS: (Variant, usize) = (const { ACTIVATION.variant("") }, 1);

/// The activation of a tensor of so many elements, which a variant takes `width` at a time.
fn call(
    elements: usize,
    activation: Activation,
    x: Operand,
    (variant, width): (Variant, usize),
) -> Result<KernelCall, ShapeError> {
    Ok(KernelCall {
        kernel: &ACTIVATION,
        variant,
        params: Params::sizes(&[("elements", elements), ("activation", activation.code())])?,
        bindings: vec![("x", x), ("out", Operand::Output)],
        grid: Grid::Invocations((elements / width).div_ceil(ELEMENTS_PER_INVOCATION)),
        trips: ELEMENTS_PER_INVOCATION,
    })
}

/// The candidates of the operator.
pub fn candidates(op: &Activate, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let elements = op.output_shape(inputs)?.elements()?;
    let of = |variant| call(elements, op.activation, Operand::Input(0), variant);
    let mut candidates = vec![Candidate::general(of(SCALARS)?)];
    if elements.is_multiple_of(VEC4) {
        let aligned = of((const { ACTIVATION.variant("aligned") }, VEC4))?;
        let candidate = Candidate::new(aligned, GENERAL + 1, "tensors of whole vec4s");
        candidates.push(candidate.requiring(Requires::GPU));
    }
    Ok(candidates)
}

/// Whether an activation does no more than clip, if anything.
pub fn clips(activation: Activation) -> bool {
    matches!(activation, Activation::None | Activation::Relu | Activation::Relu6)
}

/// Gives candidates their activation where they do no more than clip, which those of subgroups do. They leave their results
/// in one more scratch buffer, counted from `scratch` on, and the activation goes over that.
pub fn with_epilogue(
    candidates: Vec<Candidate>,
    activation: Activation,
    output: &Shape,
    scratch: usize,
) -> Result<Vec<Candidate>, ShapeError> {
    let clips = clips(activation);
    let elements = output.elements()?;
    let after = |mut candidate: Candidate| {
        if clips || candidate.requires.subgroup == 0 {
            return Ok(candidate);
        }
        let between = Operand::Scratch(scratch + candidate.scratch.len());
        candidate.scratch.push(elements);
        for call in &mut candidate.calls {
            let outputs = call.bindings.iter_mut().filter(|(_, to)| *to == Operand::Output);
            for (_, operand) in outputs {
                *operand = between;
                call.params = call.params.clone().with("activation", Activation::None.code());
            }
        }
        candidate.calls.push(call(elements, activation, between, SCALARS)?);
        Ok(candidate)
    };
    candidates.into_iter().map(after).collect()
}

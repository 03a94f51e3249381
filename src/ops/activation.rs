//! Activations: an epilogue of every operator that writes activations, and an operator of their own.
//!
//! x of any shape -> the same shape. Definitions as in PyTorch: `relu` max(x, 0), `relu6` min(max(x, 0), 6),
//! `sigmoid` 1 / (1 + e^-x), `silu` x * sigmoid(x). NaN stays NaN.

use super::{Candidate, Op, required};
use crate::error::ShapeError;
use crate::kernel::{Grid, Kernel, KernelCall, Operand, Params};
use crate::shape::Shape;

static ACTIVATION: Kernel = crate::kernel!("activation", [&[]]);

/// Shaders of this operator.
pub const KERNELS: &[&Kernel] = &[&ACTIVATION];

/// Values that one invocation of an elementwise kernel handles (`PER` in `shaders/common/grid.wgsl`).
pub(crate) const ELEMENTS_PER_INVOCATION: usize = 4;

/// A function of each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// x
    #[default]
    None,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// x / (1 + e^-x)
    Silu,
}

impl Activation {
    /// Every activation with its name.
    pub const ALL: [(&'static str, Activation); 5] = [
        ("none", Activation::None),
        ("relu", Activation::Relu),
        ("relu6", Activation::Relu6),
        ("sigmoid", Activation::Sigmoid),
        ("silu", Activation::Silu),
    ];

    /// The number that `shaders/common/activation.wgsl` knows it by.
    pub(crate) fn code(self) -> usize {
        self as usize
    }

    /// Floating-point operations per element, roughly.
    pub(crate) fn flops(self) -> u64 {
        match self {
            Activation::None => 0,
            Activation::Relu => 1,
            Activation::Relu6 => 2,
            Activation::Sigmoid => 4,
            Activation::Silu => 5,
        }
    }
}

/// The same ways where kernels of eight lanes do no more than clip: where there is more to do, they leave their
/// results in a scratch buffer, counted from `scratch` on, and the activation goes over that.
pub(crate) fn afterwards(
    ways: Vec<Candidate>,
    activation: Activation,
    output: &Shape,
    scratch: usize,
) -> Result<Vec<Candidate>, ShapeError> {
    let clips = matches!(activation, Activation::None | Activation::Relu | Activation::Relu6);
    let elements = output.elements()?;
    let after = |way: Candidate| {
        if clips || !way.calls.iter().any(|call| call.kernel.subgroups) {
            return Ok(way);
        }
        let Candidate { name, scratch: mut sizes, mut calls, once } = way;
        let between = Operand::Scratch(scratch + sizes.len());
        sizes.push(elements);
        for call in &mut calls {
            let outputs = call.bindings.iter_mut().filter(|(_, to)| *to == Operand::Output);
            for (_, operand) in outputs {
                *operand = between;
                call.params = call.params.clone().with("activation", Activation::None.code());
            }
        }
        calls.push(call(elements, activation, between)?);
        Ok(Candidate { name, scratch: sizes, calls, once })
    };
    ways.into_iter().map(after).collect()
}

/// The activation of a tensor of so many elements.
fn call(elements: usize, activation: Activation, x: Operand) -> Result<KernelCall, ShapeError> {
    Ok(KernelCall {
        kernel: &ACTIVATION,
        tile: ACTIVATION.tiles[0],
        params: Params::sizes(&[("elements", elements), ("activation", activation.code())])?,
        bindings: vec![("x", x), ("out", Operand::Output)],
        grid: Grid::Invocations(elements.div_ceil(ELEMENTS_PER_INVOCATION)),
        trips: ELEMENTS_PER_INVOCATION,
    })
}

/// An activation alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activate {
    /// Which one.
    pub activation: Activation,
}

impl Op for Activate {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let [x] = required(self, inputs)?;
        x.not_empty("x")?;
        Ok(x.clone())
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        Ok(self.output_shape(inputs)?.elements()? as u64 * self.activation.flops())
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        inputs.iter().map(|x| x.rank() > 0).collect()
    }

    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
        let elements = self.output_shape(inputs)?.elements()?;
        Ok(vec![Candidate::single(call(elements, self.activation, Operand::Input(0))?)])
    }
}

//! The operators: parameters, shape checks, arithmetic cost, and the kernel calls that carry them out.
//!
//! Everything here is plain data. [`Op`] is what an operator must answer; [`Operator`] holds any one of
//! them by value, so that a call can be printed, compared, generated and sent to the GPU or to the
//! reference alike.

pub(crate) mod attributes;
mod held;
mod long_sum;
mod pointwise;
mod pool;
mod rows;
pub(crate) mod winograd;

use crate::error::ShapeError;
use crate::kernel::{Kernel, KernelCall};
use crate::shape::Shape;

pub use attributes::Attributes;

type Result<T> = std::result::Result<T, ShapeError>;

/// What every operator answers about a call, from the shapes of its inputs alone.
pub trait Op: std::fmt::Debug {
    /// The operator's name: the stem of its files.
    fn name(&self) -> &'static str;

    /// The names of its input tensors, in the order in which they are passed.
    fn inputs(&self) -> Vec<&'static str>;

    /// Checks parameters and shapes, and gives the shape of the output.
    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape>;

    /// Floating-point operations of the call, a multiply-add counted as two.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64>;

    /// Multiply-adds of the call, as papers count them: of convolutions, involutions and linear layers.
    fn macs(&self, inputs: &[&Shape]) -> Result<u64> {
        self.output_shape(inputs).map(|_| 0)
    }

    /// Which inputs carry the batch in their first dimension, where the call may be cut along it;
    /// empty where it may not.
    fn batched(&self, inputs: &[&Shape]) -> Vec<bool>;

    /// The ways to carry out the call, the general one first and the preferred one last.
    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>>;
}

/// One way to carry out a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Names the way: the kernel that does the work, with its tile where there are several.
    pub name: String,
    /// Elements of each scratch buffer.
    pub scratch: Vec<usize>,
    /// The dispatches, in order.
    pub calls: Vec<KernelCall>,
    /// The first so many calls read nothing but weights, and bring them into the layout that the others
    /// want: where the weights stay, they run once.
    pub once: usize,
}

impl Candidate {
    /// A way that is one dispatch.
    pub fn single(call: KernelCall) -> Self {
        Candidate { name: call_name(&call), scratch: Vec::new(), calls: vec![call], once: 0 }
    }
}

/// The kernel of a call with its tile: `conv2d/pointwise[T=8]`.
pub(crate) fn call_name(call: &KernelCall) -> String {
    if call.kernel.tiles.len() < 2 {
        return call.kernel.name.to_owned();
    }
    let tile: Vec<_> = call.tile.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}[{}]", call.kernel.name, tile.join(","))
}

/// Arithmetic and compulsory traffic of a call: the roofline's two axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes of every input read once and the output written once.
    pub bytes: u64,
}

/// The input shapes as an array, or an error that lists what the operator takes.
/// Optional inputs come last and are left to the caller.
fn required<'a, const R: usize>(op: &dyn Op, inputs: &[&'a Shape]) -> Result<[&'a Shape; R]> {
    let expected = op.inputs();
    let wrong = ShapeError::InputCount { expected: expected.clone(), found: inputs.len() };
    if inputs.len() != expected.len() {
        return Err(wrong);
    }
    inputs.get(..R).and_then(|first| <[&Shape; R]>::try_from(first).ok()).ok_or(wrong)
}

/// Declares the operators: their modules, [`Operator`], and the lists that follow from them.
macro_rules! operators {
    ($($module:ident :: $variant:ident),+ $(,)?) => {
        $(pub mod $module; pub use $module::$variant;)+

        /// Any one of the operators, by value.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Operator {
            $(#[doc = concat!("See [`", stringify!($variant), "`].")] $variant($variant)),+
        }

        /// The names of all operators.
        pub const NAMES: &[&str] = &[$(stringify!($module)),+];

        /// Every shader that the operators use.
        pub fn kernels() -> Vec<&'static Kernel> {
            [$($module::KERNELS),+].concat()
        }

        impl Operator {
            fn op(&self) -> &dyn Op {
                match self { $(Operator::$variant(op) => op),+ }
            }
        }

        $(impl From<$variant> for Operator {
            fn from(op: $variant) -> Self { Operator::$variant(op) }
        })+
    };
}

operators! {
    unfold::Unfold,
    fold::Fold,
    conv2d::Conv2d,
    dynamic_conv2d::DynamicConv2d,
    involution::Involution,
    span_involution::SpanInvolution,
    batch_norm::BatchNorm,
    activation::Activate,
    avg_pool2d::AvgPool2d,
    max_pool2d::MaxPool2d,
    global_avg_pool::GlobalAvgPool,
    adaptive_avg_pool2d::AdaptiveAvgPool2d,
    softmax::Softmax,
    linear::Linear,
    add::Add,
}

pub use activation::Activation;

// The module: the crate has the same name.
pub use self::involution::ChannelOrder;

impl Operator {
    /// The activation that is done to each output value, where the operator has one.
    pub(crate) fn epilogue(&mut self) -> Option<&mut Activation> {
        match self {
            Operator::Conv2d(op) => Some(&mut op.activation),
            Operator::DynamicConv2d(op) => Some(&mut op.conv.activation),
            Operator::Involution(op) => Some(&mut op.activation),
            Operator::SpanInvolution(op) => Some(&mut op.involution.activation),
            Operator::BatchNorm(op) => Some(&mut op.activation),
            Operator::Linear(op) => Some(&mut op.activation),
            Operator::Add(op) => Some(&mut op.activation),
            Operator::Activate(op) => Some(&mut op.activation),
            _ => None,
        }
    }

    /// Arithmetic and compulsory traffic; what is past a `u64` is given as its largest value.
    pub fn cost(&self, inputs: &[&Shape]) -> Result<Cost> {
        let mut elements = self.output_shape(inputs)?.elements()? as u64;
        for input in inputs {
            elements = elements.saturating_add(input.elements()? as u64);
        }
        Ok(Cost { flops: self.flops(inputs)?, bytes: elements.saturating_mul(4) })
    }
}

impl Op for Operator {
    fn name(&self) -> &'static str {
        self.op().name()
    }
    fn inputs(&self) -> Vec<&'static str> {
        self.op().inputs()
    }
    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let shape = self.op().output_shape(inputs)?;
        // An output that cannot be counted is refused here for all operators.
        shape.elements()?;
        Ok(shape)
    }
    fn flops(&self, inputs: &[&Shape]) -> Result<u64> {
        self.output_shape(inputs)?;
        self.op().flops(inputs)
    }
    fn macs(&self, inputs: &[&Shape]) -> Result<u64> {
        self.output_shape(inputs)?;
        self.op().macs(inputs)
    }
    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        self.op().batched(inputs)
    }
    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
        self.output_shape(inputs)?;
        self.op().candidates(inputs)
    }
}

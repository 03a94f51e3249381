//! What can be wrong with sizes and shapes, whatever the device.

use super::dims::Shape;

/// Why an operator refuses its parameters or the shapes of its inputs.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// The number of input tensors differs from what the operator takes.
    #[error("takes {} ({}), got {found}", count(expected.len(), "tensor"), expected.join(", "))]
    InputCount {
        /// Names of the tensors the operator takes, in order.
        expected: Vec<&'static str>,
        /// How many were given.
        found: usize,
    },
    /// A tensor has the wrong number of dimensions.
    #[error("{tensor} must be {expected}, it is {found}")]
    Rank {
        /// Which input.
        tensor: &'static str,
        /// The layout it must have, such as `[N, C, H, W]`.
        expected: &'static str,
        /// The shape it has.
        found: Shape,
    },
    /// A dimension differs from what the other inputs and the parameters ask for.
    #[error("{tensor} {shape}: {dimension} must be {expected} ({because}), it is {found}")]
    Dimension {
        /// Which input.
        tensor: &'static str,
        /// Which of its dimensions.
        dimension: &'static str,
        /// The size it must have.
        expected: usize,
        /// The size it has.
        found: usize,
        /// Where the expected size comes from, with the other shape.
        because: String,
        /// The whole shape of the tensor.
        shape: Shape,
    },
    /// A count does not divide into equal groups.
    #[error("{what} = {value} is not a multiple of {by} = {divisor}")]
    NotDivisible {
        /// What is divided.
        what: &'static str,
        /// Its value.
        value: usize,
        /// What divides it.
        by: &'static str,
        /// The value of the divisor.
        divisor: usize,
    },
    /// A tensor has a dimension of size zero.
    #[error("{tensor} {shape} is empty: every dimension must be at least 1")]
    Empty {
        /// Which input.
        tensor: &'static str,
        /// Its shape.
        shape: Shape,
    },
    /// The window does not fit into the padded input even once.
    #[error(
        "a window of {} (kernel_size with dilation) does not fit into the padded input of {}: \
         pad more, dilate less or use a smaller kernel",
        by(window),
        by(input)
    )]
    WindowTooLarge {
        /// The sizes of the window with its dilation, such as height and width.
        window: Vec<usize>,
        /// The sizes of the input with its padding.
        input: Vec<usize>,
    },
    /// A pooling window could lie in the padding alone.
    #[error(
        "padding {padding} must be smaller than the pooling window {window} (kernel_size with \
         dilation), or a window would hold no input at all"
    )]
    PoolPadding {
        /// The largest padding.
        padding: usize,
        /// The size of the window along that axis.
        window: usize,
    },
    /// A strided involution makes kernels for fewer or more positions than it has;
    /// [`PoolTo::Output`](crate::nn::PoolTo::Output) pools them to what is needed.
    #[error(
        "kernels would be made for {} positions where the output has {}: give an input that the \
         stride divides, or have the kernels pooled to the output's size",
        by(kernels),
        by(positions)
    )]
    KernelPositions {
        /// The sizes of the kernel branch, pooled by the stride, such as height and width.
        kernels: Vec<usize>,
        /// The sizes of the output.
        positions: Vec<usize>,
    },
    /// An attention from each pixel to each has biases for a map of another size.
    #[error(
        "the biases of the attention are for a map of {biases}x{biases}, and this one is {}x{}: give images of {} to {} \
         pixels in height and in width, or weights that were made for this size",
        map[0], map[1], images[0], images[1]
    )]
    AttentionSize {
        /// Height and width of the map that they are for.
        biases: usize,
        /// Height and width of the map.
        map: [usize; 2],
        /// The least and the greatest height and width of images that give a map which they are for.
        images: [usize; 2],
    },
    /// Two shapes cannot be broadcast together.
    #[error(
        "x {x} and y {y} cannot be broadcast: aligned at the last dimension, sizes must be equal or 1"
    )]
    Broadcast {
        /// The first operand.
        x: Shape,
        /// The second operand.
        y: Shape,
    },
    /// The axis lies outside of the tensor.
    #[error("axis {axis} is outside of x {shape}: it must be in -{rank}..{rank}", rank = shape.rank())]
    Axis {
        /// The axis asked for.
        axis: isize,
        /// The shape it is meant for.
        shape: Shape,
    },
    /// A parameter has a value that the operator has no meaning for.
    #[error("{parameter} must be {must}, it is {value}")]
    Parameter {
        /// Which parameter.
        parameter: &'static str,
        /// What it must be.
        must: &'static str,
        /// What it is.
        value: String,
    },
    /// The number of values does not belong to the shape.
    #[error("{shape} holds {}, got {found}", count(*expected, "value"))]
    DataLength {
        /// The shape.
        shape: Shape,
        /// The number of elements it has.
        expected: usize,
        /// The number of values given.
        found: usize,
    },
    /// A size is beyond what can be counted.
    #[error("{what} is too large to be counted: the sizes multiply past 2^{bits}")]
    Overflow {
        /// What was being computed.
        what: &'static str,
        /// The width of the counter.
        bits: u32,
    },
    /// An operator of this name does not exist.
    #[error("there is no operator '{name}'; known: {known}")]
    UnknownOperator {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A layer of this name does not exist.
    #[error("there is no layer '{name}'; known: {known}")]
    UnknownLayer {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A network of this name does not exist.
    #[error("there is no network '{name}'; known: {known}")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// An attribute that the operator does not have.
    #[error("there is no attribute '{name}'; known: {known}")]
    UnknownAttribute {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// An attribute that the operator cannot do without.
    #[error("the attribute '{name}' is missing; known: {known}")]
    MissingAttribute {
        /// The attribute that is missing.
        name: &'static str,
        /// The names there are.
        known: String,
    },
    /// A tensor that the operator does not have.
    #[error("there is no tensor '{name}'; known: {known}")]
    UnknownTensor {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A tensor that the operator cannot do without.
    #[error("the tensor '{name}' is missing; given: {given}; known: {known}")]
    MissingTensor {
        /// The tensor that is missing.
        name: &'static str,
        /// The names that are given.
        given: String,
        /// The names there are.
        known: String,
    },
}

/// Sizes as text: `3x5`.
pub(crate) fn by(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// So many of what this word names: `1 value`, `2 values`, `3 classes`.
pub fn count(number: usize, word: &str) -> String {
    let ending = match number {
        1 => "",
        _ if word.ends_with("ch") || word.ends_with('s') => "es",
        _ => "s",
    };
    format!("{number} {word}{ending}")
}

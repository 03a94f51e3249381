//! One or two spatial dimensions.

use crate::error::Result;
use crate::plan::{Builder, Constant, Value};
use crate::shape::{Padding, Shape};

/// Whether a layer works on images `[N, C, H, W]` or on sequences `[N, C, L]`, which are images one high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Rank {
    /// Sequences; weights have one spatial dimension.
    One,
    /// Images; weights have two.
    #[default]
    Two,
}

impl Rank {
    /// The input as an image.
    pub(crate) fn enter(self, plan: &mut Builder, x: Value) -> Result<Value> {
        match self {
            Rank::Two => Ok(x),
            Rank::One => {
                let shape = plan.shape(x).array("x", "[N, C, L]");
                let [n, c, l] = shape.map_err(|source| plan.refuse("layer", source))?;
                plan.reshape(x, [n, c, 1, l])
            }
        }
    }

    /// The result in the layout of the input.
    pub(crate) fn leave(self, plan: &mut Builder, y: Value) -> Result<Value> {
        match self {
            Rank::Two => Ok(y),
            Rank::One => {
                let dims = plan.shape(y).dims();
                let sequence = [&dims[..2], &dims[3..]].concat();
                plan.reshape(y, Shape::new(sequence))
            }
        }
    }

    /// A weight of these outermost dimensions and this kernel size, as the state dict has it for this rank.
    pub(crate) fn weight(
        self,
        plan: &mut Builder,
        name: &str,
        outer: &[usize],
        kernel_size: [usize; 2],
    ) -> Value {
        let whole = Shape::new([outer, &kernel_size].concat());
        match self {
            Rank::Two => plan.weight(name, whole),
            Rank::One => {
                let stored = plan.weight(name, Shape::new([outer, &kernel_size[1..]].concat()));
                plan.derive(stored, whole.clone(), |of| Constant::Reshaped {
                    of: Box::new(of),
                    shape: whole,
                })
            }
        }
    }

    /// The padding of a window: there is nothing above and below the one row of a sequence.
    pub(crate) fn padding(self, padding: Padding) -> Padding {
        match (self, padding) {
            (Rank::One, Padding::Explicit([_, across])) => Padding::Explicit([[0, 0], across]),
            _ => padding,
        }
    }

    /// An input `x` of these channels in which a window of these taps moves, and steps as far as `stride`.
    pub(crate) fn example(
        self,
        channels: usize,
        kernel_size: [usize; 2],
        dilation: [usize; 2],
        stride: [usize; 2],
    ) -> Vec<(&'static str, Shape)> {
        let [height, width] = [0, 1].map(|axis| {
            let extent = dilation[axis].saturating_mul(kernel_size[axis]);
            let stride = stride[axis].max(1);
            extent.div_ceil(stride).saturating_add(1).saturating_mul(stride)
        });
        let shape = match self {
            Rank::One => Shape::from([1, channels, width]),
            Rank::Two => Shape::from([1, channels, height, width]),
        };
        vec![("x", shape)]
    }
}

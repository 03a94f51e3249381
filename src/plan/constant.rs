//! What is made of the weights once, before the first run: described here, computed on the host in double
//! precision.

use std::borrow::Cow;

use crate::error::{Error, Result, WeightsError};
use crate::shape::Shape;
use crate::tensor::{StateDict, Tensor};

/// A constant tensor of a plan, as a function of the state dict. Equal constants have equal values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Constant {
    /// A tensor of the state dict as it is.
    Weight {
        /// Its name.
        name: String,
        /// Its shape there.
        shape: Shape,
    },
    /// Another constant in another shape.
    Reshaped {
        /// The constant whose values these are.
        of: Box<Constant>,
        /// Its shape here.
        shape: Shape,
    },
    /// The rows (first dimension) of a constant with the two dimensions that they count swapped: row
    /// `outer * inner + i` is the row that was at `i * outer_size + outer`.
    RowsSwapped {
        /// The constant whose rows these are.
        of: Box<Constant>,
        /// Size of the dimension that comes first here.
        outer: usize,
    },
    /// So many places of a constant along an axis.
    Slice {
        /// The constant whose values these are.
        of: Box<Constant>,
        /// The axis.
        axis: usize,
        /// The first place.
        start: usize,
        /// How many places.
        length: usize,
    },
    /// A constant times -1.
    Negated {
        /// The constant.
        of: Box<Constant>,
    },
    /// Ones.
    Ones {
        /// In this shape.
        shape: Shape,
    },
    /// The columns and the rows of an image, each from -1 to 1: `[1, 2, H, W]`, first how far to the right.
    Positions {
        /// Height and width.
        size: [usize; 2],
    },
    /// The weight of a convolution with the batch normalisation after it folded in:
    /// each row times the scale of its channel.
    FoldedWeight {
        /// The weight, output channels first.
        weight: Box<Constant>,
        /// The normalisation.
        norm: Box<Norm>,
    },
    /// What a batch normalisation multiplies each channel by, for a step that scales its results.
    Scale {
        /// The normalisation.
        norm: Box<Norm>,
    },
    /// The bias of a convolution with the batch normalisation after it folded in:
    /// `(bias - mean) * scale + shift`.
    FoldedBias {
        /// The bias, zero where there is none.
        bias: Option<Box<Constant>>,
        /// The normalisation.
        norm: Box<Norm>,
    },
}

/// A batch normalisation as constants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Norm {
    /// Running mean by channel.
    pub mean: Constant,
    /// Running variance by channel.
    pub variance: Constant,
    /// Scale and shift by channel, where it has them.
    pub affine: Option<(Constant, Constant)>,
    /// Bits of the float that is added to the variance.
    pub eps: u32,
}

/// Scale by channel, and what is added after it to values without bias.
struct ScaleShift {
    mean: Vec<f64>,
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Constant {
    /// Its value, from the tensors of a state dict.
    pub fn evaluate<'a>(&self, weights: &'a StateDict) -> Result<Cow<'a, Tensor>> {
        // Weights are large, and memory that nobody has touched yet costs more than what is computed here.
        let value = match self {
            Constant::Weight { name, shape } => {
                let found = weights.get(name).filter(|tensor| tensor.shape() == shape);
                return found.map(Cow::Borrowed).ok_or_else(|| {
                    // The whole network was checked before; this is for a caller who did not.
                    let found = weights.shape(name).cloned();
                    let misshaped = found.map(|found| (name.clone(), shape.clone(), found));
                    let missing = if misshaped.is_none() { vec![name.clone()] } else { Vec::new() };
                    Error::Weights(WeightsError::Mismatch {
                        network: "the plan".to_owned(),
                        missing,
                        unexpected: Vec::new(),
                        misshaped: misshaped.into_iter().collect(),
                        prefix: None,
                    })
                });
            }
            Constant::Reshaped { of, shape } => {
                tensor(shape.clone(), of.evaluate(weights)?.into_owned().into_data())
            }
            Constant::RowsSwapped { of, outer } => {
                let of = of.evaluate(weights)?;
                let rows = of.shape().dims().first().copied().unwrap_or(1).max(1);
                let length = of.data().len() / rows;
                let inner = rows / (*outer).max(1);
                let from = |row: usize| (row % inner.max(1)) * outer + row / inner.max(1);
                let values = (0..rows).flat_map(|row| {
                    let start = from(row) * length;
                    of.data()[start..start + length].iter().copied()
                });
                tensor(of.shape().clone(), values.collect())
            }
            Constant::Slice { of, axis, start, length } => {
                let of = of.evaluate(weights)?;
                let mut dims = of.shape().dims().to_vec();
                let inner: usize = dims.iter().skip(axis + 1).product();
                let whole = dims.get(*axis).copied().unwrap_or(1) * inner;
                let own = start * inner..(start + length) * inner;
                let parts = of.data().chunks(whole.max(1)).filter_map(|part| part.get(own.clone()));
                let values = parts.flatten().copied().collect();
                if let Some(size) = dims.get_mut(*axis) {
                    *size = *length;
                }
                tensor(Shape::new(dims), values)
            }
            Constant::Negated { of } => {
                let of = of.evaluate(weights)?;
                tensor(of.shape().clone(), of.data().iter().map(|value| -value).collect())
            }
            Constant::Ones { shape } => {
                tensor(shape.clone(), vec![1.0; shape.elements().unwrap_or(0)])
            }
            Constant::Positions { size: [height, width] } => {
                let place = |index: usize, length: usize| match length {
                    1 => -1.0,
                    _ => (2.0 * index as f64 / (length - 1) as f64 - 1.0) as f32,
                };
                let pixels = || (0..*height).flat_map(|i| (0..*width).map(move |j| (i, j)));
                let columns = pixels().map(|(_, j)| place(j, *width));
                let rows = pixels().map(|(i, _)| place(i, *height));
                tensor(Shape::from([1, 2, *height, *width]), columns.chain(rows).collect())
            }
            Constant::FoldedWeight { weight, norm } => {
                let weight = weight.evaluate(weights)?;
                let ScaleShift { scale, .. } = norm.evaluate(weights)?;
                let row = (weight.data().len() / scale.len().max(1)).max(1);
                let mut scaled = Vec::with_capacity(weight.data().len());
                for (row, scale) in weight.data().chunks(row).zip(scale) {
                    scaled.extend(row.iter().map(|&value| (f64::from(value) * scale) as f32));
                }
                tensor(weight.shape().clone(), scaled)
            }
            Constant::Scale { norm } => {
                let ScaleShift { scale, .. } = norm.evaluate(weights)?;
                let scale: Vec<f32> = scale.iter().map(|&value| value as f32).collect();
                tensor(Shape::from([scale.len()]), scale)
            }
            Constant::FoldedBias { bias, norm } => {
                let ScaleShift { mean, scale, shift } = norm.evaluate(weights)?;
                let bias = bias.as_ref().map(|bias| bias.evaluate(weights)).transpose()?;
                let bias = |channel: usize| {
                    let given = bias.as_ref().and_then(|bias| bias.data().get(channel));
                    given.map_or(0.0, |&value| f64::from(value))
                };
                let folded = (0..mean.len())
                    .map(|c| ((bias(c) - mean[c]) * scale[c] + shift[c]) as f32)
                    .collect::<Vec<f32>>();
                tensor(Shape::from([folded.len()]), folded)
            }
        };
        value.map(Cow::Owned)
    }
}

impl Norm {
    fn evaluate(&self, weights: &StateDict) -> Result<ScaleShift> {
        let values = |constant: &Constant| -> Result<Vec<f64>> {
            let tensor = constant.evaluate(weights)?;
            Ok(tensor.data().iter().map(|&value| f64::from(value)).collect())
        };
        let mean = values(&self.mean)?;
        let variance = values(&self.variance)?;
        let eps = f64::from(f32::from_bits(self.eps));
        let mut scale: Vec<f64> = variance.iter().map(|v| 1.0 / (v + eps).sqrt()).collect();
        let mut shift = vec![0.0; mean.len()];
        if let Some((gamma, beta)) = &self.affine {
            scale.iter_mut().zip(values(gamma)?).for_each(|(scale, gamma)| *scale *= gamma);
            shift = values(beta)?;
        }
        Ok(ScaleShift { mean, scale, shift })
    }
}

fn tensor(shape: Shape, data: Vec<f32>) -> Result<Tensor> {
    Tensor::new(shape, data).map_err(Error::at("constant"))
}

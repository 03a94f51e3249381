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
    /// The weight `[O, I]` of a linear layer with the batch normalisation before it folded in: each column times the scale of
    /// its channel.
    NormedWeight {
        /// The weight.
        weight: Box<Constant>,
        /// The normalisation.
        norm: Box<Norm>,
    },
    /// The bias of a linear layer with the batch normalisation before it folded in:
    /// `bias + weight (shift - mean * scale)`.
    NormedBias {
        /// The bias, zero where there is none.
        bias: Option<Box<Constant>>,
        /// The weight `[O, I]`.
        weight: Box<Constant>,
        /// The normalisation.
        norm: Box<Norm>,
    },
    /// Biases of an attention by distance down and along, stored as `[heads, S*S]` for distances of 0 to S-1 in either direction, as
    /// `[heads, Sh, Sw]` for signed distances with 0 in the middle; 0 for those that are not stored.
    SignedDistances {
        /// The biases as they are stored.
        of: Box<Constant>,
        /// Their shape here.
        shape: Shape,
    },
    /// Another constant times a number.
    Scaled {
        /// The constant whose values these are a multiple of.
        of: Box<Constant>,
        /// Bits of the number.
        factor: u32,
    },
    /// The sum of the weights or of the biases of layers that read one input. A smaller kernel lies in the middle of the
    /// larger ones.
    Sum {
        /// What is summed.
        of: Vec<Constant>,
        /// The shape of the largest.
        shape: Shape,
    },
    /// The weight `[C, C/groups, Kh, Kw]` of a convolution whose result is its input: 1 in the middle of the kernel that goes from
    /// a channel to itself.
    Identity {
        /// Its shape.
        shape: Shape,
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
            Constant::NormedWeight { weight, norm } => {
                let weight = weight.evaluate(weights)?;
                let ScaleShift { scale, .. } = norm.evaluate(weights)?;
                let columns = weight.data().chunks(scale.len().max(1)).flat_map(|row| {
                    row.iter().zip(&scale).map(|(&value, scale)| (f64::from(value) * scale) as f32)
                });
                tensor(weight.shape().clone(), columns.collect())
            }
            Constant::NormedBias { bias, weight, norm } => {
                let weight = weight.evaluate(weights)?;
                let ScaleShift { mean, scale, shift } = norm.evaluate(weights)?;
                let bias = bias.as_ref().map(|bias| bias.evaluate(weights)).transpose()?;
                let rest: Vec<f64> =
                    (0..mean.len()).map(|c| shift[c] - mean[c] * scale[c]).collect();
                let rows = weight.data().chunks(rest.len().max(1));
                let folded = rows.enumerate().map(|(row, values)| {
                    let given = bias.as_ref().and_then(|bias| bias.data().get(row));
                    let products = values.iter().zip(&rest).map(|(&v, rest)| f64::from(v) * rest);
                    (given.map_or(0.0, |&value| f64::from(value)) + products.sum::<f64>()) as f32
                });
                let folded: Vec<f32> = folded.collect();
                tensor(Shape::from([folded.len()]), folded)
            }
            Constant::SignedDistances { of, shape } => {
                let of = of.evaluate(weights)?;
                let heads = shape.dims().first().copied().unwrap_or(1).max(1);
                let stored = of.data().len() / heads;
                let [height, width] = plane(shape);
                let side = stored.isqrt();
                let mut values = Vec::with_capacity(heads * height * width);
                for (head, row, column) in (0..heads).flat_map(|head| {
                    let rows = move |row| (0..width).map(move |column| (head, row, column));
                    (0..height).flat_map(rows)
                }) {
                    let (down, along) = (row.abs_diff(height / 2), column.abs_diff(width / 2));
                    let known = (down < side && along < side).then_some(down * side + along);
                    let value = known.and_then(|at| of.data().get(head * stored + at));
                    values.push(value.copied().unwrap_or(0.0));
                }
                tensor(shape.clone(), values)
            }
            Constant::Scaled { of, factor } => {
                let of = of.evaluate(weights)?;
                let factor = f32::from_bits(*factor);
                let scaled = of.data().iter().map(|&value| value * factor).collect();
                tensor(of.shape().clone(), scaled)
            }
            Constant::Sum { of, shape } => {
                let mut sums = vec![0.0; shape.elements().map_err(Error::at("constant"))?];
                for term in of {
                    let term = term.evaluate(weights)?;
                    let (size, own) = (plane(shape), plane(term.shape()));
                    let [top, left] = [0, 1].map(|axis| size[axis].saturating_sub(own[axis]) / 2);
                    for (place, &value) in term.data().iter().enumerate() {
                        let (outer, inner) = (place / (own[0] * own[1]), place % (own[0] * own[1]));
                        let row = outer * size[0] + top + inner / own[1];
                        if let Some(sum) = sums.get_mut(row * size[1] + left + inner % own[1]) {
                            *sum += f64::from(value);
                        }
                    }
                }
                tensor(shape.clone(), sums.into_iter().map(|sum| sum as f32).collect())
            }
            Constant::Identity { shape } => {
                let mut values = vec![0.0; shape.elements().map_err(Error::at("constant"))?];
                let [height, width] = plane(shape);
                let middle = height / 2 * width + width / 2;
                let inputs = shape.dims().get(1).copied().unwrap_or(1).max(1);
                for (channel, kernels) in values.chunks_mut(inputs * height * width).enumerate() {
                    kernels[channel % inputs * height * width + middle] = 1.0;
                }
                tensor(shape.clone(), values)
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

/// Height and width of the kernels of a convolution's weight; 1 for what has none.
fn plane(shape: &Shape) -> [usize; 2] {
    match *shape.dims() {
        [.., _, height, width] => [height.max(1), width.max(1)],
        _ => [1, 1],
    }
}

fn tensor(shape: Shape, data: Vec<f32>) -> Result<Tensor> {
    Tensor::new(shape, data).map_err(Error::at("constant"))
}

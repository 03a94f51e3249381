//! What a choice is made for: an operator, its attributes, and shapes that are alike.

use std::fmt;

use crate::ops::{Op, Operator};
use crate::shape::Shape;

/// A call with its sizes rounded, so that one measurement serves its neighbours, too. All three are text:
/// they are written into the file as they are, and compared as a whole.
///
/// Exact are the operator, its attributes, channels, weights, and so the kernel size: with them, the best
/// kernel changes in jumps. Ranges from one power of two to the next are the batch and the area of an image,
/// which stretch the same work; beside it stands whether 4 divides the width, or at least the area, because
/// kernels that work in fours need that or profit from it. `x [4-7, 64, 2048-4095 width%4=0]` is 4 to 7 samples
/// of 64 channels with 2048 to 4095 pixels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "tune", derive(serde::Serialize, serde::Deserialize))]
pub struct Key {
    /// The operator.
    pub op: String,
    /// Its attributes that differ from their defaults: `stride=2 padding=1`.
    pub attributes: String,
    /// The names and rounded shapes of its inputs.
    pub shapes: String,
}

impl Key {
    /// The key of a call.
    pub fn of(op: &Operator, shapes: &[&Shape]) -> Self {
        let attributes: Vec<String> =
            op.to_attributes().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let batched = op.batched(shapes);
        // To cut rows off at a power of two would mix long and short ones.
        let images = !op.works_on_rows();
        let tensors = op.inputs().into_iter().zip(shapes).enumerate();
        let shapes: Vec<String> = tensors
            .map(|(i, (name, shape))| match batched.get(i) {
                Some(true) => format!("{name} [{}]", rounded(shape.dims(), images)),
                _ => format!("{name} {shape}"),
            })
            .collect();
        Key {
            op: op.name().to_owned(),
            attributes: attributes.join(" "),
            shapes: shapes.join(", "),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key { op, attributes, shapes } = self;
        let space = if attributes.is_empty() { "" } else { " " };
        write!(f, "{op}{space}{attributes} {shapes}")
    }
}

/// The sizes of a tensor whose first dimension is the batch: `N, C, area` where it is of images.
fn rounded(dims: &[usize], images: bool) -> String {
    let mut parts = Vec::new();
    for (axis, &size) in dims.iter().enumerate() {
        match axis {
            0 => parts.push(range(size)),
            2.. if images => {
                parts.push(area(&dims[2..]));
                break;
            }
            _ => parts.push(size.to_string()),
        }
    }
    parts.join(", ")
}

/// Height and width, or a length.
fn area(sizes: &[usize]) -> String {
    let area = sizes.iter().fold(1usize, |area, &size| area.saturating_mul(size));
    let width = sizes.last().copied().unwrap_or(1);
    let fours = match (width % 4, area % 4) {
        (0, _) => " width%4=0",
        (_, 0) => " area%4=0",
        _ => "",
    };
    format!("{}{fours}", range(area))
}

/// The sizes from a power of two to the next that this one is among.
fn range(size: usize) -> String {
    let first = 1usize << size.max(1).ilog2();
    match first {
        1 => "1".to_owned(),
        _ => format!("{first}-{}", (first - 1).saturating_add(first)),
    }
}

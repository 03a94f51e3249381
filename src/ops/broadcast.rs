//! Broadcasting: two tensors of which either repeats where its size is 1 or missing, as in NumPy.

use crate::error::ShapeError;
use crate::shape::Shape;

/// Runs of dimensions that kernels have room for.
pub(crate) const RUNS: usize = 6;

/// Neighbouring dimensions of the output that x and y step through alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub size: usize,
    /// Elements from one place to the next in x and in y; 0 where the tensor repeats.
    pub strides: [usize; 2],
}

impl Run {
    /// Whether this run goes on where `inner` ends, so that both are one.
    fn continues(&self, inner: &Run) -> bool {
        [0, 1].iter().all(|&side| self.strides[side] == inner.strides[side] * inner.size)
    }
}

/// The shape of what is made of x and y, and its dimensions, innermost first, in as few runs as they make.
pub(crate) fn broadcast(x: &Shape, y: &Shape) -> Result<(Shape, Vec<Run>), ShapeError> {
    x.not_empty("x")?;
    y.not_empty("y")?;
    let from_last = |shape: &Shape, index: usize| shape.dims().iter().rev().nth(index).copied();
    let mut output = Vec::new();
    let mut runs: Vec<Run> = Vec::new();
    let mut place = [1, 1]; // elements of x and of y that lie within one step
    for index in 0..x.rank().max(y.rank()) {
        let sizes = [x, y].map(|shape| from_last(shape, index).unwrap_or(1));
        let size = sizes[0].max(sizes[1]);
        if sizes.iter().any(|&own| own != size && own != 1) {
            return Err(ShapeError::Broadcast { x: x.clone(), y: y.clone() });
        }
        output.insert(0, size);
        let strides = [0, 1].map(|side| if sizes[side] == 1 { 0 } else { place[side] });
        place = [place[0] * sizes[0], place[1] * sizes[1]];
        let run = Run { size, strides };
        match runs.last_mut() {
            _ if size == 1 => {}
            Some(inner) if run.continues(inner) => inner.size *= size,
            _ => runs.push(run),
        }
    }
    let output = Shape::new(output);
    output.elements()?;
    if runs.len() > RUNS {
        return Err(ShapeError::Rank {
            tensor: "x",
            expected: "such that at most 6 runs of its dimensions broadcast unlike their neighbours",
            found: x.clone(),
        });
    }
    Ok((output, runs))
}

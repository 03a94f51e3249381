//! Pooling. What would be too many places for one invocation is done along one axis after the other, which gives the same
//! mean or maximum.

use super::call::{Grid, KernelCall, MOST_TRIPS, Operand, Params, VEC4, nested};
use super::candidate::{Candidate, GENERAL};
use crate::error::ShapeError;
use crate::shaders::{Kernel, Variant};
use crate::shape::{Padding, Window, product};

type Result<T> = std::result::Result<T, ShapeError>;

/// A pooling of so many planes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes<const AXES: usize> {
    pub window: Window<AXES>,
    pub count: usize,
    pub input: [usize; AXES],
    pub output: [usize; AXES],
}

impl<const AXES: usize> Planes<AXES> {
    /// The planes of so many samples and channels.
    pub fn new(
        window: Window<AXES>,
        (outer, input, output): ([usize; 2], [usize; AXES], [usize; AXES]),
    ) -> Result<Self> {
        Ok(Planes { window, count: product("x", &outer)?, input, output })
    }

    /// The numbers of a kernel.
    pub fn params(&self) -> Result<Params> {
        Params::planes(self.count, self.input, self.output)?.window(&self.window)
    }

    /// Rows of taps of the window.
    pub fn tap_rows(&self) -> usize {
        product_of(&self.window.kernel_size[..AXES - 1])
    }

    /// One dispatch of a kernel that pools four neighbouring pixels of an output row in each invocation.
    pub fn call(
        &self,
        (kernel, variant): (&'static Kernel, Variant),
        params: Params,
        [x, out]: [Operand; 2],
    ) -> Result<KernelCall> {
        let rows = product("the grid", &self.output[..AXES - 1])?;
        let grid = [self.count, rows, self.output[AXES - 1].div_ceil(VEC4)];
        Ok(KernelCall {
            kernel,
            variant,
            params,
            bindings: vec![("x", x), ("out", out)],
            grid: Grid::Invocations(product("the grid", &grid)?),
            trips: nested(&[self.tap_rows(), self.window.kernel_size[AXES - 1]]),
        })
    }

    /// The pooling along one axis, of what is pooled along those before it, as one of images.
    fn along(&self, axis: usize) -> Result<Planes<2>> {
        let last = axis == AXES - 1;
        // The axis is the height, and what follows it the width; the last one is the width.
        let [rows, columns] = if last { [axis - 1, axis] } else { [axis, axis + 1] };
        let own = usize::from(last);
        let of = |size: usize, other: usize| {
            let mut sizes = [other; 2];
            sizes[own] = size;
            sizes
        };
        let mut padding = [[0, 0]; 2];
        padding[own] = self.window.resolve_padding()?[axis];
        let after = product_of(&self.input[columns..]);
        let [input, output] = match last {
            true => [self.input[axis], self.output[axis]].map(|size| [self.output[rows], size]),
            false => [self.input[axis], self.output[axis]].map(|size| [size, after]),
        };
        Ok(Planes {
            window: Window::new(of(self.window.kernel_size[axis], 1))
                .stride(of(self.window.stride[axis], 1))
                .dilation(of(self.window.dilation[axis], 1))
                .padding(Padding::Explicit(padding)),
            count: product("x", &[self.count, product_of(&self.output[..rows])])?,
            input,
            output,
        })
    }
}

fn product_of(sizes: &[usize]) -> usize {
    sizes.iter().fold(1, |product, &size| product.saturating_mul(size))
}

/// One dispatch, or one after the other along each axis where that would take too many iterations. `call` makes such a
/// dispatch, from one tensor to another.
pub(super) fn candidates<const AXES: usize>(
    planes: &Planes<AXES>,
    whole: KernelCall,
    call: impl Fn(&Planes<2>, [Operand; 2]) -> Result<KernelCall>,
) -> Result<Vec<Candidate>> {
    if whole.trips <= MOST_TRIPS {
        return Ok(vec![Candidate::general(whole)]);
    }
    let (mut calls, mut scratch) = (Vec::new(), Vec::new());
    let mut from = Operand::Input(0);
    for axis in 0..AXES {
        let along = planes.along(axis)?;
        let mut to = Operand::Output;
        if axis + 1 < AXES {
            to = Operand::Scratch(axis);
            let [height, width] = along.output;
            scratch.push(product("what is pooled along an axis", &[along.count, height, width])?);
        }
        calls.push(call(&along, [from, to])?);
        from = to;
    }
    Ok(vec![Candidate {
        name: format!("{}/separable", whole.name()),
        scratch,
        ..Candidate::of_calls(calls, GENERAL, "general")
    }])
}

//! What a dispatch *is*: plain data that can be printed, compared and tested without a device.
//!
//! A candidate describes its work as [`KernelCall`]s. Bindings, workgroup size and the layout of the
//! uniform block are stated once, in WGSL; a call names its tensors and its numbers, and the loader
//! (`kernels::shader`) puts each where the reflected shader wants it. A name too many or too few is an error.

use std::hash::{Hash, Hasher};

use crate::error::ShapeError;
use crate::shaders::{Kernel, Variant};
use crate::shape::{Window, to_u32};

/// Neighbouring values that an invocation of most kernels computes (a `vec4` in the shaders).
pub(crate) const VEC4: usize = 4;

/// Values that one invocation of an elementwise kernel handles (`PER` in `shaders/common/grid.wgsl`).
pub(crate) const ELEMENTS_PER_INVOCATION: usize = 4;

/// Lanes that hear each other in the kernels that need subgroups.
pub(crate) const SUBGROUP_LANES: usize = 8;

/// A number in a kernel's uniform block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// An unsigned integer.
    U32(u32),
    /// A float.
    F32(f32),
}

impl Scalar {
    /// The four bytes of it, as a word.
    pub fn bits(self) -> u32 {
        match self {
            Scalar::U32(value) => value,
            Scalar::F32(value) => value.to_bits(),
        }
    }
}

/// Names and values for a kernel's uniform block. Every size passes a checked conversion on its way in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Params(Vec<(&'static str, Scalar)>);

impl Params {
    /// Unsigned sizes by name.
    pub fn sizes(sizes: &[(&'static str, usize)]) -> Result<Self, ShapeError> {
        sizes.iter().try_fold(Params::default(), |params, &(name, size)| params.size(name, size))
    }

    /// The sizes of a kernel over so many planes of these sizes, for outputs of these.
    pub fn planes<const AXES: usize>(
        planes: usize,
        input: [usize; AXES],
        output: [usize; AXES],
    ) -> Result<Self, ShapeError> {
        Params::sizes(&[("planes", planes)])?.axes(input, output)
    }

    /// Adds the sizes of the input and of the output: height and width, and before them depth where there are three.
    pub fn axes<const AXES: usize>(
        mut self,
        input: [usize; AXES],
        output: [usize; AXES],
    ) -> Result<Self, ShapeError> {
        let names = [("depth", "out_depth"), ("height", "out_height"), ("width", "out_width")];
        for (axis, (own, out)) in names.into_iter().skip(3 - AXES).enumerate() {
            self = self.size(own, input[axis])?.size(out, output[axis])?;
        }
        Ok(self)
    }

    /// Adds a size.
    pub fn size(mut self, name: &'static str, size: usize) -> Result<Self, ShapeError> {
        self.0.push((name, Scalar::U32(to_u32(name, size)?)));
        Ok(self)
    }

    /// Adds the four numbers that a sliding window has for each axis.
    pub fn window<const AXES: usize>(mut self, window: &Window<AXES>) -> Result<Self, ShapeError> {
        let names = [
            ["kernel_depth", "stride_z", "padding_front", "dilation_z"],
            ["kernel_height", "stride_y", "padding_top", "dilation_y"],
            ["kernel_width", "stride_x", "padding_left", "dilation_x"],
        ];
        let sides = window.resolve_padding()?;
        for (axis, [kernel_size, stride, padding, dilation]) in
            names.into_iter().skip(3 - AXES).enumerate()
        {
            let sizes = Params::sizes(&[
                (kernel_size, window.kernel_size[axis]),
                (stride, window.stride[axis]),
                (padding, sides[axis][0]),
                (dilation, window.dilation[axis]),
            ])?;
            self.0.extend(sizes.0);
        }
        Ok(self)
    }

    /// Replaces the size of a name that is there.
    pub fn with(mut self, name: &str, size: usize) -> Self {
        for (_, value) in self.0.iter_mut().filter(|(known, _)| *known == name) {
            *value = Scalar::U32(size as u32);
        }
        self
    }

    /// Adds a float.
    pub fn float(mut self, name: &'static str, value: f32) -> Self {
        self.0.push((name, Scalar::F32(value)));
        self
    }

    /// The names and values.
    pub fn entries(&self) -> &[(&'static str, Scalar)] {
        &self.0
    }
}

/// Which tensor a binding stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operand {
    /// The operator's input of this index.
    Input(usize),
    /// Its output.
    Output,
    /// Its scratch buffer of this index.
    Scratch(usize),
    /// No tensor: an optional input that was not given. The kernel must not read it.
    Absent,
}

/// How many workgroups a call needs; the loader folds them over x and y.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// At least so many invocations.
    Invocations(usize),
    /// Exactly so many workgroups.
    Workgroups(usize),
}

/// One dispatch.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelCall {
    /// The shader.
    pub kernel: &'static Kernel,
    /// One of the kernel's variants.
    pub variant: Variant,
    /// Its uniform block.
    pub params: Params,
    /// Its storage buffers by WGSL name.
    pub bindings: Vec<(&'static str, Operand)>,
    /// Its size.
    pub grid: Grid,
    /// Iterations that the loops of one invocation make together, at most, as far as they depend on sizes; see
    /// [`nested`]. Loops over a register tile are not counted: compilers unroll them.
    pub trips: usize,
}

/// What a pipeline is compiled from: complete, so that equal keys mean equal pipelines. Sizes of tensors
/// are not part of it.
#[derive(Debug, Clone, Copy)]
pub struct KernelKey {
    /// The shader.
    pub kernel: &'static Kernel,
    /// Its variant.
    pub variant: Variant,
}

impl PartialEq for KernelKey {
    fn eq(&self, other: &Self) -> bool {
        // A name stands for one file; its text need not be compared.
        self.kernel.name == other.kernel.name && self.variant == other.variant
    }
}

impl Eq for KernelKey {}

impl Hash for KernelKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kernel.name.hash(state);
        self.variant.hash(state);
    }
}

impl KernelCall {
    /// The kernel with its variant, where that sets anything: `conv/pointwise[T=8]`.
    pub fn name(&self) -> String {
        match self.variant.label {
            "" => self.kernel.name.to_owned(),
            label => format!("{}[{label}]", self.kernel.name),
        }
    }

    /// The pipeline that the call needs.
    pub fn key(&self) -> KernelKey {
        KernelKey { kernel: self.kernel, variant: self.variant }
    }
}

/// Operators split sums that would take an invocation more iterations than this, where they can. Drivers may end loops
/// by force after some number of them: llvmpipe of Mesa 22.3 after 65,535.
pub const MOST_TRIPS: usize = 1 << 15;

/// Iterations of loops within each other, of which the outermost is the first and makes `lengths[0]`: those of the
/// inner ones count as often as they run.
pub fn nested(lengths: &[usize]) -> usize {
    lengths.iter().rev().fold(0, |inner, &length| length.saturating_mul(inner.saturating_add(1)))
}

//! Two-dimensional convolution (cross-correlation, as every deep-learning framework defines it).
//!
//! x `[N, Ci, H, W]`, weight `[Co, Ci/groups, Kh, Kw]`, bias `[Co]`, residual `[N, Co, H', W']` ->
//! `[N, Co, H', W']` with H', W' of [`Window::output_size`]. Bias and residual are added before the activation. Output channel o belongs to group o / (Co/groups) and reads the input channels
//! of that group alone; groups = Ci is a depthwise convolution with channel multiplier Co/Ci. The padding is
//! zeros and takes part in the sum: a weight that is NaN or infinite spoils what it multiplies with them, too.
//! Where a convolution of 3x3 is carried out by Winograd's way (software adapters), what is NaN or infinite in x
//! spoils up to three pixels more on each side.
//! Definition: `torch.nn.functional.conv2d`.

use super::epilogue::Activation;
use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Padding, Shape, Window, divide};

/// A convolution of images.
pub type Conv2d = Conv<2>;

/// The parameters of a convolution along so many axes; the kernel size is that of the weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv<const AXES: usize = 2> {
    /// Distance between two output pixels along each axis, in input pixels.
    pub stride: [usize; AXES],
    /// Zeros around the input.
    pub padding: Padding<AXES>,
    /// Distance between two taps along each axis, in input pixels.
    pub dilation: [usize; AXES],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether a bias is the third input.
    pub bias: bool,
    /// Whether a tensor of the output's shape is the last input, added before the activation: the end of a
    /// residual block.
    pub residual: bool,
    /// What is done to each output value.
    pub activation: Activation,
}

impl<const AXES: usize> Default for Conv<AXES> {
    fn default() -> Self {
        Conv {
            stride: [1; AXES],
            padding: Padding::default(),
            dilation: [1; AXES],
            groups: 1,
            bias: false,
            residual: false,
            activation: Activation::None,
        }
    }
}

/// The sizes of a convolution, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry<const AXES: usize = 2> {
    pub batch: usize,
    pub in_channels: usize,
    pub input: [usize; AXES],
    pub out_channels: usize,
    pub output: [usize; AXES],
    pub window: Window<AXES>,
    pub groups: usize,
    pub activation: Activation,
}

impl<const AXES: usize> Conv<AXES> {
    /// Checks the input `x` and one weight of so many output channels and this kernel size; `shape` is the weight's
    /// whole shape, whose last dimensions are output channels, input channels per group and kernel size.
    pub(crate) fn geometry(
        &self,
        x: &Shape,
        out_channels: usize,
        kernel_size: [usize; AXES],
        shape: &Shape,
    ) -> Result<Geometry<AXES>, ShapeError> {
        let ([batch, in_channels], input) = x.planes("x")?;
        let group_channels = divide("channels of x", in_channels, "groups", self.groups)?;
        divide("output channels of weight", out_channels, "groups", self.groups)?;
        shape.expect(
            "weight",
            shape.rank() - AXES - 1,
            "input channels per group",
            group_channels,
            || format!("x {x} has {in_channels} channels in {} groups", self.groups),
        )?;
        let window = Window {
            kernel_size,
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
        };
        Ok(Geometry {
            batch,
            in_channels,
            input,
            out_channels,
            output: window.output_size(input)?,
            window,
            groups: self.groups,
            activation: self.activation,
        })
    }

    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Geometry<AXES>, ShapeError> {
        let [x, weight] = required(self, inputs)?;
        let layout =
            if AXES == 3 { "[Co, Ci/groups, Kd, Kh, Kw]" } else { "[Co, Ci/groups, Kh, Kw]" };
        let ([out_channels, _], kernel_size) = weight.split("weight", layout)?;
        let geometry = self.geometry(x, out_channels, kernel_size, weight)?;
        if self.bias
            && let Some(bias) = inputs.get(2)
        {
            bias.array::<1>("bias", "[Co]")?;
            bias.expect("bias", 0, "output channels", geometry.out_channels, || {
                format!("weight is {weight}")
            })?;
        }
        if self.residual
            && let Some(residual) = inputs.last()
        {
            residual.planes::<AXES>("residual")?;
            let output = geometry.output_shape();
            let axes = &["output depth", "output height", "output width"][3 - AXES..];
            let names = [&["batch", "output channels"], axes].concat();
            for (axis, (name, &size)) in names.into_iter().zip(output.dims()).enumerate() {
                residual
                    .expect("residual", axis, name, size, || format!("the output is {output}"))?;
            }
        }
        Ok(geometry)
    }
}

impl Geometry<3> {
    /// The convolution as one of images, where two neighbouring axes may be one: along these the window has one tap, no
    /// stride and no padding.
    pub fn flattened(&self) -> Option<Geometry<2>> {
        let sides = self.window.resolve_padding().ok()?;
        let Window { kernel_size, stride, dilation, .. } = self.window;
        let plain =
            [0, 1, 2].map(|axis| (kernel_size[axis], stride[axis], sides[axis]) == (1, 1, [0, 0]));
        // The axis that stays as it is, and where it lies among the two that are left.
        let (own, place) = match plain {
            [_, true, true] => (0, 0),
            [true, true, _] => (2, 1),
            _ => return None,
        };
        let pair = |[d, h, w]: [usize; 3]| if place == 0 { [d, h * w] } else { [d * h, w] };
        let mut window = Window::new([1, 1]);
        let mut padding = [[0, 0]; 2];
        window.kernel_size[place] = kernel_size[own];
        window.stride[place] = stride[own];
        window.dilation[place] = dilation[own];
        padding[place] = sides[own];
        Some(Geometry {
            batch: self.batch,
            in_channels: self.in_channels,
            input: pair(self.input),
            out_channels: self.out_channels,
            output: pair(self.output),
            window: window.padding(Padding::Explicit(padding)),
            groups: self.groups,
            activation: self.activation,
        })
    }
}

impl<const AXES: usize> Geometry<AXES> {
    pub fn output_shape(&self) -> Shape {
        Shape::of_planes([self.batch, self.out_channels], &self.output)
    }

    /// The reduction length: multiply-adds of one output value.
    pub fn k(&self) -> usize {
        (self.in_channels / self.groups).saturating_mul(self.window.taps())
    }

    pub fn macs(&self) -> Result<u64, ShapeError> {
        let outputs = self.output_shape().elements()? as u64;
        Ok(outputs.saturating_mul(self.k() as u64))
    }

    /// `added` tensors are added to the sums: a bias, a residual.
    pub fn flops(&self, added: u64) -> Result<u64, ShapeError> {
        let outputs = self.output_shape().elements()? as u64;
        let per_output = 2 * self.k() as u64 + added + self.activation.flops();
        Ok(outputs.saturating_mul(per_output))
    }

    pub fn group_in(&self) -> usize {
        self.in_channels / self.groups
    }

    pub fn group_out(&self) -> usize {
        self.out_channels / self.groups
    }
}

impl<const AXES: usize> Op for Conv<AXES> {
    fn name(&self) -> &'static str {
        if AXES == 3 { "conv3d" } else { "conv2d" }
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "weight"];
        inputs.extend(self.bias.then_some("bias"));
        inputs.extend(self.residual.then_some("residual"));
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.checked(inputs)?.output_shape())
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        self.checked(inputs)?.flops(u64::from(self.bias) + u64::from(self.residual))
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        self.checked(inputs)?.macs()
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        let residual = self.residual.then(|| inputs.len() - 1);
        (0..inputs.len()).map(|input| input == 0 || Some(input) == residual).collect()
    }

    fn epilogue(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }
}

impl<const AXES: usize> Attributed for Conv<AXES> {
    fn blank(optional: bool, apart: bool) -> Self {
        Conv { bias: optional, residual: apart, ..Conv::default() }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        // The weight has the kernel size: it may be given, to be checked, but is never written.
        v.visit("kernel_size", &mut [0; AXES], Some([0; AXES]))?;
        v.visit("stride", &mut self.stride, Some([1; AXES]))?;
        v.visit("padding", &mut self.padding, Some(Padding::default()))?;
        v.visit("dilation", &mut self.dilation, Some([1; AXES]))?;
        v.visit("groups", &mut self.groups, Some(1))?;
        v.visit("activation", &mut self.activation, Some(Activation::None))
    }
}

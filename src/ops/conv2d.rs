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

/// The parameters of a convolution; the kernel size is that of the weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Distance between two output pixels, in input pixels: height, width.
    pub stride: [usize; 2],
    /// Zeros around the input.
    pub padding: Padding,
    /// Distance between two taps, in input pixels: height, width.
    pub dilation: [usize; 2],
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

impl Default for Conv2d {
    fn default() -> Self {
        Conv2d {
            stride: [1, 1],
            padding: Padding::default(),
            dilation: [1, 1],
            groups: 1,
            bias: false,
            residual: false,
            activation: Activation::None,
        }
    }
}

/// The sizes of a convolution, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub batch: usize,
    pub in_channels: usize,
    pub input: [usize; 2],
    pub out_channels: usize,
    pub output: [usize; 2],
    pub window: Window,
    pub groups: usize,
    pub activation: Activation,
}

impl Conv2d {
    /// Checks the input `x` and one weight of `[Co, Ci/groups, Kh, Kw]`; `shape` is the weight's
    /// whole shape for messages, its last four dimensions those of `weight`.
    pub(crate) fn geometry(
        &self,
        x: &Shape,
        weight: [usize; 4],
        shape: &Shape,
    ) -> Result<Geometry, ShapeError> {
        let [batch, in_channels, height, width] = x.nchw("x")?;
        let [out_channels, _, kernel_height, kernel_width] = weight;
        let group_channels = divide("channels of x", in_channels, "groups", self.groups)?;
        divide("output channels of weight", out_channels, "groups", self.groups)?;
        shape.expect(
            "weight",
            shape.rank() - 3,
            "input channels per group",
            group_channels,
            || format!("x {x} has {in_channels} channels in {} groups", self.groups),
        )?;
        let window = Window {
            kernel_size: [kernel_height, kernel_width],
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
        };
        Ok(Geometry {
            batch,
            in_channels,
            input: [height, width],
            out_channels,
            output: window.output_size([height, width])?,
            window,
            groups: self.groups,
            activation: self.activation,
        })
    }

    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Geometry, ShapeError> {
        let [x, weight] = required(self, inputs)?;
        let dims = weight.array("weight", "[Co, Ci/groups, Kh, Kw]")?;
        let geometry = self.geometry(x, dims, weight)?;
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
            residual.nchw("residual")?;
            let output = geometry.output_shape();
            let names = ["batch", "output channels", "output height", "output width"];
            for (axis, (name, &size)) in names.into_iter().zip(output.dims()).enumerate() {
                residual
                    .expect("residual", axis, name, size, || format!("the output is {output}"))?;
            }
        }
        Ok(geometry)
    }
}

impl Geometry {
    pub fn output_shape(&self) -> Shape {
        Shape::from([self.batch, self.out_channels, self.output[0], self.output[1]])
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

impl Op for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
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

impl Attributed for Conv2d {
    fn blank(optional: bool, apart: bool) -> Self {
        Conv2d { bias: optional, residual: apart, ..Conv2d::default() }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        // The weight has the kernel size: it may be given, to be checked, but is never written.
        v.visit("kernel_size", &mut [0, 0], Some([0, 0]))?;
        v.visit("stride", &mut self.stride, Some([1, 1]))?;
        v.visit("padding", &mut self.padding, Some(Padding::default()))?;
        v.visit("dilation", &mut self.dilation, Some([1, 1]))?;
        v.visit("groups", &mut self.groups, Some(1))?;
        v.visit("activation", &mut self.activation, Some(Activation::None))
    }
}

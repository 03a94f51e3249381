//! Transposed convolution: what the gradient of a convolution by its input computes ("deconvolution").
//!
//! x `[N, Ci, H, W]`, weight `[Ci, Co/groups, Kh, Kw]`, bias `[Co]` -> `[N, Co, H', W']` with
//! `H' = (H-1)*sh + dh*(Kh-1) + 1 - top - bottom + output_padding`, W' likewise. The value x[n, c, i, j] times
//! weight[c, o, kh, kw] is added to channel o of the group of c at row `i*sh + kh*dh - top` and column
//! `j*sw + kw*dw - left`, and dropped outside of the output. Then come the bias and the activation.
//! Definition: `torch.nn.functional.conv_transpose2d`.

use super::epilogue::Activation;
use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Padding, Shape, Window, by, divide, product};

/// The parameters of a transposed convolution; the kernel size is that of the weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(alias = "deconvolution")]
pub struct ConvTranspose2d {
    /// Distance in the output between two neighbouring values of the input.
    pub stride: [usize; 2],
    /// Rows and columns that are cut off the output: the padding of the convolution that this is the transpose of.
    pub padding: Padding,
    /// Rows and columns more at the bottom and at the right, fewer than stride or dilation.
    pub output_padding: [usize; 2],
    /// Distance between two taps in the output.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether a bias is the third input.
    pub bias: bool,
    /// What is done to each output value.
    pub activation: Activation,
}

impl Default for ConvTranspose2d {
    fn default() -> Self {
        ConvTranspose2d {
            stride: [1, 1],
            padding: Padding::default(),
            output_padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
            bias: false,
            activation: Activation::None,
        }
    }
}

/// The sizes of a transposed convolution, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub batch: usize,
    pub in_channels: usize,
    pub input: [usize; 2],
    pub out_channels: usize,
    pub output: [usize; 2],
    pub window: Window,
}

impl ConvTranspose2d {
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Sizes, ShapeError> {
        let [x, weight] = required(self, inputs)?;
        let [batch, in_channels, height, width] = x.nchw("x")?;
        let [_, group_out, kernel_height, kernel_width] =
            weight.array::<4>("weight", "[Ci, Co/groups, Kh, Kw]")?;
        divide("channels of x", in_channels, "groups", self.groups)?;
        weight.expect("weight", 0, "input channels", in_channels, || format!("x is {x}"))?;
        let out_channels = product("output channels", &[group_out, self.groups])?;
        let window = Window {
            kernel_size: [kernel_height, kernel_width],
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
        };
        let output = self.output_size(&window, [height, width])?;
        if self.bias
            && let Some(bias) = inputs.get(2)
        {
            bias.array::<1>("bias", "[Co]")?;
            bias.expect("bias", 0, "output channels", out_channels, || {
                format!("weight is {weight} in {} groups", self.groups)
            })?;
        }
        Ok(Sizes { batch, in_channels, input: [height, width], out_channels, output, window })
    }

    fn output_size(&self, window: &Window, input: [usize; 2]) -> Result<[usize; 2], ShapeError> {
        let (extent, sides) = (window.extent()?, window.resolve_padding()?);
        let mut output = [0; 2];
        for axis in 0..2 {
            let extra = self.output_padding[axis];
            if extra >= self.stride[axis].max(self.dilation[axis]) {
                return Err(ShapeError::Parameter {
                    parameter: "output_padding",
                    must: "smaller than stride or dilation along each axis",
                    value: by(&self.output_padding),
                });
            }
            let whole = (input[axis] - 1)
                .checked_mul(self.stride[axis])
                .and_then(|size| size.checked_add(extent[axis] + extra))
                .filter(|&size| i32::try_from(size).is_ok())
                .ok_or(ShapeError::Overflow { what: "the padded output", bits: 31 })?;
            let cut = sides[axis][0] + sides[axis][1];
            if cut >= whole {
                return Err(ShapeError::Parameter {
                    parameter: "padding",
                    must: "less than the output has without it along each axis: pad less, or use a larger stride or kernel",
                    value: format!("{cut} of {whole} in all"),
                });
            }
            output[axis] = whole - cut;
        }
        Ok(output)
    }
}

impl Op for ConvTranspose2d {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "weight"];
        inputs.extend(self.bias.then_some("bias"));
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let Sizes { batch, out_channels, output: [height, width], .. } = self.checked(inputs)?;
        Ok(Shape::from([batch, out_channels, height, width]))
    }

    /// Twice the multiply-adds, the bias and the activation.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        let after = outputs.saturating_mul(u64::from(self.bias) + self.activation.flops());
        Ok(self.macs(inputs)?.saturating_mul(2).saturating_add(after))
    }

    /// Every value of x with every tap of its group, those that the padding cuts off counted too.
    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let sizes = self.checked(inputs)?;
        let [height, width] = sizes.input;
        let values = [sizes.batch, sizes.in_channels, height, width];
        let taps = [sizes.out_channels / self.groups, sizes.window.taps()];
        let factors = values.into_iter().chain(taps);
        Ok(factors.fold(1, |macs: u64, factor| macs.saturating_mul(factor as u64)))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input == 0).collect()
    }

    fn epilogue(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }
}

impl Attributed for ConvTranspose2d {
    fn blank(optional: bool, _: bool) -> Self {
        ConvTranspose2d { bias: optional, ..ConvTranspose2d::default() }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        // The weight has the kernel size: it may be given, to be checked, but is never written.
        v.visit("kernel_size", &mut [0; 2], Some([0; 2]))?;
        v.visit("stride", &mut self.stride, Some([1, 1]))?;
        v.visit("padding", &mut self.padding, Some(Padding::default()))?;
        v.visit("output_padding", &mut self.output_padding, Some([0, 0]))?;
        v.visit("dilation", &mut self.dilation, Some([1, 1]))?;
        v.visit("groups", &mut self.groups, Some(1))?;
        v.visit("activation", &mut self.activation, Some(Activation::None))
    }
}

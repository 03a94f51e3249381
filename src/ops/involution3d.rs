//! Involution of volumes: a convolution whose kernel belongs to the place and is shared by a group of channels.
//!
//! x `[N, C, D, H, W]`, kernel `[N, G*Kd*Kh*Kw, D', H', W']`, scale `[C]`, shift `[C]` -> `[N, C, D', H', W']`, as
//! [`involution`](super::involution) along three axes, without upsampling: the kernel's channel of group g and tap
//! (kd, kh, kw) is ((g*Kd + kd)*Kh + kh)*Kw + kw.
//! Definition: `Involution3d` of ChristophReich1996/Involution as intended; `na3d_av` of NATTEN where the border is shifted.

use super::epilogue::Activation;
use super::involution::{Border, ChannelOrder};
use super::op::{Op, required};
use super::pool::Pooled;
use super::value::{Attributed, Done, Visitor, visit_window};
use crate::error::ShapeError;
use crate::shape::{Padding, Shape, Window, by, divide, product};

/// The parameters of an involution of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Involution3d {
    /// Kernel size, stride, padding and dilation: depth, height, width.
    pub window: Window<3>,
    /// Groups of channels that share a kernel; any divisor of the channels.
    pub groups: usize,
    /// Which channels these are.
    pub channel_order: ChannelOrder,
    /// What the window reads outside of the volume.
    pub border: Border,
    /// Whether the taps of a place are divided by their sum after exponentiation.
    pub softmax: bool,
    /// Whether scale and shift by channel are the third and the fourth input.
    pub affine: bool,
    /// What is done to each output value.
    pub activation: Activation,
}

impl Involution3d {
    /// An involution of this window and number of groups of neighbouring channels, and nothing after it.
    pub fn new(window: Window<3>, groups: usize) -> Self {
        Involution3d {
            window,
            groups,
            channel_order: ChannelOrder::default(),
            border: Border::default(),
            softmax: false,
            affine: false,
            activation: Activation::None,
        }
    }

    /// `na3d_av` of NATTEN (Hassani et al., CVPR 2023), the second half of neighbourhood attention: the values
    /// `[B, heads, D, H, W, d]` as x `[B, heads*d, D, H, W]`, the attention `[B, heads, D, H, W, K]` of all K taps as
    /// `[B, heads*K, D, H, W]`.
    pub fn na3d_av(kernel_size: [usize; 3], dilation: [usize; 3], heads: usize) -> Self {
        let window = Window::new(kernel_size).dilation(dilation).padding(Padding::Same);
        Involution3d { border: Border::Shift, ..Involution3d::new(window, heads) }
    }

    /// Batch and channels, the other sizes of x, and those of the output.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Pooled<3>, ShapeError> {
        let [x, kernel] = required(self, inputs)?;
        let ([batch, channels], input) = x.planes("x")?;
        for (name, tensor) in self.inputs().into_iter().zip(inputs).skip(2) {
            tensor.array::<1>(name, "[C]")?;
            tensor.expect(name, 0, "channels", channels, || format!("x is {x}"))?;
        }
        divide("channels of x", channels, "groups", self.groups)?;
        let output = self.border.positions(&self.window, input)?;
        kernel.planes::<3>("kernel")?;
        kernel.expect("kernel", 0, "batch", batch, || format!("x is {x}"))?;
        let maps = product("kernel", &[self.groups, self.window.taps()])?;
        kernel.expect("kernel", 1, "channels", maps, || {
            format!("{} groups of {} taps", self.groups, by(&self.window.kernel_size))
        })?;
        for (axis, name) in ["depth", "height", "width"].into_iter().enumerate() {
            kernel.expect("kernel", 2 + axis, name, output[axis], || {
                format!(
                    "x {x} gives {} positions; where a stride does not divide the size, a kernel \
                     made by floor pooling is one short: resize x, or make the kernel from x resized",
                    by(&output)
                )
            })?;
        }
        Ok(([batch, channels], input, output))
    }
}

impl Op for Involution3d {
    fn name(&self) -> &'static str {
        "involution3d"
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "kernel"];
        if self.affine {
            inputs.extend(["scale", "shift"]);
        }
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let (outer, _, output) = self.checked(inputs)?;
        Ok(Shape::of_planes(outer, &output))
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        // Maximum, difference, exponential, sum and quotient, for each channel at the most.
        let taps = self.window.taps().saturating_mul(if self.softmax { 3 } else { 1 }) as u64;
        let terms = taps.saturating_add(u64::from(self.affine));
        Ok(outputs.saturating_mul(terms.saturating_mul(2).saturating_add(self.activation.flops())))
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        Ok(outputs.saturating_mul(self.window.taps() as u64))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input < 2).collect()
    }

    fn epilogue(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }
}

impl Attributed for Involution3d {
    fn blank(optional: bool, _: bool) -> Self {
        Involution3d { affine: optional, ..Involution3d::new(Window::new([1; 3]), 1) }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        visit_window(&mut self.window, v, false)?;
        v.visit("groups", &mut self.groups, Some(1))?;
        v.visit("channel_order", &mut self.channel_order, Some(ChannelOrder::default()))?;
        v.visit("border", &mut self.border, Some(Border::default()))?;
        v.visit("softmax", &mut self.softmax, Some(false))?;
        v.visit("activation", &mut self.activation, Some(Activation::None))
    }
}

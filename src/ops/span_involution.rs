//! Involution with the 1x1 convolution that makes its kernel, the `span` of the layer: what would be the largest tensor
//! of a network need not be stored.
//!
//! x `[N, C, H, W]`, reduced `[N, Cr, H', W']`, weight `[G*Kh*Kw, Cr, 1, 1]`, bias `[G*Kh*Kw]`, scale `[C]`, shift `[C]`
//! -> `[N, C, H', W']`: the [`Involution`] of x with the kernel
//! `kernel[n,t,i,j] = bias[t] + sum_c weight[t,c] * reduced[n,c,i,j]`.
//! Definition: Li et al., "Involution: Inverting the Inherence of Convolution for Visual Recognition", CVPR 2021,
//! equation 6 without the reduction and what follows it.

use super::conv2d::{Conv2d, Geometry};
use super::epilogue::Activation;
use super::involution::{ChannelOrder, Involution};
use super::op::{Grouped, Op, required};
use super::value::{Attributed, Done, Value, Visitor, visit_window};
use crate::error::ShapeError;
use crate::shape::Shape;

/// The parameters of an involution that makes its kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanInvolution {
    /// The involution of x with the kernel that is made; its `affine` says whether scale and shift are the last inputs.
    pub involution: Involution,
    /// Whether a bias is the fourth input.
    pub bias: bool,
}

/// The sizes of the operator, checked.
pub(crate) struct Checked {
    pub x: [usize; 4],
    pub output: [usize; 2],
    /// Of the convolution.
    pub span: Geometry,
}

impl SpanInvolution {
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Checked, ShapeError> {
        let [x, reduced, weight] = required(self, inputs)?;
        if !self.involution.is_plain() {
            let must = "zero, with an upsample of 1 and no softmax, where the kernel is made";
            let value = self.involution.border.write();
            return Err(ShapeError::Parameter { parameter: "border", must, value });
        }
        let [maps, _, height, width] = weight.array("weight", "[G*Kh*Kw, Cr, 1, 1]")?;
        for (axis, size) in [(2, height), (3, width)] {
            weight.expect("weight", axis, "kernel size", 1, || format!("of {size}"))?;
        }
        let [batch, _, rows, columns] = reduced.nchw("reduced")?;
        let span = Conv2d::default().geometry(reduced, maps, [1, 1], weight)?;
        let kernel = Shape::from([batch, maps, rows, columns]);
        let affine = inputs.iter().skip(3 + usize::from(self.bias)).copied();
        let involved: Vec<&Shape> = [x, &kernel].into_iter().chain(affine).collect();
        let (x, output) = self.involution.checked(&involved)?;
        if self.bias {
            inputs[3].array::<1>("bias", "[G*Kh*Kw]")?;
            inputs[3]
                .expect("bias", 0, "output channels", maps, || format!("weight is {weight}"))?;
        }
        Ok(Checked { x, output, span })
    }
}

impl Op for SpanInvolution {
    fn name(&self) -> &'static str {
        "span_involution"
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "reduced", "weight"];
        inputs.extend(self.bias.then_some("bias"));
        if self.involution.affine {
            inputs.extend(["scale", "shift"]);
        }
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let Checked { x: [batch, channels, ..], output: [height, width], .. } =
            self.checked(inputs)?;
        Ok(Shape::from([batch, channels, height, width]))
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Checked { x, output, span } = self.checked(inputs)?;
        let shape = Shape::from([x[0], x[1], output[0], output[1]]);
        let involution = self.involution.flops_of(&shape)?;
        Ok(span.flops(u64::from(self.bias))?.saturating_add(involution))
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Checked { span, .. } = self.checked(inputs)?;
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        let taps = self.involution.window.taps() as u64;
        Ok(span.macs()?.saturating_add(outputs.saturating_mul(taps)))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input < 2).collect()
    }

    /// All groups read what the kernel is made of.
    fn grouped(&mut self) -> Option<Grouped<'_>> {
        let cut = self.inputs().into_iter().map(|name| name != "reduced").collect();
        let Involution { groups, channel_order, .. } = &mut self.involution;
        (*channel_order == ChannelOrder::Blocked).then_some(Grouped { groups, cut })
    }

    fn epilogue(&mut self) -> Option<&mut Activation> {
        Some(&mut self.involution.activation)
    }
}

impl Attributed for SpanInvolution {
    const APART: &'static [&'static str] = &["scale", "shift"];

    fn blank(optional: bool, apart: bool) -> Self {
        SpanInvolution { involution: Involution::blank(apart, false), bias: optional }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        // Of an involution whose kernel is made, these are all.
        let Involution { window, groups, channel_order, activation, .. } = &mut self.involution;
        visit_window(window, v, false)?;
        v.visit("groups", groups, Some(1))?;
        v.visit("channel_order", channel_order, Some(ChannelOrder::default()))?;
        v.visit("activation", activation, Some(Activation::None))
    }
}

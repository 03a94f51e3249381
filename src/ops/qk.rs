//! The first half of local attention: how well each pixel's query agrees with the keys of its window.
//!
//! query `[N, heads*d, H, W]`, key `[N, heads*d, H, W]`, bias `[heads, 2*Kh-1, 2*Kw-1]` -> `[N, heads*Kh*Kw, H, W]`, which is
//! the layout of an involution's kernel: softmax over the taps and the sum over the values are an [`Involution`] with
//! `softmax`, this border and `groups` = heads.
//! `y[n, h*Kh*Kw + kh*Kw + kw, i, j] = scale * sum_c query[n, h*d + c, i, j] * key[n, h*d + c, i', j'] + bias[h, r, s]`, where
//! (i', j') is what the tap (kh, kw) of a window around (i, j) reads at this [`Border`], and (r, s) its distance from (i, j) in
//! taps, counted from the most negative one: `r = kh + (Kh-1)/2` unless the window is shifted.
//! Outside of the image a key is zero, so that only the bias is left there; with `mask` the result is [`MASKED`], of which
//! softmax makes zero.
//! Definition: Ramachandran et al., "Stand-Alone Self-Attention in Vision Models", NeurIPS 2019; with a shifted window
//! `na2d_qk` of NATTEN (Hassani et al., CVPR 2023), whose `rpb` is the bias.
//!
//! [`Involution`]: super::Involution

use super::involution::{Border, Involution};
use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Padding, Shape, Window, divide, product};

/// The result where a key is left out: the least finite number of half precision, in either precision.
pub const MASKED: f32 = -65504.0;

/// The parameters of the product of queries and keys.
#[derive(Debug, Clone, Copy, PartialEq)]
#[doc(alias = "na2d_qk")]
pub struct Qk {
    /// Taps of the window along each axis; odd unless the window is shifted. A shifted window of the size of the image is
    /// global attention.
    pub kernel_size: [usize; 2],
    /// Distance between two taps.
    pub dilation: [usize; 2],
    /// Groups of neighbouring channels, each with a result of its own.
    pub heads: usize,
    /// What the products are multiplied with, mostly `1 / sqrt(d)`.
    pub scale: f32,
    /// What the window reads outside of the image.
    pub border: Border,
    /// Whether keys outside of the image are left out; the border is zero.
    pub mask: bool,
    /// Whether the bias of relative positions is the third input.
    pub bias: bool,
}

impl Qk {
    /// Windows of this size with zeros outside of the image, without a bias; the products as they are.
    pub fn new(kernel_size: [usize; 2], heads: usize) -> Self {
        Qk {
            kernel_size,
            dilation: [1, 1],
            heads,
            scale: 1.0,
            border: Border::default(),
            mask: false,
            bias: false,
        }
    }

    /// `na2d_qk` of NATTEN (Hassani et al., CVPR 2023): windows that are shifted into the image.
    pub fn na2d_qk(kernel_size: [usize; 2], dilation: [usize; 2], heads: usize) -> Self {
        Qk { dilation, border: Border::Shift, ..Qk::new(kernel_size, heads) }
    }

    /// The window, padded such that the size is kept.
    pub fn window(&self) -> Window {
        Window::new(self.kernel_size).dilation(self.dilation).padding(Padding::Same)
    }

    /// The sum over the values that belongs to it: x `[N, heads*d, H, W]` with the result as its kernel.
    pub fn values(&self) -> Involution {
        let involution = Involution::new(self.window(), self.heads);
        Involution { border: self.border, softmax: true, ..involution }
    }

    /// Sizes of the query: `[N, heads*d, H, W]`.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<[usize; 4], ShapeError> {
        let must = |parameter, must, value| Err(ShapeError::Parameter { parameter, must, value });
        let even = self.kernel_size.iter().any(|taps| taps.is_multiple_of(2));
        if even && self.border != Border::Shift {
            let value = format!("{:?}", self.kernel_size);
            return must("kernel_size", "odd along each axis, or the border shift", value);
        }
        if !self.scale.is_finite() || self.scale < 0.0 {
            return must("scale", "finite and at least 0", self.scale.to_string());
        }
        if self.mask && self.border != Border::Zero {
            return must("border", "zero where keys outside of the image are left out", {
                format!("{:?}", self.border).to_lowercase()
            });
        }
        let [query, key] = required(self, inputs)?;
        let sizes @ [_, channels, height, width] = query.nchw("query")?;
        key.nchw("key")?;
        for (axis, name) in ["batch", "channels", "height", "width"].into_iter().enumerate() {
            key.expect("key", axis, name, sizes[axis], || format!("query is {query}"))?;
        }
        divide("channels of query", channels, "heads", self.heads)?;
        self.border.positions(&self.window(), [height, width])?;
        if let Some(&bias) = inputs.get(2) {
            let [_, rows, columns] = bias.array::<3>("bias", "[heads, 2*Kh-1, 2*Kw-1]")?;
            bias.expect("bias", 0, "heads", self.heads, || format!("query is {query}"))?;
            let sizes = [(1, "rows", rows), (2, "columns", columns)];
            for ((axis, name, _), taps) in sizes.into_iter().zip(self.kernel_size) {
                let distances = 2 * taps - 1;
                bias.expect("bias", axis, name, distances, || {
                    format!("{taps} taps are at {distances} distances")
                })?;
            }
        }
        Ok(sizes)
    }
}

impl Op for Qk {
    fn name(&self) -> &'static str {
        "qk"
    }

    fn inputs(&self) -> Vec<&'static str> {
        if self.bias { vec!["query", "key", "bias"] } else { vec!["query", "key"] }
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let [batch, _, height, width] = self.checked(inputs)?;
        let maps = product("the output", &[self.heads, self.window().taps()])?;
        Ok(Shape::from([batch, maps, height, width]))
    }

    /// Twice the multiply-adds, the scale, and the bias.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        let after = outputs.saturating_mul(1 + u64::from(self.bias));
        Ok(self.macs(inputs)?.saturating_mul(2).saturating_add(after))
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let [_, channels, ..] = self.checked(inputs)?;
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        Ok(outputs.saturating_mul((channels / self.heads) as u64))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input < 2).collect()
    }
}

impl Attributed for Qk {
    fn blank(optional: bool, _: bool) -> Self {
        Qk { bias: optional, ..Qk::new([1, 1], 1) }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("kernel_size", &mut self.kernel_size, None)?;
        v.visit("dilation", &mut self.dilation, Some([1, 1]))?;
        v.visit("heads", &mut self.heads, Some(1))?;
        v.visit("scale", &mut self.scale, Some(1.0))?;
        v.visit("border", &mut self.border, Some(Border::default()))?;
        v.visit("mask", &mut self.mask, Some(false))
    }
}

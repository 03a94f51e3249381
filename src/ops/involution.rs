//! Involution: a convolution whose kernel belongs to the pixel and is shared by a group of channels.
//!
//! x `[N, C, H, W]`, kernel `[N, G*Kh*Kw, H', W']`, scale `[C]`, shift `[C]` -> `[N, C, H', W']` with H', W' of
//! [`Window::output_size`]. Channel c belongs to group g = c / (C/G), or c % G where the
//! [`ChannelOrder`] is interleaved; the kernel's channel is g*Kh*Kw + kh*Kw + kw either way; there is no
//! flip and no normalisation:
//! `y[n,c,i,j] = sum_{kh,kw} kernel[n, g*Kh*Kw + kh*Kw + kw, i, j] * x[n, c, i*sh - ph + kh*dh, j*sw - pw + kw*dw]`,
//! where x is 0 outside of the image, so that a weight that is NaN or infinite counts there, too. Scale and
//! shift, where there are any, then give `y * scale[c] + shift[c]`: a batch normalisation cannot go into the
//! kernel, which the channels of a group share.
//!
//! Operators of other names are the same sum. The [`Border`] says what is read outside of the image, or keeps the window
//! inside, as neighbourhood attention does. With `softmax` the taps of a pixel are made to sum to one first. With an
//! `upsample` of r, H' and W' are r times as large, and the output pixel (i, j) reads the window of (i / r, j / r), rounded
//! down, as CARAFE does. The [`KernelLayout`] says in which order the weights lie.
//! Definition: Li et al., "Involution: Inverting the Inherence of Convolution for Visual Recognition",
//! CVPR 2021. The unfolded input is never stored.

use super::epilogue::Activation;
use super::op::{Op, required};
use super::value::{Attributed, Done, Value, Visitor, named_values, visit_window};
use crate::error::ShapeError;
use crate::shape::{Padding, Shape, Window, by, divide, product};

/// Which channels belong to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ChannelOrder {
    /// C/G neighbouring channels: channel c belongs to group c / (C/G), as in the paper's own code and in
    /// grouped convolutions.
    #[default]
    Blocked,
    /// Every G-th channel: channel c belongs to group c % G, as in the involution example of Keras. Its
    /// kernels lie tap by tap, tap * G + g, and have to be brought into the order of this operator.
    Interleaved,
}

impl ChannelOrder {
    /// Every order with its name.
    pub const ALL: [(&'static str, ChannelOrder); 2] =
        [("blocked", ChannelOrder::Blocked), ("interleaved", ChannelOrder::Interleaved)];
}

/// What a window reads outside of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Border {
    /// Zeros.
    #[default]
    Zero,
    /// The image mirrored at its outermost pixels, which are not repeated: `reflect` of PyTorch's `pad`. The padding must
    /// be smaller than the image.
    Reflect,
    /// The outermost pixel: `replicate` of PyTorch's `pad`.
    Replicate,
    /// Nothing: along each axis the window begins at `clamp(i - K/2, 0, L - K)`, among the L positions that are a multiple
    /// of the dilation away from position i, which is counted among these. Each output has K taps, stride 1 and the size
    /// of x. As in neighbourhood attention (Hassani et al., CVPR 2023).
    Shift,
}

impl Border {
    /// Every border with its name.
    pub const ALL: [(&'static str, Border); 4] = [
        ("zero", Border::Zero),
        ("reflect", Border::Reflect),
        ("replicate", Border::Replicate),
        ("shift", Border::Shift),
    ];

    /// Positions of a window along each axis; an error where it does not fit this border.
    pub(super) fn positions<const AXES: usize>(
        self,
        window: &Window<AXES>,
        input: [usize; AXES],
    ) -> Result<[usize; AXES], ShapeError> {
        let must = |parameter, must, value| ShapeError::Parameter { parameter, must, value };
        let positions = window.output_size(input);
        match self {
            Border::Reflect => {
                for (size, pads) in input.into_iter().zip(window.resolve_padding()?) {
                    if let Some(pad) = pads.into_iter().find(|&pad| pad >= size) {
                        let smaller = "smaller than the input that is reflected";
                        return Err(must("padding", smaller, format!("{pad} at a size of {size}")));
                    }
                }
            }
            Border::Shift => {
                window.extent()?;
                if window.stride != [1; AXES] {
                    let one = "1 where the window is shifted into the input";
                    return Err(must("stride", one, by(&window.stride)));
                }
                let reach: Vec<usize> = (0..AXES)
                    .map(|axis| window.kernel_size[axis].saturating_mul(window.dilation[axis]))
                    .collect();
                if reach.iter().zip(&input).any(|(reach, size)| reach > size) {
                    return Err(ShapeError::WindowTooLarge {
                        window: reach,
                        input: input.to_vec(),
                    });
                }
                if positions != Ok(input) {
                    let keeps = "such that the output has the size of x, as with same";
                    return Err(must("padding", keeps, format!("{:?}", window.padding)));
                }
            }
            Border::Zero | Border::Replicate => {}
        }
        positions
    }
}

/// In which order the weights of a kernel lie: T = Kh*Kw taps for each of G groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KernelLayout {
    /// A plane for each tap: `[N, G*T, H', W']`, which may also be given as `[N, G, T, H', W']`.
    #[default]
    TapsFirst,
    /// The taps of a pixel side by side: `[N, G, H', W', T]`, as NATTEN's attention.
    TapsLast,
    /// As a convolution makes them that predicts the weights of r*r output pixels, r being the `upsample`, at each position
    /// of the window: `[N, G*T*r*r, H'/r, W'/r]`, channel `(g*T + t)*r*r + dy*r + dx` for the output pixel (dy, dx) of a
    /// position. PyTorch's `pixel_shuffle` would make `[N, G*T, H', W']` of it. RAFT's mask, and what CARAFE's encoder
    /// makes.
    BeforePixelShuffle,
}

impl KernelLayout {
    /// Every layout with its name.
    pub const ALL: [(&'static str, KernelLayout); 3] = [
        ("taps_first", KernelLayout::TapsFirst),
        ("taps_last", KernelLayout::TapsLast),
        ("before_pixel_shuffle", KernelLayout::BeforePixelShuffle),
    ];
}

/// The parameters of an involution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Involution {
    /// Kernel size, stride, padding and dilation.
    pub window: Window,
    /// Groups of channels that share a kernel; any divisor of the channels.
    pub groups: usize,
    /// Which channels these are.
    pub channel_order: ChannelOrder,
    /// What the window reads outside of the image.
    pub border: Border,
    /// How many times higher and wider the output is than the positions of the window.
    pub upsample: usize,
    /// Whether the taps of a pixel are divided by their sum after exponentiation.
    pub softmax: bool,
    /// In which order the weights of the kernel lie.
    pub kernel_layout: KernelLayout,
    /// Whether scale and shift by channel are the third and the fourth input.
    pub affine: bool,
    /// What is done to each output value.
    pub activation: Activation,
}

impl Involution {
    /// An involution of this window and number of groups of neighbouring channels, and nothing after it.
    pub fn new(window: Window, groups: usize) -> Self {
        Involution {
            window,
            groups,
            channel_order: ChannelOrder::default(),
            border: Border::default(),
            upsample: 1,
            softmax: false,
            kernel_layout: KernelLayout::default(),
            affine: false,
            activation: Activation::None,
        }
    }

    /// `SKA` of LSNet (Wang et al., CVPR 2025): x `[N, C, H, W]`, its weight `[N, groups, K*K, H, W]`; channel c takes the
    /// kernel c % groups.
    pub fn ska(kernel_size: usize, groups: usize) -> Self {
        let window = Window::new([kernel_size; 2]).padding(Padding::Same);
        Involution { channel_order: ChannelOrder::Interleaved, ..Involution::new(window, groups) }
    }

    /// `na2d_av` of NATTEN (Hassani et al., CVPR 2023), the second half of neighbourhood attention: the values
    /// `[B, heads, H, W, d]` as x `[B, heads*d, H, W]`, and the attention as `[B, heads*K*K, H, W]`, or in NATTEN's order
    /// `[B, heads, H, W, K*K]` with [`KernelLayout::TapsLast`].
    pub fn na2d_av(kernel_size: [usize; 2], dilation: [usize; 2], heads: usize) -> Self {
        let window = Window::new(kernel_size).dilation(dilation).padding(Padding::Same);
        Involution { border: Border::Shift, ..Involution::new(window, heads) }
    }

    /// `na1d_av` of NATTEN: the values `[B, heads, L, d]` as x `[B, heads*d, 1, L]`, the attention as `[B, heads*K, 1, L]`,
    /// or `[B, heads, L, K]` as `[B, heads, 1, L, K]` with [`KernelLayout::TapsLast`].
    pub fn na1d_av(kernel_size: usize, dilation: usize, heads: usize) -> Self {
        Involution::na2d_av([1, kernel_size], [1, dilation], heads)
    }

    /// `carafe` of mmcv (Wang et al., ICCV 2019), which reassembles features to `scale` times their size: masks
    /// `[N, groups*K*K, scale*H, scale*W]`, normalised by the caller, or here with [`softmax`](Self::softmax).
    pub fn carafe(kernel_size: usize, groups: usize, scale: usize) -> Self {
        let window = Window::new([kernel_size; 2]).padding(Padding::Same);
        Involution { upsample: scale, ..Involution::new(window, groups) }
    }

    /// The reassembly of CARAFE together with its kernel normaliser: `encoded` `[N, groups*K*K*scale*scale, H, W]` as the
    /// content encoder makes it, of which a pixel shuffle and a softmax over the taps make the masks. Each group has its own
    /// kernel, as in mmcv.
    pub fn carafe_normalised(kernel_size: usize, groups: usize, scale: usize) -> Self {
        let kernel_layout = KernelLayout::BeforePixelShuffle;
        let carafe = Involution::carafe(kernel_size, groups, scale);
        Involution { kernel_layout, softmax: true, ..carafe }
    }

    /// The convex upsampling of RAFT (Teed and Deng, ECCV 2020): each of the `factor`^2 output pixels of a position is a
    /// convex combination of the nine positions around it. x `[N, 2, H, W]` is the flow times `factor`, the mask
    /// `[N, 9*factor*factor, H, W]` as the network predicts it, before its softmax.
    pub fn convex_upsample(factor: usize) -> Self {
        Involution::carafe_normalised(3, 1, factor)
    }

    /// `aggregation_zeropad` of SAN (Zhao et al., CVPR 2020) and CoTNet: x `[N, C, H, W]`, weight
    /// `[N, groups, K*K, H'*W']` as `[N, groups, K*K, H', W']`; channel c takes the kernel c % groups.
    pub fn aggregation_zeropad(window: Window, groups: usize) -> Self {
        Involution { channel_order: ChannelOrder::Interleaved, ..Involution::new(window, groups) }
    }

    /// `aggregation_refpad` of SAN: [`Involution::aggregation_zeropad`] with a reflected border.
    pub fn aggregation_refpad(window: Window, groups: usize) -> Self {
        Involution { border: Border::Reflect, ..Involution::aggregation_zeropad(window, groups) }
    }

    /// `DynamicConv` of fairseq (Wu et al., ICLR 2019), causal: x `[T, B, C]` as `[B, C, 1, T]`, the weights `[T, B, heads*K]`
    /// before their softmax as `[B, heads*K, 1, T]`; output t reads the inputs t-K+1 to t.
    pub fn dynamic_conv1d(kernel_size: usize, heads: usize) -> Self {
        let left = kernel_size.saturating_sub(1);
        let padding = Padding::Explicit([[0, 0], [left, 0]]);
        let window = Window::new([1, kernel_size]).padding(padding);
        Involution { softmax: true, ..Involution::new(window, heads) }
    }

    /// The filters of a kernel-prediction network (Mildenhall et al., CVPR 2018): one kernel `[N, K*K, H, W]` for all
    /// channels of a pixel.
    pub fn kernel_prediction(kernel_size: usize) -> Self {
        Involution::new(Window::new([kernel_size; 2]).padding(Padding::Same), 1)
    }

    /// Whether it reads zeros outside of the image, and its taps as they are, once for each position of the window.
    pub(crate) fn is_plain(&self) -> bool {
        self.border == Border::Zero && self.upsample == 1 && self.reads_kernel_as_it_is()
    }

    /// Whether the taps need not be brought into another order, and are not normalised.
    pub(crate) fn reads_kernel_as_it_is(&self) -> bool {
        !self.softmax && self.kernel_layout == KernelLayout::TapsFirst
    }

    /// Sizes of x and of the output: `[N, C, H, W]`, `[H', W']`.
    pub(crate) fn checked(
        &self,
        inputs: &[&Shape],
    ) -> Result<([usize; 4], [usize; 2]), ShapeError> {
        let [x, kernel] = required(self, inputs)?;
        let [batch, channels, height, width] = x.nchw("x")?;
        for (name, tensor) in self.inputs().into_iter().zip(inputs).skip(2) {
            tensor.array::<1>(name, "[C]")?;
            tensor.expect(name, 0, "channels", channels, || format!("x is {x}"))?;
        }
        divide("channels of x", channels, "groups", self.groups)?;
        if self.upsample == 0 {
            let (parameter, must) = ("upsample", "at least 1");
            return Err(ShapeError::Parameter { parameter, must, value: "0".to_owned() });
        }
        let positions = self.border.positions(&self.window, [height, width])?;
        let mut output = positions;
        for size in &mut output {
            *size = product("the output", &[*size, self.upsample])?;
        }
        self.check_kernel(kernel, x, positions, output)?;
        Ok(([batch, channels, height, width], output))
    }

    /// An error where the kernel does not have the shape of its layout.
    fn check_kernel(
        &self,
        kernel: &Shape,
        x: &Shape,
        positions: [usize; 2],
        output: [usize; 2],
    ) -> Result<(), ShapeError> {
        let taps = self.window.taps();
        // Dimensions after the batch: where they are, what they are called and how large they must be.
        let maps = |factors: &[usize]| Ok((1, "channels", product("kernel", factors)?));
        let (groups, rows, columns) = ((1, "groups", self.groups), "height", "width");
        let dims: Vec<(usize, &'static str, usize)> = match self.kernel_layout {
            KernelLayout::TapsFirst if kernel.rank() == 5 => {
                kernel.not_empty("kernel")?;
                vec![groups, (2, "taps", taps), (3, rows, output[0]), (4, columns, output[1])]
            }
            KernelLayout::TapsFirst => {
                kernel.nchw("kernel")?;
                let maps = maps(&[self.groups, taps])?;
                vec![maps, (2, rows, output[0]), (3, columns, output[1])]
            }
            KernelLayout::TapsLast => {
                kernel.array::<5>("kernel", "[N, G, H', W', Kh*Kw]")?;
                vec![groups, (2, rows, output[0]), (3, columns, output[1]), (4, "taps", taps)]
            }
            KernelLayout::BeforePixelShuffle => {
                kernel.array::<4>("kernel", "[N, G*Kh*Kw*r*r, H, W]")?;
                let maps = maps(&[self.groups, taps, self.upsample, self.upsample])?;
                vec![maps, (2, rows, positions[0]), (3, columns, positions[1])]
            }
        };
        kernel.expect("kernel", 0, "batch", x.dims()[0], || format!("x is {x}"))?;
        for (axis, name, expected) in dims {
            kernel.expect("kernel", axis, name, expected, || match name {
                "height" | "width" => format!(
                    "x {x} gives {}x{} positions; where a stride does not divide the size, a kernel \
                     made by floor pooling is one short: resize x, or make the kernel from x resized",
                    output[0], output[1]
                ),
                _ => {
                    let [kh, kw] = self.window.kernel_size;
                    format!("{} groups of {kh}x{kw} taps", self.groups)
                }
            })?;
        }
        Ok(())
    }

    /// Floating-point operations for an output of this shape.
    pub(super) fn flops_of(&self, output: &Shape) -> Result<u64, ShapeError> {
        let outputs = output.elements()? as u64;
        // Maximum, difference, exponential, sum and quotient, for each channel at the most.
        let taps = if self.softmax { 3 * self.window.taps() } else { self.window.taps() };
        let terms = taps + usize::from(self.affine);
        Ok(outputs.saturating_mul(2 * terms as u64 + self.activation.flops()))
    }
}

impl Op for Involution {
    fn name(&self) -> &'static str {
        "involution"
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "kernel"];
        if self.affine {
            inputs.extend(["scale", "shift"]);
        }
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let ([batch, channels, ..], [height, width]) = self.checked(inputs)?;
        Ok(Shape::from([batch, channels, height, width]))
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        self.flops_of(&self.output_shape(inputs)?)
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

impl Attributed for Involution {
    fn blank(optional: bool, _: bool) -> Self {
        Involution { affine: optional, ..Involution::new(Window::new([1, 1]), 1) }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        visit_window(&mut self.window, v, false)?;
        v.visit("groups", &mut self.groups, Some(1))?;
        v.visit("channel_order", &mut self.channel_order, Some(ChannelOrder::default()))?;
        v.visit("border", &mut self.border, Some(Border::default()))?;
        v.visit("upsample", &mut self.upsample, Some(1))?;
        v.visit("softmax", &mut self.softmax, Some(false))?;
        v.visit("kernel_layout", &mut self.kernel_layout, Some(KernelLayout::default()))?;
        v.visit("activation", &mut self.activation, Some(Activation::None))
    }
}

named_values! {
    ChannelOrder: "blocked or interleaved",
    Border: "zero, reflect, replicate or shift",
    KernelLayout: "taps_first, taps_last or before_pixel_shuffle",
}

//! CARAFE: upsampling that reassembles features with kernels made of the content.
//!
//! `encoded = content_encoder(channel_compressor(x))`, a 1x1 and a padded convolution, both with a bias; a pixel shuffle and
//! a softmax over the taps make a kernel for each output pixel of `encoded`, and y is the [`Involution`] of x with these.
//! x `[N, C, H, W]` -> `[N, C, s*H, s*W]`. What the encoder makes is a result, too, named `encoded`.
//!
//! Weights as in mmcv's `CARAFEPack`: `channel_compressor.{weight [Cc, C, 1, 1], bias}`,
//! `content_encoder.{weight [G*K*K*s*s, Cc, Ke, Ke], bias}`.
//! Definition: Wang et al., "CARAFE: Content-Aware ReAssembly of FEatures", ICCV 2019.

use super::parts::{ConvSpec, conv, dims_of, expect_channels, setters};
use super::rank::Rank;
use crate::error::{Error, Result, ShapeError};
use crate::ops::Involution;
use crate::plan::{Builder, Layer, Value};
use crate::shape::{Padding, Shape, divide};
use crate::tensor::StateDict;

/// CARAFE with the branch that makes its kernels.
#[doc(alias = "CARAFEPack")]
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Carafe {
    /// Channels of x and of the result.
    pub channels: usize,
    /// How many times higher and wider the result is.
    pub scale_factor: usize,
    /// Taps along an axis of the kernels that reassemble; odd.
    pub up_kernel: usize,
    /// Groups of channels that share a kernel.
    pub up_group: usize,
    /// Taps along an axis of the encoder.
    pub encoder_kernel: usize,
    /// Distance between two taps of the encoder.
    pub encoder_dilation: usize,
    /// Channels of which the encoder makes the kernels.
    pub compressed_channels: usize,
}

impl Carafe {
    /// Kernels of 5x5 for all channels, made by a 3x3 convolution of 64 channels.
    pub fn new(channels: usize, scale_factor: usize) -> Self {
        Carafe {
            channels,
            scale_factor,
            up_kernel: 5,
            up_group: 1,
            encoder_kernel: 3,
            encoder_dilation: 1,
            compressed_channels: 64,
        }
    }

    /// The layer whose weights these are, with kernels of `up_kernel` taps along an axis for each of `up_group` groups. The
    /// rest of what weights do not tell is as in [`Carafe::new`].
    pub fn from_weights(weights: &StateDict, up_kernel: usize, up_group: usize) -> Result<Self> {
        let (layer, compressor) = ("carafe", "channel_compressor.weight");
        let [compressed_channels, channels, ..] =
            dims_of::<4>(layer, weights, compressor, "[Cc, C, 1, 1]")?;
        let layout = "[G*K*K*s*s, Cc, Ke, Ke]";
        let [maps, _, encoder_kernel, _] =
            dims_of::<4>(layer, weights, "content_encoder.weight", layout)?;
        let taps = up_kernel.saturating_mul(up_kernel).saturating_mul(up_group);
        let pixels = divide("rows of content_encoder.weight", maps, "taps", taps)
            .map_err(Error::at(layer))?;
        let scale_factor = pixels.isqrt();
        if scale_factor * scale_factor != pixels {
            return Err(Error::at(layer)(ShapeError::Parameter {
                parameter: "up_kernel",
                must: "such that the encoder makes a square of pixels for each tap",
                value: format!("{up_kernel}, of which it makes {pixels}"),
            }));
        }
        let layer = Carafe::new(channels, scale_factor);
        Ok(Carafe { up_kernel, up_group, encoder_kernel, compressed_channels, ..layer })
    }

    setters! {
        /// Sets how many taps the kernels that reassemble have along an axis.
        up_kernel: usize,
        /// Sets the number of groups of channels that share a kernel.
        up_group: usize,
        /// Sets how many taps the encoder has along an axis.
        encoder_kernel: usize,
        /// Sets the distance between two taps of the encoder.
        encoder_dilation: usize,
        /// Sets of how many channels the encoder makes the kernels.
        compressed_channels: usize,
    }
}

impl Layer for Carafe {
    fn name(&self) -> String {
        "carafe".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        let (kernel, dilation) = ([self.encoder_kernel; 2], [self.encoder_dilation; 2]);
        Rank::Two.example(self.channels, kernel, dilation, [1, 1])
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        expect_channels(plan, x, self.channels)?;
        let compressor = ConvSpec { bias: true, ..ConvSpec::pointwise(self.compressed_channels) };
        let compressed = conv(plan, "channel_compressor", x, compressor)?;
        let factors = [self.up_group, self.up_kernel, self.up_kernel];
        let factors = [&factors[..], &[self.scale_factor; 2]].concat();
        let maps = crate::shape::product("the encoder", &factors)
            .map_err(|source| plan.refuse("conv2d", source))?;
        // As mmcv has it, half a tap less for an even kernel.
        let padding =
            self.encoder_kernel.saturating_sub(1).saturating_mul(self.encoder_dilation) / 2;
        let encoder = ConvSpec {
            kernel_size: [self.encoder_kernel; 2],
            padding: Padding::from(padding),
            dilation: [self.encoder_dilation; 2],
            bias: true,
            ..ConvSpec::pointwise(maps)
        };
        let encoded = conv(plan, "content_encoder", compressed, encoder)?;
        plan.expose("encoded", encoded);
        let op = Involution::carafe_normalised(self.up_kernel, self.up_group, self.scale_factor);
        Ok(vec![plan.apply("", op, &[x, encoded])?])
    }
}

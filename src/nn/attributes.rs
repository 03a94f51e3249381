//! Layers from text: a name and attributes under the names that PyTorch modules give them.

use super::carafe::Carafe;
use super::conv_bn_act::ConvBnAct;
use super::conv3d::Conv3d;
use super::dynamic_conv2d::{DynamicConv2d, hidden_channels};
use super::dynamic_conv3d::DynamicConv3d;
use super::involution2d::{Involution2d, PoolTo, Sigma, TapOrder};
use super::involution3d::Involution3d;
use super::light_conv1d::{DynamicLightConv1d, LightConv1d};
use super::local_attention2d::LocalAttention2d;
use super::parts::EPS;
use super::rank::Rank;
use super::san::{San, SanRelation};
use super::separable_conv2d::SeparableConv2d;
use crate::error::{Error, Result, ShapeError};
use crate::ops::Activation;
use crate::ops::attributes::{Attributes, Reader};
use crate::ops::value::Value;
use crate::plan::Layer;
use crate::shape::{Padding, Shape};
use crate::tensor::StateDict;

/// The layers that [`from_attributes`] knows, each with its attributes.
pub const LAYERS: &[(&str, &[&str])] = &[
    (
        "involution2d_dli14",
        &[
            "channels",
            "kernel_size",
            "stride",
            "group_channels",
            "reduction_ratio",
            "force_shape_match",
        ],
    ),
    ("involution2d_reich", PROJECTION),
    ("involution1d", PROJECTION),
    (
        "involution3d",
        &[
            "in_channels",
            "out_channels",
            "kernel_size",
            "stride",
            "padding",
            "dilation",
            "groups",
            "reduce_ratio",
            "bias",
            "sigma_mapping",
            "force_shape_match",
            "compatible_with_released",
        ],
    ),
    (
        "local_attention2d",
        &[
            "dim",
            "num_heads",
            "kernel_size",
            "dilation",
            "border",
            "mask",
            "qkv_bias",
            "rel_pos_bias",
        ],
    ),
    ("dynamic_conv2d", DYNAMIC),
    ("dynamic_conv1d", DYNAMIC),
    ("dynamic_conv3d", DYNAMIC),
    (
        "conv3d",
        &[
            "in_channels",
            "out_channels",
            "kernel_size",
            "stride",
            "padding",
            "dilation",
            "groups",
            "bias",
        ],
    ),
    (
        "separable_conv2d",
        &[
            "in_channels",
            "out_channels",
            "kernel_size",
            "stride",
            "padding",
            "dilation",
            "bias",
            "multiplier",
            "activation",
        ],
    ),
    (
        "conv_bn_act",
        &[
            "in_channels",
            "out_channels",
            "kernel_size",
            "stride",
            "padding",
            "dilation",
            "groups",
            "bias",
            "activation",
        ],
    ),
    (
        "carafe",
        &[
            "channels",
            "scale_factor",
            "up_kernel",
            "up_group",
            "encoder_kernel",
            "encoder_dilation",
            "compressed_channels",
        ],
    ),
    (
        "light_conv1d",
        &[
            "input_size",
            "kernel_size",
            "padding_l",
            "num_heads",
            "weight_softmax",
            "bias",
            "channel_order",
        ],
    ),
    (
        "dynamic_light_conv1d",
        &[
            "input_size",
            "kernel_size",
            "padding_l",
            "num_heads",
            "weight_softmax",
            "bias",
            "conv_bias",
        ],
    ),
    ("san_pairwise", SAN),
    ("san_patchwise", SAN),
];

const SAN: &[&str] = &["in_planes", "rel_planes", "out_planes", "share_planes", "kernel_size"];

const PROJECTION: &[&str] = &[
    "in_channels",
    "out_channels",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "reduce_ratio",
    "bias",
    "sigma_mapping",
    "force_shape_match",
    "channel_order",
    "tap_order",
];

const DYNAMIC: &[&str] = &[
    "in_planes",
    "out_planes",
    "kernel_size",
    "ratio",
    "stride",
    "padding",
    "dilation",
    "groups",
    "bias",
    "K",
    "temperature",
];

/// The layer of this name for these weights. Attributes say what weights do not; one that weights do
/// tell, such as `in_channels`, may be given, and then has to agree with them.
pub fn from_attributes(
    name: &str,
    attributes: &Attributes,
    weights: &StateDict,
) -> Result<Box<dyn Layer>> {
    let Some((name, known)) = LAYERS.iter().find(|(known, _)| *known == name) else {
        let known = LAYERS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let unknown = ShapeError::UnknownLayer { name: name.to_owned(), known };
        return Err(Error::at("layer")(unknown));
    };
    let read = Read {
        reader: Reader::new(&attributes.0, known.to_vec()).map_err(Error::at(name))?,
        layer: name,
    };
    match *name {
        "involution2d_dli14" => read.paper(weights),
        "involution2d_reich" => read.projection(weights, Rank::Two),
        "involution1d" => read.projection(weights, Rank::One),
        "dynamic_conv2d" => read.dynamic(weights, Rank::Two),
        "dynamic_conv1d" => read.dynamic(weights, Rank::One),
        "involution3d" => read.involution3d(weights),
        "dynamic_conv3d" => read.dynamic3d(weights),
        "conv3d" => read.conv3d(weights),
        "local_attention2d" => read.attention(weights),
        "separable_conv2d" => read.separable(weights),
        "carafe" => read.carafe(weights),
        "light_conv1d" => read.light(weights),
        "dynamic_light_conv1d" => read.dynamic_light(weights),
        "san_pairwise" => read.san(weights, SanRelation::Pairwise),
        "san_patchwise" => read.san(weights, SanRelation::Patchwise),
        _ => read.conv_bn_act(weights),
    }
}

/// The attributes of one layer.
struct Read<'a> {
    reader: Reader<'a>,
    layer: &'static str,
}

impl Read<'_> {
    fn get<T: Value>(&self, name: &'static str) -> Result<Option<T>> {
        self.reader.get(name).map_err(Error::at(self.layer))
    }

    /// An attribute that weights tell must be what they tell.
    fn agree<T: Value>(&self, name: &'static str, found: &T) -> Result<()> {
        match self.get::<T>(name)? {
            Some(given) if given != *found => {
                let value = format!("{} where they have {}", given.write(), found.write());
                Err(self.refused(name, "what the weights have", value))
            }
            _ => Ok(()),
        }
    }

    fn refused(&self, parameter: &'static str, must: &'static str, value: String) -> Error {
        Error::at(self.layer)(ShapeError::Parameter { parameter, must, value })
    }

    /// A pair in the layout of images: of a sequence, only the last counts.
    fn pair(&self, name: &'static str, rank: Rank, default: usize) -> Result<[usize; 2]> {
        let [height, width] = self.get(name)?.unwrap_or([default; 2]);
        Ok(if rank == Rank::One { [1, width] } else { [height, width] })
    }

    fn padding(&self, rank: Rank, default: usize) -> Result<Padding> {
        Ok(rank.padding(self.get("padding")?.unwrap_or(Padding::from(default))))
    }

    fn pool_to(&self) -> Result<PoolTo> {
        let force = self.get("force_shape_match")?.unwrap_or(false);
        Ok(if force { PoolTo::Output } else { PoolTo::Stride })
    }

    fn paper(&self, weights: &StateDict) -> Result<Box<dyn Layer>> {
        let group_channels = self.get("group_channels")?.unwrap_or(16);
        let layer = Involution2d::from_weights(weights, group_channels)?;
        self.agree("channels", &layer.in_channels)?;
        self.agree("kernel_size", &layer.window.kernel_size)?;
        self.agree("reduction_ratio", &layer.reduction_ratio)?;
        let stride = self.pair("stride", Rank::Two, 1)?;
        Ok(Box::new(layer.stride(stride).pool_to(self.pool_to()?)))
    }

    fn projection(&self, weights: &StateDict, rank: Rank) -> Result<Box<dyn Layer>> {
        let layer = Involution2d::with_projection_of(self.layer, weights, rank)?;
        self.agree("in_channels", &layer.in_channels)?;
        self.agree("out_channels", &layer.out_channels)?;
        self.agree("bias", &layer.bias[0])?;
        let ratio = self.reduce_ratio(weights, layer.out_channels, layer.reduction_ratio)?;
        let sigma = self.sigma(&layer.sigma)?;
        let layer = layer
            .kernel_size(self.pair("kernel_size", rank, 7)?)
            .padding(self.padding(rank, 3)?)
            .stride(self.pair("stride", rank, 1)?)
            .dilation(self.pair("dilation", rank, 1)?)
            .groups(self.get("groups")?.unwrap_or(1))
            .reduction_ratio(ratio)
            .sigma(sigma)
            .pool_to(self.pool_to()?)
            .channel_order(self.get("channel_order")?.unwrap_or_default())
            .tap_order(self.get("tap_order")?.unwrap_or_default());
        Ok(Box::new(layer))
    }

    /// The reduction ratio that the weights have.
    fn reduce_ratio(&self, weights: &StateDict, channels: usize, found: usize) -> Result<usize> {
        let reduced = weights.shape("reduce_mapping.weight").and_then(|it| it.dims().first());
        // Several ratios may leave as many channels.
        match self.get::<usize>("reduce_ratio")? {
            Some(given) if given > 0 && Some(&(channels / given)) == reduced => Ok(given),
            _ => self.agree("reduce_ratio", &found).map(|()| found),
        }
    }

    /// The middle of the kernel branch; the one that the weights have where none is given.
    fn sigma(&self, found: &Sigma) -> Result<Sigma> {
        Ok(match self.get::<String>("sigma_mapping")?.as_deref() {
            None => found.clone(),
            Some("bn_relu") => Sigma::BatchNormRelu(EPS),
            Some(name) => {
                let known = Activation::ALL.iter().find(|(known, _)| *known == name);
                let must = "bn_relu, none, relu, relu6, sigmoid or silu";
                let wrong = || self.refused("sigma_mapping", must, format!("'{name}'"));
                Sigma::Activation(known.ok_or_else(wrong)?.1)
            }
        })
    }

    fn involution3d(&self, weights: &StateDict) -> Result<Box<dyn Layer>> {
        let layer = Involution3d::from_weights(weights)?;
        self.agree("in_channels", &layer.in_channels)?;
        self.agree("out_channels", &layer.out_channels)?;
        self.agree("bias", &layer.bias)?;
        let ratio = self.reduce_ratio(weights, layer.out_channels, layer.reduction_ratio)?;
        let sigma = self.sigma(&layer.sigma)?;
        let released = self.get("compatible_with_released")?.unwrap_or(false);
        let layer = layer
            .kernel_size(self.get("kernel_size")?.unwrap_or([7; 3]))
            .padding(self.get("padding")?.unwrap_or(Padding::from(3)))
            .stride(self.get("stride")?.unwrap_or([1; 3]))
            .dilation(self.get("dilation")?.unwrap_or([1; 3]))
            .groups(self.get("groups")?.unwrap_or(1))
            .reduction_ratio(ratio)
            .sigma(sigma)
            .pool_to(self.pool_to()?);
        Ok(Box::new(layer.compatible_with_released(released)))
    }

    /// The convolution with the attributes that weights do not tell.
    fn volumes(&self, conv: Conv3d) -> Result<Conv3d> {
        self.agree("kernel_size", &conv.kernel_size)?;
        self.agree("bias", &conv.bias)?;
        Ok(conv
            .stride(self.get("stride")?.unwrap_or([1; 3]))
            .padding(self.get::<Padding<3>>("padding")?.unwrap_or_default())
            .dilation(self.get("dilation")?.unwrap_or([1; 3])))
    }

    fn conv3d(&self, weights: &StateDict) -> Result<Box<dyn Layer>> {
        let conv = Conv3d::from_weights(weights, self.get("groups")?.unwrap_or(1))?;
        self.agree("in_channels", &conv.in_channels)?;
        self.agree("out_channels", &conv.out_channels)?;
        Ok(Box::new(self.volumes(conv)?))
    }

    fn dynamic3d(&self, weights: &StateDict) -> Result<Box<dyn Layer>> {
        let mut layer = DynamicConv3d::from_weights(weights)?;
        self.agree("in_planes", &layer.conv.in_channels)?;
        self.agree("out_planes", &layer.conv.out_channels)?;
        self.agree("groups", &layer.conv.groups)?;
        self.agree("K", &layer.kernels)?;
        self.agree_ratio(layer.conv.in_channels, layer.kernels, layer.hidden)?;
        layer.conv = self.volumes(layer.conv)?;
        layer.temperature = self.get("temperature")?.unwrap_or(layer.temperature);
        Ok(Box::new(layer))
    }

    /// An error where a ratio is given that makes another number of channels in the middle of the attention.
    fn agree_ratio(&self, in_channels: usize, kernels: usize, found: usize) -> Result<()> {
        let Some(ratio) = self.get::<f64>("ratio")? else { return Ok(()) };
        let hidden = hidden_channels(in_channels, kernels, ratio);
        if hidden == found {
            return Ok(());
        }
        let value = format!("{ratio}: {hidden} channels where the weights have {found}");
        Err(self.refused("ratio", "what the weights have", value))
    }

    fn dynamic(&self, weights: &StateDict, rank: Rank) -> Result<Box<dyn Layer>> {
        let layer = DynamicConv2d::from_weights(weights)?;
        if layer.rank != rank {
            let expected = if rank == Rank::One {
                "[K, Co, Ci/groups, K]"
            } else {
                "[K, Co, Ci/groups, Kh, Kw]"
            };
            let found = weights.shape("weight").cloned();
            let found = found.unwrap_or_else(|| Shape::from([0]));
            return Err(Error::at(self.layer)(ShapeError::Rank {
                tensor: "weight",
                expected,
                found,
            }));
        }
        self.agree("in_planes", &layer.in_channels)?;
        self.agree("out_planes", &layer.out_channels)?;
        self.agree("groups", &layer.groups)?;
        self.agree("bias", &layer.bias)?;
        self.agree("K", &layer.kernels)?;
        let kernel_size = self.pair("kernel_size", rank, 0)?;
        if self.get::<[usize; 2]>("kernel_size")?.is_some() && kernel_size != layer.kernel_size {
            self.agree("kernel_size", &layer.kernel_size)?;
        }
        self.agree_ratio(layer.in_channels, layer.kernels, layer.hidden)?;
        let temperature = self.get("temperature")?.unwrap_or(layer.temperature);
        Ok(Box::new(
            layer
                .stride(self.pair("stride", rank, 1)?)
                .padding(self.padding(rank, 0)?)
                .dilation(self.pair("dilation", rank, 1)?)
                .temperature(temperature),
        ))
    }

    fn attention(&self, weights: &StateDict) -> Result<Box<dyn Layer>> {
        let kernel_size = self.get("kernel_size")?;
        let layer = LocalAttention2d::from_weights(weights, self.get("num_heads")?, kernel_size)?;
        self.agree("dim", &layer.channels)?;
        self.agree("qkv_bias", &layer.bias)?;
        self.agree("rel_pos_bias", &layer.relative_bias)?;
        let layer = layer
            .dilation(self.pair("dilation", Rank::Two, 1)?)
            .mask(self.get("mask")?.unwrap_or(false));
        Ok(Box::new(match self.get("border")? {
            Some(border) => layer.border(border),
            None => layer,
        }))
    }

    fn separable(&self, weights: &StateDict) -> Result<Box<dyn Layer>> {
        let multiplier = self.get("multiplier")?.unwrap_or(1);
        let layer = SeparableConv2d::from_weights(weights, multiplier)?;
        self.agree("in_channels", &layer.in_channels)?;
        self.agree("out_channels", &layer.out_channels)?;
        self.agree("kernel_size", &layer.kernel_size)?;
        self.agree("bias", &layer.bias)?;
        let layer = layer
            .stride(self.pair("stride", Rank::Two, 1)?)
            .padding(self.padding(Rank::Two, 0)?)
            .dilation(self.pair("dilation", Rank::Two, 1)?);
        let activation = self.get("activation")?.unwrap_or_default();
        Ok(Box::new(SeparableConv2d { activation, ..layer }))
    }

    fn carafe(&self, weights: &StateDict) -> Result<Box<dyn Layer>> {
        let up_kernel = self.get("up_kernel")?.unwrap_or(5);
        let up_group = self.get("up_group")?.unwrap_or(1);
        let layer = Carafe::from_weights(weights, up_kernel, up_group)?;
        self.agree("channels", &layer.channels)?;
        self.agree("scale_factor", &layer.scale_factor)?;
        self.agree("encoder_kernel", &layer.encoder_kernel)?;
        self.agree("compressed_channels", &layer.compressed_channels)?;
        Ok(Box::new(layer.encoder_dilation(self.get("encoder_dilation")?.unwrap_or(1))))
    }

    /// An attribute that weights do not tell, and that has no default.
    fn required<T: Value>(&self, name: &'static str) -> Result<T> {
        let known = LAYERS.iter().find(|(layer, _)| *layer == self.layer);
        let known = known.map_or_else(String::new, |(_, names)| names.join(", "));
        let missing = ShapeError::MissingAttribute { name, known };
        self.get(name)?.ok_or_else(|| Error::at(self.layer)(missing))
    }

    fn light(&self, weights: &StateDict) -> Result<Box<dyn Layer>> {
        let layer = LightConv1d::from_weights(weights, self.required("input_size")?)?;
        self.agree("kernel_size", &layer.kernel_size)?;
        self.agree("num_heads", &layer.heads)?;
        self.agree("bias", &layer.bias)?;
        let padding_l = self.get("padding_l")?.unwrap_or(layer.padding_l);
        let layer = layer
            .padding_l(padding_l)
            .weight_softmax(self.get("weight_softmax")?.unwrap_or(true))
            .channel_order(self.get("channel_order")?.unwrap_or_default());
        Ok(Box::new(layer))
    }

    fn dynamic_light(&self, weights: &StateDict) -> Result<Box<dyn Layer>> {
        let layer = DynamicLightConv1d::from_weights(weights, self.required("num_heads")?)?;
        self.agree("input_size", &layer.channels)?;
        self.agree("kernel_size", &layer.kernel_size)?;
        self.agree("bias", &layer.bias)?;
        self.agree("conv_bias", &layer.conv_bias)?;
        let padding_l = self.get("padding_l")?.unwrap_or(layer.padding_l);
        let weight_softmax = self.get("weight_softmax")?.unwrap_or(true);
        Ok(Box::new(layer.padding_l(padding_l).weight_softmax(weight_softmax)))
    }

    fn san(&self, weights: &StateDict, relation: SanRelation) -> Result<Box<dyn Layer>> {
        let mut layer = San::from_weights(weights)?;
        if layer.relation != relation {
            let must = "the name of the layer that the weights belong to";
            return Err(self.refused("layer", must, layer.name()));
        }
        self.agree("in_planes", &layer.in_planes)?;
        self.agree("rel_planes", &layer.rel_planes)?;
        self.agree("out_planes", &layer.out_planes)?;
        self.agree("share_planes", &layer.share_planes)?;
        match relation {
            SanRelation::Pairwise => {
                layer = layer.kernel_size(self.get("kernel_size")?.unwrap_or(7));
            }
            SanRelation::Patchwise => self.agree("kernel_size", &layer.kernel_size)?,
        }
        Ok(Box::new(layer))
    }

    fn conv_bn_act(&self, weights: &StateDict) -> Result<Box<dyn Layer>> {
        let groups = self.get("groups")?.unwrap_or(1);
        let layer = ConvBnAct::from_weights(weights, groups)?;
        self.agree("in_channels", &layer.in_channels)?;
        self.agree("out_channels", &layer.out_channels)?;
        self.agree("kernel_size", &layer.kernel_size)?;
        self.agree("bias", &layer.bias)?;
        let layer = layer
            .stride(self.pair("stride", Rank::Two, 1)?)
            .padding(self.padding(Rank::Two, 0)?)
            .dilation(self.pair("dilation", Rank::Two, 1)?);
        Ok(Box::new(layer.activation(self.get("activation")?.unwrap_or(Activation::Relu))))
    }
}

impl Value for TapOrder {
    const MUST: &'static str = "group_major or tap_major";
    fn read(text: &str) -> Option<Self> {
        match text {
            "group_major" => Some(TapOrder::GroupMajor),
            "tap_major" => Some(TapOrder::TapMajor),
            _ => None,
        }
    }
    fn write(&self) -> String {
        match self {
            TapOrder::GroupMajor => "group_major".to_owned(),
            TapOrder::TapMajor => "tap_major".to_owned(),
        }
    }
}

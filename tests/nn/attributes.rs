//! Layers from text.

use involution::nn::{
    Carafe, Conv3d, ConvBnAct, DynamicConv2d, DynamicConv3d, DynamicLightConv1d, Involution2d,
    Involution3d, LAYERS, LightConv1d, LocalAttention2d, PoolTo, San, SeparableConv2d, Sigma,
    TapOrder, from_attributes,
};
use involution::ops::{Activation, Attributes, ChannelOrder};
use involution::{Error, Layer, Result, Shape, ShapeError, StateDict, WeightsError};

use super::{refusal, sides};
use crate::networks::zeros_of;

/// A layer with nothing at its default, the attributes that say so, an input, and for each attribute
/// another value.
struct Case {
    name: &'static str,
    layer: Box<dyn Layer>,
    attributes: &'static [[&'static str; 3]],
    x: Shape,
}

fn cases() -> Vec<Case> {
    let reich = Involution2d::with_projection(8, 12)
        .kernel_size([3, 5])
        .stride([2, 1])
        .padding(sides(2, 4))
        .dilation([2, 1])
        .groups(2)
        .reduction_ratio(3)
        .bias(true)
        .sigma(Sigma::Activation(Activation::Silu))
        .pool_to(PoolTo::Output)
        .channel_order(ChannelOrder::Interleaved)
        .tap_order(TapOrder::TapMajor);
    let one = Involution2d::one_dimensional(8, 4)
        .kernel_size([1, 5])
        .stride([1, 3])
        .padding(sides(0, 4))
        .dilation([1, 2])
        .groups(2)
        .reduction_ratio(2)
        .bias(true)
        .sigma(Sigma::Activation(Activation::Relu6))
        .pool_to(PoolTo::Output)
        .channel_order(ChannelOrder::Interleaved)
        .tap_order(TapOrder::TapMajor);
    let dynamic = DynamicConv2d::new(8, 6, [3, 5])
        .kernels(3)
        .ratio(0.5)
        .stride([2, 1])
        .padding(sides(1, 2))
        .dilation([1, 2])
        .groups(2)
        .temperature(7.0);
    let dynamic1 = DynamicConv2d::one_dimensional(8, 6, 5)
        .kernels(3)
        .ratio(0.5)
        .stride([1, 2])
        .padding(sides(0, 2))
        .dilation([1, 2])
        .groups(2)
        .temperature(7.0);
    let separable = SeparableConv2d::new(4, 6, [3, 5]).multiplier(2).activation(Activation::Relu);
    let conv = ConvBnAct::new(4, 6, [3, 5]).groups(2).bias(true).activation(Activation::Silu);
    let image = |channels| Shape::from([1, channels, 9, 11]);
    vec![
        Case {
            name: "involution2d_dli14",
            layer: Box::new(
                Involution2d::paper(32, [3, 3])
                    .stride([2, 2])
                    .group_channels(8)
                    .reduction_ratio(2)
                    .pool_to(PoolTo::Output),
            ),
            attributes: &[
                ["channels", "32", "16"],
                ["kernel_size", "3", "5"],
                ["stride", "2", "1"],
                ["group_channels", "8", "16"],
                ["reduction_ratio", "2", "4"],
                ["force_shape_match", "true", "false"],
            ],
            x: image(32),
        },
        Case {
            name: "involution2d_reich",
            layer: Box::new(reich),
            attributes: &[
                ["in_channels", "8", "12"],
                ["out_channels", "12", "8"],
                ["kernel_size", "3x5", "5x3"],
                ["stride", "2x1", "1x2"],
                ["padding", "2x4", "4x2"],
                ["dilation", "2x1", "1x2"],
                ["groups", "2", "4"],
                ["reduce_ratio", "3", "2"],
                ["bias", "true", "false"],
                ["sigma_mapping", "silu", "bn_relu"],
                ["force_shape_match", "true", "false"],
                ["channel_order", "interleaved", "blocked"],
                ["tap_order", "tap_major", "group_major"],
            ],
            x: image(8),
        },
        Case {
            name: "involution1d",
            layer: Box::new(one),
            attributes: &[
                ["in_channels", "8", "4"],
                ["out_channels", "4", "8"],
                ["kernel_size", "5", "3"],
                ["stride", "3", "2"],
                ["padding", "4", "3"],
                ["dilation", "2", "1"],
                ["groups", "2", "4"],
                ["reduce_ratio", "2", "1"],
                ["bias", "true", "false"],
                ["sigma_mapping", "relu6", "none"],
                ["force_shape_match", "true", "false"],
                ["channel_order", "interleaved", "blocked"],
                ["tap_order", "tap_major", "group_major"],
            ],
            x: Shape::from([1, 8, 20]),
        },
        Case {
            name: "involution3d",
            layer: Box::new(
                Involution3d::new(8, 12)
                    .kernel_size([1, 3, 5])
                    .stride([1, 2, 1])
                    .padding([0, 2, 4])
                    .dilation([1, 2, 2])
                    .groups(2)
                    .reduction_ratio(3)
                    .bias(true)
                    .sigma(Sigma::Activation(Activation::Silu))
                    .pool_to(PoolTo::Output),
            ),
            attributes: &[
                ["in_channels", "8", "4"],
                ["out_channels", "12", "8"],
                ["kernel_size", "1x3x5", "3"],
                ["stride", "1x2x1", "1"],
                ["padding", "0x2x4", "1"],
                ["dilation", "1x2x2", "1"],
                ["groups", "2", "1"],
                ["reduce_ratio", "3", "2"],
                ["bias", "true", "false"],
                ["sigma_mapping", "silu", "relu"],
                ["force_shape_match", "true", "false"],
                ["compatible_with_released", "false", "true"],
            ],
            x: Shape::from([1, 8, 3, 9, 11]),
        },
        Case {
            name: "local_attention2d",
            layer: Box::new(
                LocalAttention2d::new(12, 3, [3, 5])
                    .dilation([2, 1])
                    .mask(true)
                    .bias(true)
                    .relative_bias(true),
            ),
            attributes: &[
                ["dim", "12", "8"],
                ["num_heads", "3", "2"],
                ["kernel_size", "3x5", "5x3"],
                ["dilation", "2x1", "1"],
                ["border", "zero", "replicate"],
                ["mask", "true", "false"],
                ["qkv_bias", "true", "false"],
                ["rel_pos_bias", "true", "false"],
            ],
            x: image(12),
        },
        Case {
            name: "dynamic_conv2d",
            layer: Box::new(dynamic),
            attributes: &[
                ["in_planes", "8", "4"],
                ["out_planes", "6", "8"],
                ["kernel_size", "3x5", "3"],
                ["ratio", "0.5", "0.25"],
                ["stride", "2x1", "1"],
                ["padding", "1x2", "2x1"],
                ["dilation", "1x2", "1"],
                ["groups", "2", "1"],
                ["bias", "true", "false"],
                ["K", "3", "4"],
                ["temperature", "7", "1"],
            ],
            x: image(8),
        },
        Case {
            name: "dynamic_conv1d",
            layer: Box::new(dynamic1),
            attributes: &[
                ["in_planes", "8", "4"],
                ["out_planes", "6", "8"],
                ["kernel_size", "5", "3"],
                ["ratio", "0.5", "0.25"],
                ["stride", "2", "1"],
                ["padding", "2", "3"],
                ["dilation", "2", "1"],
                ["groups", "2", "1"],
                ["bias", "true", "false"],
                ["K", "3", "4"],
                ["temperature", "7", "1"],
            ],
            x: Shape::from([1, 8, 20]),
        },
        Case {
            name: "dynamic_conv3d",
            layer: Box::new(
                DynamicConv3d::new(8, 6, [2, 3, 5])
                    .kernels(3)
                    .ratio(0.5)
                    .stride([1, 2, 1])
                    .padding([0, 1, 2])
                    .dilation([1, 1, 2])
                    .groups(2)
                    .temperature(7.0),
            ),
            attributes: &[
                ["in_planes", "8", "4"],
                ["out_planes", "6", "8"],
                ["kernel_size", "2x3x5", "3"],
                ["ratio", "0.5", "0.25"],
                ["stride", "1x2x1", "1"],
                ["padding", "0x1x2", "1"],
                ["dilation", "1x1x2", "1"],
                ["groups", "2", "1"],
                ["bias", "true", "false"],
                ["K", "3", "4"],
                ["temperature", "7", "1"],
            ],
            x: Shape::from([1, 8, 4, 9, 11]),
        },
        Case {
            name: "conv3d",
            layer: Box::new(
                Conv3d::new(4, 6, [2, 3, 5])
                    .stride([1, 2, 1])
                    .padding([0, 1, 2])
                    .dilation([1, 1, 2])
                    .groups(2),
            ),
            attributes: &[
                ["in_channels", "4", "8"],
                ["out_channels", "6", "4"],
                ["kernel_size", "2x3x5", "3"],
                ["stride", "1x2x1", "1"],
                ["padding", "0x1x2", "1"],
                ["dilation", "1x1x2", "1"],
                ["groups", "2", "1"],
                ["bias", "true", "false"],
            ],
            x: Shape::from([1, 4, 4, 9, 11]),
        },
        Case {
            name: "separable_conv2d",
            layer: Box::new(
                separable.bias(true).stride([2, 1]).padding(sides(1, 2)).dilation([1, 2]),
            ),
            attributes: &[
                ["in_channels", "4", "8"],
                ["out_channels", "6", "4"],
                ["kernel_size", "3x5", "5x3"],
                ["stride", "2x1", "1x2"],
                ["padding", "1x2", "2x1"],
                ["dilation", "1x2", "1"],
                ["bias", "true", "false"],
                ["multiplier", "2", "1"],
                ["activation", "relu", "none"],
            ],
            x: image(4),
        },
        Case {
            name: "conv_bn_act",
            layer: Box::new(conv.stride([2, 1]).padding(sides(1, 2)).dilation([1, 2])),
            attributes: &[
                ["in_channels", "4", "2"],
                ["out_channels", "6", "4"],
                ["kernel_size", "3x5", "5x3"],
                ["stride", "2x1", "1x2"],
                ["padding", "1x2", "2x1"],
                ["dilation", "1x2", "1"],
                ["groups", "2", "1"],
                ["bias", "true", "false"],
                ["activation", "silu", "relu"],
            ],
            x: image(4),
        },
        Case {
            name: "carafe",
            layer: Box::new(
                Carafe::new(8, 2).up_group(4).compressed_channels(6).encoder_dilation(2),
            ),
            attributes: &[
                ["channels", "8", "4"],
                ["scale_factor", "2", "4"],
                ["up_kernel", "5", "3"],
                ["up_group", "4", "1"],
                ["encoder_kernel", "3", "5"],
                ["encoder_dilation", "2", "1"],
                ["compressed_channels", "6", "64"],
            ],
            x: image(8),
        },
        Case {
            name: "light_conv1d",
            layer: Box::new(
                LightConv1d::new(8, 3, 4)
                    .padding_l(1)
                    .weight_softmax(false)
                    .bias(true)
                    .channel_order(ChannelOrder::Interleaved),
            ),
            attributes: &[
                ["input_size", "8", "16"],
                ["kernel_size", "3", "5"],
                ["padding_l", "1", "2"],
                ["num_heads", "4", "2"],
                ["weight_softmax", "false", "true"],
                ["bias", "true", "false"],
                ["channel_order", "interleaved", "blocked"],
            ],
            x: Shape::from([1, 8, 20]),
        },
        Case {
            name: "dynamic_light_conv1d",
            layer: Box::new(
                DynamicLightConv1d::new(8, 3, 4)
                    .padding_l(1)
                    .weight_softmax(false)
                    .bias(true)
                    .conv_bias(true),
            ),
            attributes: &[
                ["input_size", "8", "16"],
                ["kernel_size", "3", "6"],
                ["padding_l", "1", "2"],
                ["num_heads", "4", "2"],
                ["weight_softmax", "false", "true"],
                ["bias", "true", "false"],
                ["conv_bias", "true", "false"],
            ],
            x: Shape::from([1, 8, 20]),
        },
        Case {
            name: "san_pairwise",
            layer: Box::new(San::pairwise(16, 7).rel_planes(2).share_planes(2)),
            attributes: SAN,
            x: image(16),
        },
        Case {
            name: "san_patchwise",
            layer: Box::new(San::patchwise(16, 7).rel_planes(2).share_planes(2)),
            attributes: SAN,
            x: image(16),
        },
    ]
}

const SAN: &[[&str; 3]] = &[
    ["in_planes", "16", "8"],
    ["rel_planes", "2", "1"],
    ["out_planes", "4", "8"],
    ["share_planes", "2", "4"],
    ["kernel_size", "7", "5"],
];

fn read(
    name: &str,
    pairs: impl IntoIterator<Item = (&'static str, &'static str)>,
    weights: &StateDict,
) -> Result<Box<dyn Layer>> {
    from_attributes(name, &Attributes::new(pairs), weights)
}

#[test]
fn every_attribute_of_every_layer_is_read() {
    let cases = cases();
    let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names, LAYERS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (Case { name, layer, attributes, x }, (_, known)) in cases.iter().zip(LAYERS) {
        let named: Vec<&str> = attributes.iter().map(|[name, ..]| *name).collect();
        assert_eq!(named, *known, "{name}");
        let want = layer.plan(x).unwrap();
        let weights = zeros_of(&want);
        let found = read(name, attributes.iter().map(|&[key, value, _]| (key, value)), &weights);
        assert_eq!(found.unwrap().plan(x).unwrap(), want, "{name}");
        // Each of them matters: with another value, it is another plan, or does not agree with the weights.
        for &[changed, value, other] in *attributes {
            let pairs = attributes
                .iter()
                .map(|&[key, value, other]| (key, if key == changed { other } else { value }));
            let found = read(name, pairs, &weights).and_then(|layer| {
                let plan = layer.plan(x)?;
                plan.check_weights(&weights)?;
                Ok(plan)
            });
            assert!(
                found != Ok(want.clone()),
                "{name}: {changed} {value} and {other} are the same"
            );
            if let Err(error) = found {
                assert!(error.to_string().len() > 20, "{error}");
            }
        }
    }
}

/// What weights tell may be left out, one by one or all at once.
#[test]
fn what_the_weights_tell_may_be_left_out() {
    let told = [
        "channels",
        "in_channels",
        "out_channels",
        "in_planes",
        "out_planes",
        "bias",
        "reduction_ratio",
        "reduce_ratio",
        "ratio",
        "K",
    ];
    for Case { name, layer, attributes, x } in cases() {
        let want = layer.plan(&x).unwrap();
        let weights = zeros_of(&want);
        // A window is told by the weight, too, where that has one.
        let window = !name.starts_with("involution") || name.ends_with("dli14");
        let told = |key: &str| {
            told.contains(&key)
                || (window && key == "kernel_size")
                || (name.starts_with("dynamic") && key == "groups")
        };
        let pairs = attributes.iter().map(|&[key, value, _]| (key, value));
        let rest = pairs.filter(|(key, _)| !told(key));
        assert_eq!(read(name, rest, &weights).unwrap().plan(&x).unwrap(), want, "{name}");
    }
}

#[test]
fn an_attribute_that_disagrees_with_the_weights_says_both() {
    for Case { name, layer, attributes, x } in cases() {
        let weights = zeros_of(&layer.plan(&x).unwrap());
        for key in ["channels", "in_channels", "in_planes", "out_channels", "out_planes"] {
            if !attributes.iter().any(|[known, ..]| *known == key) {
                continue;
            }
            let groups = attributes.iter().find(|[known, ..]| *known == "groups");
            let extra = groups.map(|&[key, value, _]| (key, value));
            let multiplier = attributes.iter().find(|[known, ..]| *known == "multiplier");
            let more = multiplier.map(|&[key, value, _]| (key, value));
            let spans = attributes.iter().find(|[known, ..]| *known == "group_channels");
            let spans = spans.map(|&[key, value, _]| (key, value));
            let pairs = [(key, "77")].into_iter().chain(extra).chain(more).chain(spans);
            let error = read(name, pairs, &weights).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(key) && text.contains("77 where they have"), "{text}");
            let ShapeError::Parameter { parameter, .. } = refusal(error) else { panic!("{text}") };
            assert_eq!(parameter, key);
        }
    }
}

#[test]
fn unknown_names_and_values_are_refused() {
    let none = StateDict::new();
    let error = read("involution4d", [], &none).unwrap_err();
    assert!(error.to_string().contains("involution2d_dli14"), "{error}");
    let Error::Shape { source: ShapeError::UnknownLayer { name, known }, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(name, "involution4d");
    assert!(LAYERS.iter().all(|(layer, _)| known.contains(layer)));
    for Case { name, layer, attributes, x } in cases() {
        let weights = zeros_of(&layer.plan(&x).unwrap());
        let pairs = || attributes.iter().map(|&[key, value, _]| (key, value));
        let error = read(name, pairs().chain([("colour", "red")]), &weights).unwrap_err();
        assert!(
            matches!(refusal(error), ShapeError::UnknownAttribute { name, .. } if name == "colour")
        );
        // Twice, and what is no value.
        let error = read(name, pairs().chain([pairs().next().unwrap()]), &weights).unwrap_err();
        let error = refusal(error);
        assert!(matches!(error, ShapeError::Parameter { must: "given once", .. }), "{error:?}");
        for (wrong, _) in pairs() {
            let spoiled = pairs().map(|(key, value)| (key, if key == wrong { "?" } else { value }));
            let error = refusal(read(name, spoiled, &weights).unwrap_err());
            assert!(
                matches!(error, ShapeError::Parameter { parameter, .. } if parameter == wrong),
                "{name}: {wrong}: {error:?}"
            );
        }
        // Without weights there is no layer.
        let error = read(name, pairs(), &none).unwrap_err();
        let missing = matches!(&error, Error::Weights(WeightsError::Mismatch { missing, .. }) if missing.len() == 1);
        assert!(missing, "{error:?}");
    }
}

/// The bank of a sequence for images, and the other way round.
#[test]
fn weights_of_another_rank_are_refused() {
    let image = DynamicConv2d::new(4, 4, [3, 3]);
    let sequence = DynamicConv2d::one_dimensional(4, 4, 3);
    let [of_image, of_sequence] =
        [image, sequence].map(|layer| zeros_of(&layer.example_plan().unwrap()));
    for (name, weights) in [("dynamic_conv2d", &of_sequence), ("dynamic_conv1d", &of_image)] {
        let error = refusal(read(name, [], weights).unwrap_err());
        assert!(matches!(error, ShapeError::Rank { tensor: "weight", .. }), "{error:?}");
    }
    let image = Involution2d::with_projection(4, 4);
    let weights = zeros_of(&image.example_plan().unwrap());
    let error = refusal(read("involution1d", [], &weights).unwrap_err());
    assert!(matches!(error, ShapeError::Rank { .. }), "{error:?}");
}

//! Whole networks: the figures that are known of them, which network weights belong to, and the sizes they
//! take.

mod detectors;
#[cfg(feature = "weights")]
pub mod digits;
mod running;
#[cfg(all(feature = "weights", feature = "image"))]
mod scenes;
mod segmenters;
mod streaming;

use involution::models::{self, LSNet, MODELS, MobileNetV2, Model, RedNet, ResNet};
use involution::nn::PoolTo;
use involution::{Error, Layer, Plan, Shape, ShapeError, StateDict, Tensor};

use crate::networks::{lowered, table, zeros_of};

pub fn plan(model: &(impl Layer + ?Sized)) -> Plan {
    model.example_plan().unwrap()
}

/// Depth, parameters with the stem of kernel size 3 and of 7, and published FLOPs in units of 10^9.
const REDNETS: [(usize, u64, u64, &str); 5] = [
    (26, 9_233_166, 9_233_886, "1.73"),
    (38, 12_386_986, 12_387_706, "2.22"),
    (50, 15_540_806, 15_541_526, "2.71"),
    (101, 25_652_950, 25_653_670, "4.74"),
    (152, 33_984_582, 33_985_302, "6.79"),
];

#[test]
fn rednets_have_the_published_figures() {
    for (depth, small, large, flops) in REDNETS {
        let model = RedNet::new(depth).unwrap();
        assert_eq!(model.clone().stem_kernel(3).parameters().unwrap(), small, "{depth}");
        assert_eq!(model.parameters().unwrap(), large, "{depth}");
        let counted = plan(&model).mmcls_flops().unwrap();
        assert_eq!(format!("{:.2}", counted as f64 / 1e9), flops, "{depth}");
        assert_eq!(model.preprocessing().input(1).dims(), [1, 3, 224, 224]);
        // Two images are twice the work, and no more parameters.
        let two = model.plan(&Shape::from([2, 3, 224, 224])).unwrap();
        assert_eq!(two.mmcls_flops().unwrap(), 2 * counted);
        assert_eq!(two.parameters(), large);
    }
}

#[test]
fn the_others_have_the_parameters_of_torchvision() {
    assert_eq!(ResNet::new(50).unwrap().parameters().unwrap(), 25_557_032);
    assert_eq!(ResNet::new(101).unwrap().parameters().unwrap(), 44_549_160);
    assert_eq!(ResNet::new(152).unwrap().parameters().unwrap(), 60_192_808);
    assert_eq!(MobileNetV2::new(1000).parameters().unwrap(), 3_504_872);
    assert_eq!(RedNet::digits().parameters().unwrap(), 38_925);
    // 4.09 G multiply-adds of ResNet-50 and 0.30 G of MobileNetV2, the papers' 4.1 and 0.3.
    let giga = |model: &dyn Layer| model.example_plan().unwrap().macs().unwrap() as f64 / 1e9;
    assert_eq!(format!("{:.2}", giga(&ResNet::new(50).unwrap())), "4.09");
    assert_eq!(format!("{:.2}", giga(&MobileNetV2::new(1000))), "0.30");
}

/// The parameters in the logs of the authors' training, T and S with one head and with two; B with two, but without the 1x1
/// convolutions beside the depthwise ones, which their code has in B, too.
#[test]
fn lsnets_have_the_published_figures() {
    let figures = [
        (LSNet::t(), 11_409_832, 11_795_600, "0.3"),
        (LSNet::s(), 16_146_304, 16_596_200, "0.5"),
        (LSNet::b(), 23_313_608, 23_827_632, "1.2"),
    ];
    for (model, one, two, macs) in figures {
        assert_eq!(model.parameters().unwrap(), one, "{}", model.name());
        assert_eq!(model.clone().distilled(true).parameters().unwrap(), two, "{}", model.name());
        let counted = plan(&model).macs().unwrap() as f64 / 1e9;
        assert_eq!(format!("{counted:.1}"), macs, "{}", model.name());
        assert!(model.published().unwrap().contains(&format!("{}.pth", model.name())));
    }
    assert_eq!(models::by_name("rednet50", None).unwrap().published(), None);
    let weights = zeros_of(&plan(&LSNet::b().distilled(true)));
    let trained = weights.iter().filter(|(name, _)| !name.contains(".conv1."));
    let trained: StateDict =
        trained.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect();
    let model = models::recognise(&trained).unwrap();
    assert_eq!(model.parameters().unwrap(), 23_812_272);
    assert_eq!(model.name(), "lsnet_b");
}

/// The names and shapes of the published files, some of each kind.
#[test]
fn lsnets_name_their_weights_as_the_published_files_do() {
    let weights = zeros_of(&plan(&LSNet::s().distilled(true)));
    let expected: [(&str, &[usize]); 19] = [
        ("patch_embed.0.c.weight", &[24, 3, 3, 3]),
        ("patch_embed.4.bn.running_var", &[96]),
        ("blocks1.0.mixer.conv.c.weight", &[96, 1, 3, 3]),
        ("blocks1.0.mixer.conv1.bn.weight", &[96]),
        ("blocks1.0.se.fc1.weight", &[24, 96, 1, 1]),
        ("blocks1.0.se.fc2.bias", &[96]),
        ("blocks1.0.ffn.m.pw1.c.weight", &[192, 96, 1, 1]),
        ("blocks2.0.c.weight", &[96, 1, 3, 3]),
        ("blocks2.1.c.weight", &[192, 96, 1, 1]),
        ("blocks2.3.mixer.lkp.cv2.c.weight", &[96, 1, 7, 7]),
        ("blocks2.3.mixer.lkp.cv4.bias", &[9 * 24]),
        ("blocks2.3.mixer.lkp.norm.weight", &[9 * 24]),
        ("blocks2.3.mixer.bn.running_mean", &[192]),
        ("blocks4.3.mixer.m.qkv.c.weight", &[128 + 448, 448, 1, 1]),
        ("blocks4.3.mixer.m.dw.c.weight", &[64, 1, 3, 3]),
        ("blocks4.3.mixer.m.proj.1.bn.bias", &[448]),
        ("blocks4.11.mixer.m.attention_biases", &[4, 16]),
        ("head.bn.running_var", &[448]),
        ("head_dist.l.weight", &[1000, 448]),
    ];
    for (name, shape) in expected {
        assert_eq!(weights.shape(name).map(Shape::dims), Some(shape), "{name}");
    }
    assert!(!weights.has_prefix("blocks1.1.") && !weights.has_prefix("blocks2.3.se."));
}

/// Weights for images of another size, and with a second head, are recognised; other images are refused with the sizes that
/// there are biases for.
#[test]
fn lsnets_take_the_sizes_that_their_biases_are_for() {
    for (side, image, sizes) in [(3, 160, 129..=192), (4, 224, 193..=256)] {
        let made = LSNet::t().distilled(true).attention_size(Some(side));
        let weights = zeros_of(&plan(&made));
        let model = models::recognise(&weights).unwrap();
        assert_eq!(model.parameters().unwrap(), made.parameters().unwrap());
        assert_eq!(model.name(), "lsnet_t");
        assert_eq!(model.preprocessing().input(2).dims(), [2, 3, image, image]);
        for size in [sizes.start() - 1, *sizes.start(), image, *sizes.end(), sizes.end() + 1] {
            let planned = model.plan(&Shape::from([1, 3, size, image]));
            assert_eq!(planned.is_ok(), sizes.contains(&size), "{size}");
            let Err(error) = planned else { continue };
            let text = error.to_string();
            let cure = format!("images of {} to {} pixels", sizes.start(), sizes.end());
            assert!(text.starts_with("blocks4.3.mixer.m: ") && text.contains(&cure), "{text}");
        }
    }
    // Without weights, biases are for the image that there is, which has to be square in the last stage.
    for size in [1, 64, 65, 300] {
        LSNet::t().plan(&Shape::from([1, 3, size, size])).unwrap();
    }
    LSNet::t().plan(&Shape::from([1, 3, 100, 200])).unwrap_err();
}

/// PyTorch saves `num_batches_tracked` for each normalisation, too: 451 and 251 entries for RedNet-50 and 26.
#[test]
fn state_dicts_have_as_many_entries_as_in_pytorch() {
    let entries = |model: &dyn Layer| {
        let plan = plan(model);
        let norms = plan.weights().iter().filter(|weight| weight.name.ends_with("running_mean"));
        plan.weights().len() + norms.count()
    };
    for (depth, expected) in [(26, 251), (50, 451)] {
        for stem in [3, 7] {
            assert_eq!(entries(&RedNet::new(depth).unwrap().stem_kernel(stem)), expected);
        }
    }
    // torchvision's resnet50 and mobilenet_v2.
    assert_eq!(entries(&ResNet::new(50).unwrap()), 320);
    assert_eq!(entries(&MobileNetV2::new(1000)), 314);
    // Each name once.
    for name in MODELS {
        let plan = plan(models::by_name(name, None).unwrap().as_ref());
        assert_eq!(zeros_of(&plan).len(), plan.weights().len(), "{name}");
    }
}

/// The names and shapes that d-li14's files have, some of each kind.
#[test]
fn rednets_name_their_weights_as_the_published_files_do() {
    let weights = zeros_of(&plan(&RedNet::new(50).unwrap()));
    let expected: [(&str, &[usize]); 12] = [
        ("stem.0.conv.weight", &[32, 3, 3, 3]),
        ("stem.0.bn.running_var", &[32]),
        ("stem.1.conv1.conv.weight", &[8, 32, 1, 1]),
        ("stem.1.conv1.bn.weight", &[8]),
        ("stem.1.conv2.conv.weight", &[98, 8, 1, 1]),
        ("stem.1.conv2.conv.bias", &[98]),
        ("stem.2.running_mean", &[32]),
        ("stem.4.conv.weight", &[64, 32, 3, 3]),
        ("layer1.0.downsample.0.weight", &[256, 64, 1, 1]),
        ("layer4.2.conv2.conv2.conv.weight", &[49 * 32, 128, 1, 1]),
        ("layer3.5.bn3.bias", &[1024]),
        ("fc.weight", &[1000, 2048]),
    ];
    for (name, shape) in expected {
        assert_eq!(weights.shape(name).map(Shape::dims), Some(shape), "{name}");
    }
    assert!(!weights.has_prefix("layer1.1.downsample") && !weights.has_prefix("layer3.6"));
}

/// As OpenMMLab saves them: the network below `backbone.`, the head as `head.fc`.
#[cfg(feature = "weights")]
fn wrapped(weights: &StateDict) -> StateDict {
    let name = |name: &str| match name.strip_prefix("fc.") {
        Some(rest) => format!("head.fc.{rest}"),
        None => format!("backbone.{name}"),
    };
    weights.iter().map(|(known, tensor)| (name(known), tensor.clone())).collect()
}

#[test]
fn weights_are_recognised() {
    let recognised = |weights: &StateDict, name: &str, classes: Option<usize>| {
        let model = models::recognise(weights).unwrap_or_else(|| panic!("{name}"));
        assert_eq!((&*model.name(), model.classes()), (name, classes));
        plan(model.as_ref()).check_weights(weights).unwrap();
        // By name, too.
        let model = models::by_name(name, Some(weights)).unwrap();
        plan(model.as_ref()).check_weights(weights).unwrap();
    };
    for name in MODELS {
        let model = models::by_name(name, None).unwrap();
        assert_eq!(model.name(), *name);
        let classes = model.classes();
        assert_eq!(classes, Some(if *name == "rednet_digits" { 10 } else { 1000 }));
        let weights = zeros_of(&plan(model.as_ref()));
        recognised(&weights, name, classes);
        // Ten classes, or seven.
        let [weight, bias] = match *name {
            "mobilenet_v2" => ["classifier.1.weight", "classifier.1.bias"],
            "lsnet_t" | "lsnet_s" | "lsnet_b" => ["head.l.weight", "head.l.bias"],
            _ => ["fc.weight", "fc.bias"],
        };
        let features = weights.shape(weight).unwrap().dims()[1];
        let classes = if classes == Some(10) { 7 } else { 10 };
        let mut other = weights.clone();
        other.insert(weight, Tensor::filled([classes, features], 0.0).unwrap());
        other.insert(bias, Tensor::filled([classes], 0.0).unwrap());
        recognised(&other, name, Some(classes));
        let model = models::by_name(name, Some(&other)).unwrap();
        assert_eq!(model.labels(), None, "{name}");
        // Without a head, it ends at its features.
        let bare: StateDict = weights
            .iter()
            .filter(|(known, _)| ![weight, bias].contains(known) && !known.starts_with("head."))
            .map(|(known, tensor)| (known.to_owned(), tensor.clone()))
            .collect();
        recognised(&bare, name, None);
        let model = models::by_name(name, Some(&bare)).unwrap();
        let last = match *name {
            "rednet_digits" => "c3",
            "lsnet_t" | "lsnet_s" | "lsnet_b" => "c6",
            _ => "c5",
        };
        assert_eq!((model.output(), model.labels()), (last, None));
        assert!(!model.results().contains(&"logits"));
        // One tensor too few or too many belongs to nothing.
        let mut more = weights.clone();
        more.insert("extra", Tensor::filled([1], 0.0).unwrap());
        assert!(models::recognise(&more).is_none(), "{name}");
    }
    assert!(models::recognise(&StateDict::new()).is_none());
}

#[cfg(feature = "weights")]
#[test]
fn rednets_are_recognised_with_either_stem_and_as_openmmlab_saves_them() {
    for (depth, small, ..) in REDNETS {
        let name = format!("rednet{depth}");
        let model = RedNet::new(depth).unwrap().stem_kernel(3);
        let weights = zeros_of(&plan(&model));
        let stripped = involution::weights::strip_wrappers(wrapped(&weights)).unwrap();
        assert_eq!(stripped, weights);
        let model = models::recognise(&stripped).unwrap();
        assert_eq!((model.name(), model.parameters().unwrap()), (name.clone(), small));
        let model = RedNet::from_weights(&stripped).unwrap();
        assert_eq!((model.name(), model.parameters().unwrap()), (name, small));
    }
    // A backbone alone, as detectors load it.
    let model = RedNet::new(26).unwrap().classes(None);
    let weights = wrapped(&zeros_of(&plan(&model)));
    let stripped = involution::weights::strip_wrappers(weights.clone()).unwrap();
    let model = models::recognise(&stripped).unwrap();
    assert_eq!((&*model.name(), model.classes()), ("rednet26", None));
}

#[test]
fn unknown_networks_are_refused() {
    for name in ["rednet51", "rednet", "resnet18", "", "RedNet50", "rednet_digits2"] {
        let error = models::by_name(name, None).unwrap_err();
        assert!(error.to_string().contains("rednet50"), "{error}");
        let Error::Shape { source: ShapeError::UnknownModel { name: asked, .. }, .. } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(asked, name);
    }
    RedNet::new(49).unwrap_err();
    ResNet::new(18).unwrap_err();
    let error = RedNet::from_weights(&StateDict::new()).unwrap_err();
    assert!(error.to_string().contains("[0, 0, 0, 0]"), "{error}");
}

/// Heights and widths in 32k-3..=32k: 63 is fine, 65 and 97 are not, unless kernels are pooled.
#[test]
fn rednets_take_the_sizes_that_their_strides_allow() {
    let model = RedNet::new(26).unwrap();
    let plan = |model: &RedNet, height, width| model.plan(&Shape::from([1, 3, height, width]));
    for size in 1..=128 {
        let fits = (1..=4).any(|k| (32 * k - 3..=32 * k).contains(&size));
        assert_eq!(plan(&model, size, 64).is_ok(), fits, "{size}");
        assert_eq!(plan(&model, 64, size).is_ok(), fits, "{size}");
    }
    for size in [65, 97] {
        let error = plan(&model, size, size).unwrap_err();
        let Error::Layer { layer, source } = &error else { panic!("{error:?}") };
        assert!(layer.starts_with("layer") && layer.ends_with("conv2"), "{layer}");
        assert!(
            matches!(
                source.as_ref(),
                Error::Shape { source: ShapeError::KernelPositions { .. }, .. }
            ),
            "{error:?}"
        );
    }
    let any = model.pool_to(PoolTo::Output);
    for size in [1, 33, 65, 97] {
        let plan = plan(&any, size, 64).unwrap();
        let (_, c5) = plan.outputs().iter().find(|(name, _)| name == "c5").unwrap();
        assert_eq!(plan.shape(*c5).dims(), [1, 2048, size.div_ceil(32), 2]);
    }
}

/// An image of other channels is refused as such, not by weights that would not fit it.
#[test]
fn networks_say_which_channels_they_take() {
    for name in MODELS {
        let model = models::by_name(name, None).unwrap();
        let mut dims = model.preprocessing().input(1).dims().to_vec();
        let expected = std::mem::replace(&mut dims[1], 5);
        let error = model.plan(&Shape::new(dims)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("channels must be {expected}")), "{name}: {text}");
    }
}

/// A block of each network, fused, step by step as its paper and its authors' code have it.
#[test]
fn blocks_do_what_their_papers_say() {
    let steps = |name: &str, block: &str| -> Vec<(String, String)> {
        let model = models::by_name(name, None).unwrap();
        let plan = plan(model.as_ref()).keep(&["logits"]).unwrap().fuse();
        let rows = table(&plan).rows.into_iter();
        let inside =
            rows.filter_map(|row| Some((row.layer.strip_prefix(block)?.to_owned(), row.op)));
        inside.collect()
    };
    let expect = |name: &str, block: &str, expected: &[(&str, &str)]| {
        let expected: Vec<(String, String)> =
            expected.iter().map(|&(layer, op)| (layer.to_owned(), op.to_owned())).collect();
        assert_eq!(steps(name, block), expected, "{name}");
    };
    // The middle of layer2 has 128 channels: 8 groups of 16.
    let bottleneck = |middle: &[(&'static str, &'static str)]| {
        let first = [("conv1", "conv2d + bias + relu")];
        let last = [
            ("downsample.0", "conv2d stride=2 + bias"),
            ("conv3", "conv2d + bias + residual + relu"),
        ];
        [&first, middle, &last].concat()
    };
    expect(
        "rednet50",
        "layer2.0.",
        &bottleneck(&[
            ("conv2.pool", "avg_pool2d kernel_size=2"),
            ("conv2.conv1.conv", "conv2d + bias + relu"),
            (
                "conv2.involution",
                "span_involution kernel_size=7 stride=2 padding=3 groups=8 + bias + scale, shift + relu",
            ),
        ]),
    );
    let middle = [("conv2", "conv2d stride=2 padding=1 + bias + relu")];
    expect("resnet50", "layer2.0.", &bottleneck(&middle));
    expect(
        "mobilenet_v2",
        "features.2.conv.",
        &[
            ("0.0", "conv2d + bias + relu6"),
            ("1.0", "conv2d stride=2 padding=1 groups=96 + bias + relu6"),
            ("2", "conv2d + bias"),
        ],
    );
    expect(
        "mobilenet_v2",
        "features.3.",
        &[
            ("conv.0.0", "conv2d + bias + relu6"),
            ("conv.1.0", "conv2d padding=1 groups=144 + bias + relu6"),
            ("conv.2", "conv2d + bias + residual"),
        ],
    );
    // No expansion in the first block: its depthwise convolution comes first.
    expect(
        "mobilenet_v2",
        "features.1.conv.",
        &[("0.0", "conv2d padding=1 groups=32 + bias + relu6"), ("1", "conv2d + bias")],
    );
    expect(
        "rednet50",
        "stem.",
        &[
            ("0.conv", "conv2d stride=2 padding=1 + bias + relu"),
            ("1.conv1.conv", "conv2d + bias + relu"),
            (
                "1.involution",
                "span_involution kernel_size=7 padding=3 groups=2 + bias + scale, shift + relu",
            ),
            ("4.conv", "conv2d padding=1 + bias + relu"),
        ],
    );
    let feed_forward =
        [("ffn.m.pw1.c", "conv2d + bias + relu"), ("ffn.m.pw2.c", "conv2d + bias + residual")];
    let gated = [
        ("mixer.conv.c", "conv2d padding=1 groups=96 + bias"),
        ("se.pool", "global_avg_pool"),
        ("se.reshape", "reshape"),
        ("se.fc1", "linear + bias + relu"),
        ("se.fc2", "linear + bias + sigmoid"),
        ("se.reshape", "reshape"),
        ("se.gate", "mul"),
    ];
    expect("lsnet_s", "blocks1.0.", &[&gated[..], &feed_forward].concat());
    let large_small = [
        ("mixer.lkp.cv1.c", "conv2d + bias + relu"),
        ("mixer.lkp.cv2.c", "conv2d padding=3 groups=96 + bias"),
        ("mixer.lkp.cv3.c", "conv2d + bias + relu"),
        ("mixer.lkp.cv4", "conv2d + bias"),
        ("mixer.lkp.norm", "group_norm groups=24 + bias"),
        (
            "mixer.ska",
            "involution kernel_size=3 padding=same groups=24 channel_order=interleaved + scale, shift",
        ),
        ("mixer.add", "add"),
    ];
    expect("lsnet_s", "blocks2.3.", &[&large_small[..], &feed_forward].concat());
    let attention = [
        ("mixer.m.qkv.c.query", "conv2d + bias"),
        ("mixer.m.qkv.c.key", "conv2d + bias"),
        ("mixer.m.qkv.c.value", "conv2d + bias"),
        ("mixer.m.dw.c", "conv2d padding=1 groups=64 + bias"),
        ("mixer.m.qk", "qk kernel_size=4 heads=4 scale=0.25 border=shift + bias"),
        (
            "mixer.m.attention",
            "involution kernel_size=4 padding=same groups=4 border=shift softmax=true + relu",
        ),
        ("mixer.m.proj.1.c", "conv2d + bias + residual"),
    ];
    expect("lsnet_s", "blocks4.3.", &[&attention[..], &feed_forward].concat());
    expect("lsnet_s", "head.", &[("l", "linear + bias")]);
    let pool = [("", "max_pool2d kernel_size=3 stride=2 padding=1")];
    expect("rednet50", "maxpool", &pool);
    expect("resnet50", "maxpool", &pool);
    expect("resnet50", "conv1", &[("", "conv2d stride=2 padding=3 + bias + relu")]);
    expect("mobilenet_v2", "features.0.", &[("0", "conv2d stride=2 padding=1 + bias + relu6")]);
}

/// The feature maps and the logits, by name and size.
#[test]
fn networks_give_feature_maps_beside_their_logits() {
    for name in MODELS.iter().filter(|name| **name != "rednet_digits") {
        let model = models::by_name(name, None).unwrap();
        let (channels, names, [height, width]) = match *name {
            "lsnet_t" => ([64, 128, 256, 384], ["c3", "c4", "c5", "c6"], [128, 128]),
            "lsnet_s" => ([96, 192, 320, 448], ["c3", "c4", "c5", "c6"], [128, 128]),
            "lsnet_b" => ([128, 256, 384, 512], ["c3", "c4", "c5", "c6"], [128, 128]),
            "mobilenet_v2" => ([24, 32, 96, 1280], ["c2", "c3", "c4", "c5"], [64, 96]),
            _ => ([256, 512, 1024, 2048], ["c2", "c3", "c4", "c5"], [64, 96]),
        };
        let first = names[0][1..].parse::<usize>().unwrap();
        let plan = model.plan(&Shape::from([2, 3, height, width])).unwrap();
        let shape = |name: &str| {
            let (_, value) = plan.outputs().iter().find(|(known, _)| known == name).unwrap();
            plan.shape(*value).dims().to_vec()
        };
        for (index, (name, channels)) in names.into_iter().zip(channels).enumerate() {
            let stride = first + index;
            assert_eq!(shape(name), [2, channels, height >> stride, width >> stride], "{name}");
        }
        assert_eq!(shape("logits"), [2, 1000]);
        assert_eq!(model.results(), [&["logits"][..], &names].concat());
        let labels = model.labels().unwrap();
        assert_eq!((labels.len(), labels[0], labels[281]), (1000, "tench", "tabby"));
        // Nothing but convolutions, involutions, sums and pooling is left: every normalisation is part of one.
        let fused = plan.keep(&["logits"]).unwrap().fuse();
        assert!(!table(&fused).rows.iter().any(|row| row.op.contains("batch_norm")), "{name}");
        assert!(!table(&fused).rows.iter().any(|row| row.op.starts_with("activation")));
        lowered(&fused).unwrap().check(&fused).unwrap();
    }
}

/// What a network takes on the device, weights and all, is little more than it could.
#[test]
fn a_batch_takes_little_more_memory_than_it_needs() {
    let most = [
        ("rednet50", 1, 1.05),
        ("rednet50", 8, 1.15),
        ("resnet50", 8, 1.05),
        ("mobilenet_v2", 8, 1.25),
    ];
    for (name, batch, most) in most {
        let model = models::by_name(name, None).unwrap();
        let x = Shape::from([batch, 3, 224, 224]);
        let plan = model.plan(&x).unwrap().keep(&["logits"]).unwrap().fuse();
        let schedule = lowered(&plan).unwrap();
        schedule.check(&plan).unwrap();
        let memory = schedule.memory;
        let least = (memory.constants + memory.live) as f64;
        assert!(memory.peak() as f64 <= most * least, "{name} x{batch}: {memory:?}");
    }
}

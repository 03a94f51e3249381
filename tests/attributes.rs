//! Operators from text and back.

use involution::error::ShapeError;
use involution::ops::{
    Activate, Activation, AdaptiveAvgPool2d, Add, Argmax, Attributes, AvgPool2d, AvgPool3d,
    BatchNorm, Border, ChannelOrder, Concat, Conv2d, Conv3d, ConvTranspose2d, DynamicConv2d,
    DynamicConv3d, Fold, GlobalAvgPool, Interpolation, Involution, Involution3d, KernelLayout,
    Linear, MaxPool2d, MaxPool3d, Mul, NAMES, Op, Operator, Qk, Resize, ResizeArgmax, RoiAlign,
    Softmax, SpanInvolution, Unfold, Unfold3d,
};
use involution::shape::{Padding, Shape, Window};
use involution_check::fixed;

use crate::harness::sample;

/// An operator from attributes that are separated by spaces, for tensors of these names; whichever of
/// them is a weight has a window of 3x5.
fn read(name: &str, attributes: &str, tensors: &[&str]) -> Result<Operator, ShapeError> {
    let shape = Shape::from([2, 4, 2, 3, 5]);
    let tensors: Vec<_> = tensors.iter().map(|&name| (name, &shape)).collect();
    let attributes = Attributes::parse(attributes.split_whitespace())?;
    Operator::from_attributes(name, &attributes, &tensors)
}

fn attributes_of(op: &Operator) -> Attributes {
    Attributes::new(op.to_attributes())
}

fn written(op: &Operator) -> String {
    let pairs = op.to_attributes().into_iter().map(|(name, text)| format!("{name}={text}"));
    pairs.collect::<Vec<_>>().join(" ")
}

/// Operators with nothing at its default, and the attributes that say so.
fn everything() -> Vec<(Operator, &'static str)> {
    let activation = Activation::Silu;
    let window = Window::new([3, 5]).stride([2, 1]).padding(Padding::symmetric(1, 2));
    let Window { stride, padding, .. } = window;
    let dilation = [2, 2];
    let residual = true;
    let conv = Conv2d { stride, padding, dilation, groups: 2, bias: true, residual, activation };
    let average = AvgPool2d { window, ceil_mode: true, count_include_pad: false };
    let window = window.dilation([2, 2]);
    let volume = Window::new([2, 3, 5]).stride([2, 1, 1]);
    let volume = volume.padding(Padding::Explicit([[1, 0], [0, 2], [3, 1]]));
    let average3 = AvgPool3d { window: volume, ceil_mode: true, count_include_pad: false };
    let volume = volume.dilation([1, 1, 2]);
    let conv3 = Conv3d {
        stride: volume.stride,
        padding: volume.padding,
        dilation: volume.dilation,
        groups: 2,
        bias: true,
        residual,
        activation,
    };
    vec![
        (
            Unfold3d { window: volume }.into(),
            "kernel_size=2x3x5 stride=2x1x1 padding=1,0,3,0,2,1 dilation=1x1x2",
        ),
        (conv3.into(), "stride=2x1x1 padding=1,0,3,0,2,1 dilation=1x1x2 groups=2 activation=silu"),
        (
            DynamicConv3d { conv: Conv3d { residual: false, ..conv3 } }.into(),
            "stride=2x1x1 padding=1,0,3,0,2,1 dilation=1x1x2 groups=2 activation=silu",
        ),
        (
            Involution3d {
                window: volume,
                groups: 2,
                channel_order: ChannelOrder::Interleaved,
                border: Border::Reflect,
                softmax: true,
                affine: true,
                activation,
            }
            .into(),
            "kernel_size=2x3x5 stride=2x1x1 padding=1,0,3,0,2,1 dilation=1x1x2 groups=2 \
             channel_order=interleaved border=reflect softmax=true activation=silu",
        ),
        (
            average3.into(),
            "kernel_size=2x3x5 stride=2x1x1 padding=1,0,3,0,2,1 ceil_mode=true count_include_pad=false",
        ),
        (
            MaxPool3d { window: volume, ceil_mode: true }.into(),
            "kernel_size=2x3x5 stride=2x1x1 padding=1,0,3,0,2,1 dilation=1x1x2 ceil_mode=true",
        ),
        (Unfold { window }.into(), "kernel_size=3x5 stride=2x1 padding=1x2 dilation=2"),
        (
            Fold { window, output_size: [8, 9] }.into(),
            "output_size=8x9 kernel_size=3x5 stride=2x1 padding=1x2 dilation=2",
        ),
        (conv.into(), "stride=2x1 padding=1x2 dilation=2 groups=2 activation=silu"),
        (
            ConvTranspose2d {
                stride,
                padding,
                output_padding: [1, 0],
                dilation,
                groups: 2,
                bias: true,
                activation,
            }
            .into(),
            "stride=2x1 padding=1x2 output_padding=1x0 dilation=2 groups=2 activation=silu",
        ),
        (
            RoiAlign {
                output_size: [7, 14],
                spatial_scale: 0.25,
                sampling_ratio: 2,
                aligned: false,
            }
            .into(),
            "output_size=7x14 spatial_scale=0.25 sampling_ratio=2 aligned=false",
        ),
        (
            DynamicConv2d { conv: Conv2d { residual: false, ..conv } }.into(),
            "stride=2x1 padding=1x2 dilation=2 groups=2 activation=silu",
        ),
        (
            Involution {
                window,
                groups: 2,
                channel_order: ChannelOrder::Interleaved,
                border: Border::Reflect,
                upsample: 2,
                softmax: true,
                kernel_layout: KernelLayout::TapsLast,
                affine: true,
                activation,
            }
            .into(),
            "kernel_size=3x5 stride=2x1 padding=1x2 dilation=2 groups=2 channel_order=interleaved \
             border=reflect upsample=2 softmax=true kernel_layout=taps_last activation=silu",
        ),
        (
            SpanInvolution {
                involution: Involution {
                    window,
                    affine: true,
                    activation,
                    ..Involution::new(window, 2)
                },
                bias: true,
            }
            .into(),
            "kernel_size=3x5 stride=2x1 padding=1x2 dilation=2 groups=2 activation=silu",
        ),
        (
            Qk {
                kernel_size: [3, 5],
                dilation: [2, 2],
                heads: 2,
                scale: 0.25,
                border: Border::Zero,
                mask: true,
                bias: true,
            }
            .into(),
            "kernel_size=3x5 dilation=2 heads=2 scale=0.25 mask=true",
        ),
        (BatchNorm { eps: 1e-7, affine: true, activation }.into(), "eps=1e-7 activation=silu"),
        (Activate { activation }.into(), "activation=silu"),
        (
            average.into(),
            "kernel_size=3x5 stride=2x1 padding=1x2 ceil_mode=true count_include_pad=false",
        ),
        (
            MaxPool2d { window, ceil_mode: true }.into(),
            "kernel_size=3x5 stride=2x1 padding=1x2 dilation=2 ceil_mode=true",
        ),
        (GlobalAvgPool.into(), ""),
        (AdaptiveAvgPool2d { output_size: [8, 9] }.into(), "output_size=8x9"),
        (
            Resize {
                input_size: Some([5, 6]),
                residual,
                ..Resize::new([8, 9], Interpolation::Bilinear)
            }
            .into(),
            "output_size=8x9 input_size=5x6 mode=bilinear",
        ),
        (
            ResizeArgmax { output_size: [8, 9], input_size: Some([5, 5]), via: Some([6, 7]) }
                .into(),
            "output_size=8x9 input_size=5 via=6x7",
        ),
        (Softmax { axis: -2, temperature: 0.1 }.into(), "axis=-2 temperature=0.1"),
        (Argmax.into(), ""),
        (Concat.into(), ""),
        (Linear { bias: true, activation }.into(), "activation=silu"),
        (Add { activation }.into(), "activation=silu"),
        (Mul { activation }.into(), "activation=silu"),
    ]
}

#[test]
fn every_operator_is_written_and_read_again() {
    for case in NAMES.iter().flat_map(|name| [fixed(name), sample(name, 50)].concat()) {
        let (op, shapes) = (&case.operator, &case.shapes);
        let tensors: Vec<(&str, &Shape)> = op.inputs().into_iter().zip(shapes).collect();
        let again = Operator::from_attributes(op.name(), &attributes_of(op), &tensors);
        assert_eq!(again.as_ref(), Ok(op), "{case}");
    }
    for (op, text) in everything() {
        assert_eq!(written(&op), text);
        assert_eq!(read(op.name(), text, &op.inputs()).unwrap(), op);
        assert_eq!(Operator::tensor_names(op.name()).unwrap(), op.inputs());
        for name in text.split_whitespace().filter_map(|pair| pair.split('=').next()) {
            assert!(Operator::attribute_names(op.name()).unwrap().contains(&name), "{op:?} {name}");
        }
    }
}

#[test]
fn defaults_may_be_left_out_and_are() {
    let window = Window::new([3, 5]);
    let pool = window.stride([3, 5]);
    let average = AvgPool2d { window: pool, ceil_mode: false, count_include_pad: true };
    let defaults: [(&str, &str, &[&str], Operator); 15] = [
        ("unfold", "kernel_size=3x5", &["x"], Unfold { window }.into()),
        ("conv2d", "", &["x", "weight"], Conv2d::default().into()),
        ("conv_transpose2d", "", &["x", "weight"], ConvTranspose2d::default().into()),
        ("roi_align", "output_size=7", &["x", "rois"], RoiAlign::new([7, 7], 1.0).into()),
        (
            "dynamic_conv2d",
            "",
            &["x", "attention", "weight"],
            DynamicConv2d { conv: Conv2d::default() }.into(),
        ),
        ("involution", "kernel_size=3x5", &["x", "kernel"], Involution::new(window, 1).into()),
        (
            "batch_norm",
            "",
            &["x", "running_mean", "running_var"],
            BatchNorm { eps: 1e-5, affine: false, activation: Activation::None }.into(),
        ),
        ("activation", "", &["x"], Activate { activation: Activation::None }.into()),
        ("avg_pool2d", "kernel_size=3x5", &["x"], average.into()),
        (
            "max_pool2d",
            "kernel_size=3x5",
            &["x"],
            MaxPool2d { window: pool, ceil_mode: false }.into(),
        ),
        ("resize", "output_size=8", &["x"], Resize::new([8, 8], Interpolation::Nearest).into()),
        ("softmax", "", &["x"], Softmax { axis: -1, temperature: 1.0 }.into()),
        ("linear", "", &["x", "weight"], Linear::default().into()),
        ("add", "", &["x", "y"], Add::default().into()),
        ("mul", "", &["x", "y"], Mul::default().into()),
    ];
    for (name, text, tensors, op) in defaults {
        assert_eq!(read(name, text, tensors).unwrap(), op);
        assert_eq!(written(&op), text);
    }
}

#[test]
fn values_have_the_forms_of_the_table() {
    let unfold = |attributes: &str| -> Window {
        match read("unfold", &format!("kernel_size=2 {attributes}"), &["x"]).unwrap() {
            Operator::Unfold(op) => op.window,
            other => unreachable!("{other:?}"),
        }
    };
    assert_eq!(unfold("").kernel_size, [2, 2]);
    assert_eq!(
        unfold("stride=3 dilation=4x5"),
        Window { stride: [3, 3], dilation: [4, 5], ..unfold("") }
    );
    let sides = Padding::Explicit([[0, 2], [3, 1]]);
    let paddings = [
        ("1", Padding::symmetric(1, 1)),
        ("1x2", Padding::symmetric(1, 2)),
        ("0,3,2,1", sides),
        ("same", Padding::Same),
        ("valid", Padding::Valid),
        ("full", Padding::Full),
    ];
    for (text, padding) in paddings {
        assert_eq!(unfold(&format!("padding={text}")).padding, padding);
        let op = Unfold { window: Window::new([2, 2]).padding(padding) }.into();
        assert_eq!(written(&op), format!("kernel_size=2 padding={text}"));
    }
    let pooled =
        |switch: &str| read("max_pool2d", &format!("kernel_size=2 ceil_mode={switch}"), &["x"]);
    assert_eq!(pooled("1"), pooled("true"));
    assert_eq!(pooled("0"), pooled("false"));
    assert_ne!(pooled("0"), pooled("1"));
}

#[test]
fn activations_are_operators_by_their_own_name() {
    for (name, activation) in Activation::ALL.into_iter().skip(1) {
        assert_eq!(read(name, "", &["x"]).unwrap(), Activate { activation }.into());
        let known = "none".to_owned();
        let unknown = ShapeError::UnknownAttribute { name: "activation".to_owned(), known };
        assert_eq!(read(name, "activation=silu", &["x"]), Err(unknown));
    }
}

#[test]
fn tensors_decide_what_is_optional() {
    let norm = "x, running_mean, running_var, weight, bias";
    for (op, given, name, known) in [
        ("batch_norm", &["bias", "x", "running_var", "running_mean"][..], "weight", norm),
        ("batch_norm", &["x", "running_mean", "running_var", "weight"], "bias", norm),
        ("linear", &["weight", "bias"], "x", "x, weight, bias"),
        ("add", &["x"], "y", "x, y"),
    ] {
        let (known, listed) = (known.to_owned(), given.join(", "));
        let missing = ShapeError::MissingTensor { name, given: listed, known };
        assert_eq!(read(op, "", given), Err(missing));
    }
    let none = read("add", "", &[]).unwrap_err().to_string();
    assert_eq!(none, "the tensor 'x' is missing; given: none; known: x, y");
    let known = "x, kernel, scale, shift".to_owned();
    let unknown = ShapeError::UnknownTensor { name: "weight".to_owned(), known };
    assert_eq!(read("involution", "kernel_size=3", &["x", "kernel", "weight"]), Err(unknown));
}

#[test]
fn a_convolution_has_the_kernel_size_of_its_weight() {
    for (name, tensors) in
        [("conv2d", &["x", "weight"][..]), ("dynamic_conv2d", &["x", "attention", "weight"])]
    {
        assert_eq!(read(name, "kernel_size=3x5", tensors), read(name, "", tensors));
        let wrong = ShapeError::Parameter {
            parameter: "kernel_size",
            must: "that of weight",
            value: "5x3 where weight is [2, 4, 2, 3, 5]".to_owned(),
        };
        assert_eq!(read(name, "kernel_size=5x3", tensors), Err(wrong));
    }
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    let aliases = "relu, relu6, sigmoid, silu";
    let known = format!("{}, {aliases}", NAMES.join(", "));
    let unknown = ShapeError::UnknownOperator { name: "none".to_owned(), known };
    assert_eq!(read("none", "", &["x"]), Err(unknown));

    let known = "kernel_size, stride, padding, dilation".to_owned();
    let unknown = ShapeError::UnknownAttribute { name: "groups".to_owned(), known: known.clone() };
    assert_eq!(read("unfold", "kernel_size=3 groups=1", &["x"]), Err(unknown));
    let missing = ShapeError::MissingAttribute { name: "kernel_size", known };
    assert_eq!(read("unfold", "stride=3", &["x"]), Err(missing));
    let fold = read("fold", "kernel_size=3", &["x"]);
    assert!(
        matches!(fold, Err(ShapeError::MissingAttribute { name: "output_size", .. })),
        "{fold:?}"
    );

    assert!(read("max_pool3d", "kernel_size=3x5", &["x"]).is_err());
    assert!(read("max_pool3d", "kernel_size=3 padding=1,2,3,4", &["x"]).is_err());
    let wrong = [
        ("kernel_size", "kernel_size=3x"),
        ("kernel_size", "kernel_size=3x3x3"),
        ("kernel_size", "kernel_size=-3"),
        ("kernel_size", "kernel_size="),
        ("padding", "kernel_size=3 padding=1,2,3"),
        ("padding", "kernel_size=3 padding=SAME"),
        ("stride", "kernel_size=3 stride=2.0"),
        ("groups", "kernel_size=3 groups=many"),
        ("channel_order", "kernel_size=3 channel_order=Interleaved"),
        ("activation", "kernel_size=3 activation=gelu"),
        ("stride", "stride=1 kernel_size=3 stride=1"),
        ("an attribute", "kernel_size"),
    ];
    for (name, attributes) in wrong {
        match read("involution", attributes, &["x", "kernel"]) {
            Err(ShapeError::Parameter { parameter, .. }) => assert_eq!(parameter, name),
            other => panic!("{attributes}: {other:?}"),
        }
    }
}

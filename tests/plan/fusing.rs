//! What is fused, and what must not be.

use involution::ops::{
    Activation, Add, AvgPool2d, BatchNorm, Concat, Conv2d, Conv3d, Involution, Involution3d, Linear,
};
use involution::plan::{Builder, Constant, Source, Value};
use involution::{Padding, Plan, Shape, Window, reference};

use super::{activate, conv, norm, ops, steps};
use crate::networks::{assert_all_close, input, state_of};

/// A plan with one input `[2, 3, 5, 4]`, built and fused: both, and they compute the same.
fn fused(build: impl FnOnce(&mut Builder, Value)) -> (Plan, Plan) {
    let mut plan = Builder::new("fused");
    let x = plan.input("x", &Shape::from([2, 3, 5, 4]));
    build(&mut plan, x);
    let plan = plan.finish();
    let fused = plan.clone().fuse();
    let weights = state_of(&plan, 5);
    let x = input(&[2, 3, 5, 4], 6);
    let run = |plan: &Plan| reference::run_plan(plan, &weights, &[&x]).unwrap();
    assert_all_close("fused", &run(&fused), &run(&plan), 1e-6);
    // Done again, it finds nothing: an activation that a convolution does by now is in nobody's way twice.
    assert_eq!(fused.clone().fuse(), fused);
    assert_eq!(fused.weights(), plan.weights());
    assert_eq!(fused.parameters(), plan.parameters());
    (plan, fused)
}

#[test]
fn a_convolution_with_norm_and_activation_is_one_step() {
    for (bias, affine) in [(false, false), (false, true), (true, false), (true, true)] {
        let (plan, fused) = fused(|plan, x| {
            let y = conv(plan, "conv", x, 4, 3, bias);
            let y = norm(plan, "norm", y, affine);
            let y = activate(plan, "act", y, Activation::Silu);
            plan.output("y", y);
        });
        assert_eq!(plan.steps().len(), 3);
        assert_eq!(steps(&fused), ["conv"]);
        assert_eq!(ops(&fused), ["conv2d padding=1 + bias + silu"]);
        assert_eq!(fused.macs().unwrap(), plan.macs().unwrap());
        // Its weight and its bias are made of the others.
        let constants: Vec<&Constant> = fused.constants().map(|(_, constant)| constant).collect();
        assert!(
            matches!(constants[..], [Constant::FoldedWeight { .. }, Constant::FoldedBias { .. }]),
            "{constants:?}"
        );
        assert_eq!(fused.value(fused.outputs()[0].1).source, Source::Step);
    }
}

#[test]
fn convolutions_and_involutions_of_volumes_are_fused_as_those_of_images_are() {
    let volume = |plan: &mut Builder, x| plan.reshape(x, [2, 3, 1, 5, 4]).unwrap();
    let conv = |plan: &mut Builder, x, rows: usize| {
        let weight = plan.weight("conv.weight", [rows, 3, 3, 3, 3]);
        let op = Conv3d { padding: Padding::Same, ..Conv3d::default() };
        plan.apply("conv", op, &[x, weight]).unwrap()
    };
    let (_, with_residual) = fused(|plan, x| {
        let x = volume(plan, x);
        let y = conv(plan, x, 3);
        let y = norm(plan, "norm", y, true);
        let y = plan.apply("sum", Add::default(), &[y, x]).unwrap();
        let y = activate(plan, "act", y, Activation::Relu);
        plan.output("y", y);
    });
    assert_eq!(ops(&with_residual).last().unwrap(), "conv3d padding=same + bias + residual + relu");
    let (_, involved) = fused(|plan, x| {
        let x = volume(plan, x);
        let kernel = conv(plan, x, 27);
        let op = Involution3d::new(Window::new([3, 3, 3]).padding(1), 1);
        let y = plan.apply("involution", op, &[x, kernel]).unwrap();
        let y = norm(plan, "norm", y, true);
        plan.output("y", y);
    });
    assert_eq!(
        ops(&involved).last().unwrap(),
        "involution3d kernel_size=3 padding=1 + scale, shift"
    );
}

/// Its channels share a kernel: what is done to one of them stays a scale and a shift of its own.
#[test]
fn an_involution_with_norm_and_activation_is_one_step() {
    let involve = |plan: &mut Builder, x: Value| {
        let kernel = conv(plan, "span", x, 9, 1, true);
        let op = Involution::new(Window::new([3, 3]).padding(1), 1);
        plan.apply("involution", op, &[x, kernel]).unwrap()
    };
    for affine in [false, true] {
        let (_, fused) = fused(|plan, x| {
            let y = involve(plan, x);
            let y = norm(plan, "norm", y, affine);
            let y = activate(plan, "act", y, Activation::Relu);
            plan.output("y", y);
        });
        assert_eq!(steps(&fused), ["involution"]);
        assert_eq!(
            ops(&fused),
            ["span_involution kernel_size=3 padding=1 + bias + scale, shift + relu"]
        );
        let names: Vec<&str> =
            fused.constants().map(|(value, _)| fused.value(value).name.as_str()).collect();
        assert_eq!(names, ["span.weight", "span.bias", "involution.scale", "involution.shift"]);
    }
    // A norm after an activation, and a second one, stay.
    let (_, two) = fused(|plan, x| {
        let y = involve(plan, x);
        let y = activate(plan, "act", y, Activation::Relu);
        let y = norm(plan, "norm", y, true);
        let z = involve(plan, y);
        let z = norm(plan, "first", z, true);
        let z = norm(plan, "second", z, true);
        plan.output("z", z);
    });
    assert_eq!(steps(&two), ["involution", "norm", "involution", "second"]);
}

/// An involution makes its kernel itself only where a plain 1x1 convolution does so for it alone.
#[test]
fn a_kernel_that_others_need_or_that_is_no_plain_convolution_is_stored() {
    type Change = fn(&mut Builder, Value) -> (Value, Value);
    let plain: Change = |plan, x| (x, conv(plan, "span", x, 9, 1, true));
    let changes: [(&str, bool, Change); 5] = [
        ("alone", true, plain),
        ("a result", false, |plan, x| {
            let kernel = conv(plan, "span", x, 9, 1, true);
            plan.output("kernel", kernel);
            (x, kernel)
        }),
        ("with an activation", false, |plan, x| {
            let kernel = conv(plan, "span", x, 9, 1, true);
            (x, activate(plan, "act", kernel, Activation::Relu))
        }),
        ("of more than a pixel", false, |plan, x| (x, conv(plan, "span", x, 9, 3, true))),
        ("both inputs", false, |plan, x| {
            let both = conv(plan, "span", x, 9, 1, true);
            (both, both)
        }),
    ];
    for (what, is_fused, change) in changes {
        let (_, fused) = fused(|plan, x| {
            let (x, kernel) = change(plan, x);
            let op = Involution::new(Window::new([3, 3]).padding(1), 1);
            let y = plan.apply("involution", op, &[x, kernel]).unwrap();
            plan.output("y", y);
        });
        assert_eq!(steps(&fused).len() == 1, is_fused, "{what}: {:?}", ops(&fused));
    }
}

/// Each attribute of the convolution alone, with an involution that takes the kernel it makes.
#[test]
fn a_kernel_that_another_1x1_convolution_makes_is_stored() {
    let window = Window::new([3, 3]);
    let plain = Conv2d::default();
    let relu = Activation::Relu;
    let cases: [(&str, bool, Conv2d, [usize; 4], Window); 8] = [
        ("plain", true, plain, [9, 3, 1, 1], window.padding(1)),
        (
            "a stride down",
            false,
            Conv2d { stride: [2, 1], ..plain },
            [9, 3, 1, 1],
            window.padding(1).stride([2, 1]),
        ),
        (
            "a stride along",
            false,
            Conv2d { stride: [1, 2], ..plain },
            [9, 3, 1, 1],
            window.padding(1).stride([1, 2]),
        ),
        ("groups", false, Conv2d { groups: 3, ..plain }, [9, 1, 1, 1], window.padding(1)),
        (
            "padding",
            false,
            Conv2d { padding: Padding::symmetric(0, 1), ..plain },
            [9, 3, 1, 1],
            window.padding(Padding::symmetric(1, 2)),
        ),
        ("3x1", false, plain, [9, 3, 3, 1], window.padding(Padding::symmetric(0, 1))),
        ("1x3", false, plain, [9, 3, 1, 3], window.padding(Padding::symmetric(1, 0))),
        (
            "an activation",
            false,
            Conv2d { activation: relu, ..plain },
            [9, 3, 1, 1],
            window.padding(1),
        ),
    ];
    for (what, is_fused, conv, weight, window) in cases {
        let (_, fused) = fused(|plan, x| {
            let weight = plan.weight("span.weight", weight);
            let kernel = plan.apply("span", conv, &[x, weight]).unwrap();
            let op = Involution::new(window, 1);
            let y = plan.apply("involution", op, &[x, kernel]).unwrap();
            plan.output("y", y);
        });
        assert_eq!(steps(&fused).len() == 1, is_fused, "{what}: {:?}", ops(&fused));
    }
    // A residual: what is added to the kernel would be lost.
    let (_, added) = fused(|plan, x| {
        let kernel = conv(plan, "span", x, 9, 1, true);
        let other = conv(plan, "other", x, 9, 1, true);
        let other = activate(plan, "act", other, relu);
        let kernel = plan.apply("sum", Add::default(), &[kernel, other]).unwrap();
        let op = Involution::new(window.padding(1), 1);
        let y = plan.apply("involution", op, &[x, kernel]).unwrap();
        plan.output("y", y);
    });
    assert_eq!(steps(&added), ["other", "span", "involution"]);
}

/// Normalisations with an activation of their own, and behind steps that have one: no layer makes these, but whoever
/// builds a plan can.
#[test]
fn a_norm_that_is_folded_hands_its_activation_on() {
    // A normalisation that ends with relu, behind a step that ends with this.
    let normed = |activation: Activation, involution: bool| {
        fused(|plan, x| {
            let y = if involution {
                let kernel = conv(plan, "span", x, 9, 1, true);
                let window = Window::new([3, 3]).padding(1);
                let op = Involution { activation, ..Involution::new(window, 1) };
                plan.apply("involution", op, &[x, kernel]).unwrap()
            } else {
                let weight = plan.weight("weight", [3, 3, 1, 1]);
                let op = Conv2d { activation, ..Conv2d::default() };
                plan.apply("conv", op, &[x, weight]).unwrap()
            };
            let inputs = [
                y,
                plan.statistic("mean", [3]),
                plan.statistic("running_var", [3]),
                plan.weight("gamma", [3]),
                plan.weight("beta", [3]),
            ];
            let op = BatchNorm { activation: Activation::Relu, ..BatchNorm::default() };
            let y = plan.apply("norm", op, &inputs).unwrap();
            plan.output("y", y);
        })
        .1
    };
    let span = "span_involution kernel_size=3 padding=1 + bias";
    assert_eq!(ops(&normed(Activation::None, false)), ["conv2d + bias + relu"]);
    assert_eq!(ops(&normed(Activation::None, true)), [format!("{span} + scale, shift + relu")]);
    // An activation in between stays there, and the norm behind it.
    let conv = ops(&normed(Activation::Sigmoid, false));
    assert_eq!(conv, ["conv2d + sigmoid", "batch_norm + relu"]);
    let involution = ops(&normed(Activation::Sigmoid, true));
    assert_eq!(involution, [format!("{span} + sigmoid"), "batch_norm + relu".to_owned()]);
}

/// Chains of several, one after the other, and both at once behind a branch.
#[test]
fn every_link_of_a_chain_is_fused() {
    let (_, fused) = fused(|plan, x| {
        let mut y = x;
        for (index, activation) in
            [Activation::Relu, Activation::None, Activation::Sigmoid].into_iter().enumerate()
        {
            y = conv(plan, &format!("conv{index}"), y, 4, 1, false);
            y = norm(plan, &format!("norm{index}"), y, true);
            y = activate(plan, "act", y, activation);
        }
        let left = conv(plan, "left", y, 2, 1, true);
        let left = activate(plan, "act", left, Activation::Relu6);
        let right = conv(plan, "right", y, 2, 1, true);
        let right = norm(plan, "act", right, true);
        let sum = plan.apply("sum", involution::ops::Add::default(), &[left, right]).unwrap();
        let sum = activate(plan, "act", sum, Activation::Relu);
        plan.output("y", sum);
    });
    assert_eq!(steps(&fused), ["conv0", "conv1", "conv2", "left", "right"]);
    let told = ops(&fused);
    assert_eq!(told[0], "conv2d + bias + relu");
    assert_eq!(told[1], "conv2d + bias");
    assert_eq!(
        told[2..],
        ["conv2d + bias + sigmoid", "conv2d + bias + relu6", "conv2d + bias + residual + relu"]
    );
}

/// The end of a residual block, whichever operand the convolution makes, also where the other one is made
/// after it.
#[test]
fn a_sum_is_done_by_the_convolution_before_it() {
    let add = involution::ops::Add { activation: Activation::Relu };
    for swapped in [false, true] {
        let (_, fused) = fused(|plan, x| {
            let y = conv(plan, "conv", x, 3, 3, false);
            let y = norm(plan, "norm", y, true);
            let other = activate(plan, "other", x, Activation::Sigmoid);
            let operands = if swapped { [other, y] } else { [y, other] };
            let sum = plan.apply("sum", add, &operands).unwrap();
            plan.output("y", sum);
        });
        assert_eq!(steps(&fused), ["other", "conv"]);
        assert_eq!(ops(&fused)[1], "conv2d padding=1 + bias + residual + relu");
    }
}

#[test]
fn a_sum_that_no_convolution_can_do_stays() {
    let add = involution::ops::Add::default();
    // An operand that repeats, a convolution that has an activation, and one with a residual.
    let (_, fused_plan) = fused(|plan, x| {
        let one = plan.weight("one", [1, 3, 1, 1]);
        let y = conv(plan, "conv", x, 3, 1, false);
        let y = plan.apply("repeats", add, &[y, one]).unwrap();
        let z = conv(plan, "active", y, 3, 1, false);
        let z = activate(plan, "act", z, Activation::Relu);
        // Done by now: an activation that came before the sum is not one after it.
        let z = plan.apply("first", add, &[z, x]).unwrap();
        let w = conv(plan, "last", z, 3, 1, true);
        let w = plan.apply("second", add, &[w, x]).unwrap();
        let w = plan.apply("third", add, &[w, y]).unwrap();
        let w = norm(plan, "norm", w, true);
        plan.output("y", w);
    });
    let told = ["conv", "repeats", "active", "first", "last", "third", "norm"];
    assert_eq!(steps(&fused_plan), told);
    assert_eq!(ops(&fused_plan)[4], "conv2d + bias + residual");
    // A norm after a residual scales that, too: it cannot be folded into the weight.
    let (_, normed) = fused(|plan, x| {
        let y = conv(plan, "conv", x, 3, 1, false);
        let other = activate(plan, "other", x, Activation::Sigmoid);
        let y = plan.apply("sum", add, &[y, other]).unwrap();
        let y = norm(plan, "norm", y, true);
        plan.output("y", y);
    });
    assert_eq!(ops(&normed)[1..], ["conv2d + residual", "batch_norm"]);
}

/// RepVGG's block: a 3x3 and a 1x1 convolution and the input itself, each normalised but for the last, in any order.
#[test]
fn branches_of_one_input_are_one_convolution() {
    let depthwise = |plan: &mut Builder, name: &str, x: Value, kernel: usize| {
        let weight = plan.weight(&format!("{name}.weight"), [3, 1, kernel, kernel]);
        let op = Conv2d { padding: (kernel / 2).into(), groups: 3, ..Conv2d::default() };
        let y = plan.apply(name, op, &[x, weight]).unwrap();
        norm(plan, &format!("{name}.norm"), y, true)
    };
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]] {
        let (_, fused) = fused(|plan, x| {
            let branches = [depthwise(plan, "wide", x, 3), depthwise(plan, "thin", x, 1), x];
            let [a, b, c] = order.map(|branch| branches[branch]);
            let y = plan.apply("sum", Add::default(), &[a, b]).unwrap();
            let y = plan.apply("all", Add { activation: Activation::Relu }, &[y, c]).unwrap();
            let y = activate(plan, "act", y, Activation::Sigmoid);
            plan.output("y", y);
        });
        let told = ["conv2d padding=1 groups=3 + bias + relu", "activation"];
        assert_eq!(ops(&fused), told, "{order:?}");
    }
    // Dense ones, of which one alone has a bias, and a normalisation behind the sum.
    let (_, dense) = fused(|plan, x| {
        let wide = conv(plan, "wide", x, 3, 3, false);
        let thin = conv(plan, "thin", x, 3, 1, true);
        let y = plan.apply("sum", Add::default(), &[thin, wide]).unwrap();
        let y = plan.apply("identity", Add::default(), &[x, y]).unwrap();
        let y = norm(plan, "norm", y, true);
        plan.output("y", y);
    });
    assert_eq!(ops(&dense), ["conv2d padding=1 + bias"]);
}

/// Each differs in one respect from two convolutions that are one.
#[test]
fn branches_that_are_no_one_convolution_stay_apart() {
    let plain = Conv2d { padding: 1.into(), ..Conv2d::default() };
    let thin = ([3, 3, 1, 1], Conv2d::default());
    let wide = ([3, 3, 3, 3], plain);
    let relu = Activation::Relu;
    let cases = [
        ("alike", true, wide, thin),
        ("an activation", false, wide, (thin.0, Conv2d { activation: relu, ..thin.1 })),
        (
            "an even kernel",
            false,
            wide,
            ([3, 3, 2, 2], Conv2d { padding: Padding::Explicit([[0, 1]; 2]), ..plain }),
        ),
        (
            "crossed kernels",
            false,
            ([3, 3, 3, 1], Conv2d { padding: Padding::symmetric(1, 0), ..plain }),
            ([3, 3, 1, 3], Conv2d { padding: Padding::symmetric(0, 1), ..plain }),
        ),
        (
            "other taps",
            false,
            ([3, 3, 3, 3], Conv2d { padding: Padding::Explicit([[2, 0], [1, 1]]), ..plain }),
            thin,
        ),
        (
            "a dilation",
            false,
            wide,
            ([3, 3, 3, 3], Conv2d { padding: 2.into(), dilation: [2, 2], ..plain }),
        ),
        ("groups", false, wide, ([3, 1, 1, 1], Conv2d { groups: 3, ..thin.1 })),
    ];
    for (what, is_one, first, second) in cases {
        let (_, fused) = fused(|plan, x| {
            let mut branch = |name: &str, (weight, op): ([usize; 4], Conv2d)| {
                let weight = plan.weight(&format!("{name}.weight"), weight);
                plan.apply(name, op, &[x, weight]).unwrap()
            };
            let branches = [branch("first", first), branch("second", second)];
            let y = plan.apply("sum", Add::default(), &branches).unwrap();
            plan.output("y", y);
        });
        assert_eq!(steps(&fused).len() == 1, is_one, "{what}: {:?}", ops(&fused));
    }
    // Of two inputs; and an input that the convolution shifts, spreads or reads in steps.
    let (_, two) = fused(|plan, x| {
        let other = activate(plan, "other", x, Activation::Sigmoid);
        let branches = [conv(plan, "wide", x, 3, 3, false), conv(plan, "thin", other, 3, 1, true)];
        let y = plan.apply("sum", Add::default(), &branches).unwrap();
        plan.output("y", y);
    });
    assert_eq!(steps(&two).len(), 3);
    let shifted = Conv2d { padding: Padding::Explicit([[2, 0], [1, 1]]), ..plain };
    let spread = Conv2d { padding: 2.into(), dilation: [2, 2], ..plain };
    for (what, op) in [("shifted", shifted), ("spread", spread)] {
        let (_, fused) = fused(|plan, x| {
            let weight = plan.weight("weight", [3, 3, 3, 3]);
            let y = plan.apply("conv", op, &[x, weight]).unwrap();
            let y = plan.apply("sum", Add::default(), &[y, x]).unwrap();
            plan.output("y", y);
        });
        assert!(ops(&fused)[0].contains("residual"), "{what}: {:?}", ops(&fused));
    }
}

/// The head of LeViT and LSNet: a normalisation of rows and a linear layer, and the sum of two of these.
#[test]
fn a_linear_layer_takes_the_norm_before_it() {
    let head = |plan: &mut Builder, name: &str, x: Value, bias: bool| {
        let y = norm(plan, &format!("{name}.bn"), x, true);
        let mut inputs = vec![y, plan.weight(&format!("{name}.weight"), [7, 60])];
        if bias {
            inputs.push(plan.weight(&format!("{name}.bias"), [7]));
        }
        let op = Linear { bias, ..Linear::default() };
        plan.apply(name, op, &inputs).unwrap()
    };
    for bias in [false, true] {
        let (_, one) = fused(|plan, x| {
            let rows = plan.reshape(x, [2, 60]).unwrap();
            let y = head(plan, "head", rows, bias);
            plan.output("y", y);
        });
        assert_eq!(ops(&one), ["reshape", "linear + bias"]);
        let (_, two) = fused(|plan, x| {
            let rows = plan.reshape(x, [2, 60]).unwrap();
            let heads = [head(plan, "head", rows, true), head(plan, "other", rows, bias)];
            let y = plan.apply("sum", Add { activation: Activation::Relu }, &heads).unwrap();
            plan.output("y", y);
        });
        assert_eq!(ops(&two), ["reshape", "linear + bias + relu"]);
    }
    // The channels are not what the layer sums over, or somebody else reads the rows that are normalised.
    let (_, others) = fused(|plan, x| {
        let y = norm(plan, "norm", x, true);
        let weight = plan.weight("weight", [7, 4]);
        let y = plan.apply("linear", Linear::default(), &[y, weight]).unwrap();
        plan.output("y", y);
        let rows = plan.reshape(x, [2, 60]).unwrap();
        let rows = norm(plan, "rows", rows, true);
        let weight = plan.weight("second", [7, 60]);
        let z = plan.apply("second", Linear::default(), &[rows, weight]).unwrap();
        plan.output("rows", rows);
        plan.output("z", z);
    });
    let norms = ops(&others).iter().filter(|op| op.starts_with("batch_norm")).count();
    assert_eq!(norms, 2);
}

#[test]
fn what_somebody_else_reads_is_not_folded_into() {
    // The convolution's own result is read twice.
    let (_, twice) = fused(|plan, x| {
        let y = conv(plan, "conv", x, 3, 1, false);
        let normed = norm(plan, "norm", y, true);
        let sum = plan.apply("sum", involution::ops::Add::default(), &[y, normed]).unwrap();
        plan.output("y", sum);
    });
    assert_eq!(steps(&twice), ["conv", "norm", "sum"]);
    // By one step twice.
    let (_, itself) = fused(|plan, x| {
        let y = conv(plan, "conv", x, 3, 1, false);
        let sum = plan.apply("sum", involution::ops::Add::default(), &[y, y]).unwrap();
        let y = activate(plan, "act", sum, Activation::Relu);
        plan.output("y", y);
    });
    assert_eq!(ops(&itself), ["conv2d", "add + relu"]);
    // It is a result, and so is the norm's.
    let (_, result) = fused(|plan, x| {
        let y = conv(plan, "conv", x, 3, 1, false);
        let normed = norm(plan, "norm", y, true);
        let last = activate(plan, "act", normed, Activation::Relu);
        plan.output("conv", y);
        plan.output("norm", normed);
        plan.output("y", last);
    });
    assert_eq!(steps(&result), ["conv", "norm", "act"]);
    // Once the results are not asked for, it is.
    let kept = result.keep(&["y"]).unwrap().fuse();
    assert_eq!(ops(&kept), ["conv2d + bias + relu"]);
}

#[test]
fn what_cannot_be_folded_stays() {
    // An activation in between, and a second norm.
    let (_, fused_plan) = fused(|plan, x| {
        let y = conv(plan, "conv", x, 3, 1, false);
        let y = activate(plan, "act", y, Activation::Relu);
        let y = norm(plan, "norm", y, true);
        let y = norm(plan, "again", y, true);
        plan.output("y", y);
    });
    assert_eq!(ops(&fused_plan), ["conv2d + relu", "batch_norm", "batch_norm"]);
    // Two norms behind one convolution: the second takes what is then a convolution with a bias.
    let (_, both) = fused(|plan, x| {
        let y = conv(plan, "conv", x, 3, 1, false);
        let y = norm(plan, "norm", y, true);
        let y = norm(plan, "again", y, false);
        plan.output("y", y);
    });
    assert_eq!(ops(&both), ["conv2d + bias"]);
    // Two activations: the first alone.
    let (_, two) = fused(|plan, x| {
        let y = conv(plan, "conv", x, 3, 1, false);
        let y = activate(plan, "first", y, Activation::Sigmoid);
        let y = activate(plan, "second", y, Activation::Silu);
        plan.output("y", y);
    });
    assert_eq!(ops(&two).len(), 2);
    // Pooling does nothing else, and the input of the network has no maker.
    let (_, pooled) = fused(|plan, x| {
        let y = plan.apply("pool", AvgPool2d::new(Window::new([2, 2])), &[x]).unwrap();
        let y = activate(plan, "act", y, Activation::Relu);
        plan.output("y", y);
        let x = norm(plan, "norm", x, true);
        plan.output("x", x);
    });
    assert_eq!(steps(&pooled), ["pool", "act", "norm"]);
}

/// A weight or a statistic that is computed is no constant: there is nothing to fold beforehand.
#[test]
fn what_is_computed_is_not_folded() {
    let (_, computed) = fused(|plan, x| {
        let mean = plan.weight("mean", [3]);
        let mean = activate(plan, "mean.act", mean, Activation::Relu);
        let variance = plan.statistic("running_var", [3]);
        let y = conv(plan, "conv", x, 3, 1, false);
        let op = BatchNorm { affine: false, ..BatchNorm::default() };
        let y = plan.apply("norm", op, &[y, mean, variance]).unwrap();
        let kernel = plan.weight("kernel", [3, 3, 1, 1]);
        let kernel = activate(plan, "kernel.act", kernel, Activation::Sigmoid);
        let z = plan.apply("second", Conv2d::default(), &[x, kernel]).unwrap();
        let z = norm(plan, "last", z, true);
        plan.output("y", y);
        plan.output("z", z);
    });
    assert_eq!(steps(&computed), ["mean.act", "conv", "norm", "kernel.act", "second", "last"]);
}

/// Three parts of a concatenation, read by a convolution with all that it can have besides.
#[test]
fn a_convolution_of_a_concatenation_is_a_sum_of_convolutions() {
    let both = |plan: &mut Builder, x: Value, y: Value| plan.apply("cat", Concat, &[x, y]).unwrap();
    let three = |plan: &mut Builder, x: Value| {
        let y = conv(plan, "y", x, 2, 1, false);
        let z = conv(plan, "z", x, 4, 1, false);
        let first = both(plan, x, y);
        both(plan, first, z)
    };
    let (plan, fused_plan) = fused(|plan, x| {
        let all = three(plan, x);
        let sum = conv(plan, "conv", all, 3, 3, true);
        let sum = norm(plan, "norm", sum, true);
        let sum = plan.apply("sum", Add::default(), &[sum, x]).unwrap();
        let sum = activate(plan, "act", sum, Activation::Relu);
        plan.output("sum", sum);
    });
    assert_eq!(steps(&fused_plan), ["y", "z", "conv[0..3]", "conv[3..5]", "conv[5..9]"]);
    let added = "conv2d padding=1 + residual";
    let last = "conv2d padding=1 + bias + residual + relu";
    assert_eq!(ops(&fused_plan)[2..], [added, added, last]);
    assert_eq!(fused_plan.macs().unwrap(), plan.macs().unwrap());

    // The first part of a plain one adds nothing.
    let (_, plain) = fused(|plan, x| {
        let y = both(plan, x, x);
        let y = conv(plan, "conv", y, 4, 1, true);
        plan.output("y", y);
    });
    assert_eq!(steps(&plain), ["conv[0..3]", "conv[3..6]"]);
    assert_eq!(ops(&plain), ["conv2d", "conv2d + bias + residual"]);

    // What others read, or a convolution in groups reads, is stored; so is a part that is a concatenation of its own.
    let (_, read_twice) = fused(|plan, x| {
        let all = both(plan, x, x);
        let y = conv(plan, "conv", all, 6, 1, false);
        plan.output("y", y);
        plan.output("all", all);
    });
    assert_eq!(steps(&read_twice), ["cat", "conv"]);
    let (_, grouped) = fused(|plan, x| {
        let all = both(plan, x, x);
        let weight = plan.weight("weight", [4, 3, 1, 1]);
        let y =
            plan.apply("conv", Conv2d { groups: 2, ..Conv2d::default() }, &[all, weight]).unwrap();
        plan.output("y", y);
    });
    assert_eq!(steps(&grouped), ["cat", "conv"]);
    let (_, inner) = fused(|plan, x| {
        let first = both(plan, x, x);
        let all = both(plan, first, x);
        let y = conv(plan, "conv", all, 2, 1, false);
        plan.output("y", y);
        plan.output("first", first);
    });
    assert_eq!(steps(&inner), ["cat", "conv[0..6]", "conv[6..9]"]);
}

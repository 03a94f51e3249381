//! Plans: building, counting, cutting down to what is wanted.

mod constants;
mod fusing;
mod layers;
mod memory;
mod random;

use involution::ops::{
    Activate, Activation, Add, AvgPool2d, BatchNorm, Conv2d, GlobalAvgPool, Involution, Linear,
    MaxPool2d,
};
use involution::plan::{Action, Builder, Value};
use involution::{Error, Plan, Shape, ShapeError, Window};

use crate::networks::{lowered, table};

/// The names of the steps.
fn steps(plan: &Plan) -> Vec<&str> {
    plan.steps().iter().map(|step| step.name.as_str()).collect()
}

/// The operators of the steps, with the activation that each does at its end.
fn ops(plan: &Plan) -> Vec<String> {
    table(plan).rows.into_iter().map(|row| row.op).collect()
}

/// A convolution of this kernel size, padded to keep the size, in a layer of this name.
fn conv(plan: &mut Builder, name: &str, x: Value, out: usize, kernel: usize, bias: bool) -> Value {
    let channels = plan.shape(x).dims()[1];
    let conv = Conv2d { padding: (kernel / 2).into(), bias, ..Conv2d::default() };
    plan.scope(name, |plan| {
        let mut inputs = vec![x, plan.weight("weight", [out, channels, kernel, kernel])];
        if bias {
            inputs.push(plan.weight("bias", [out]));
        }
        plan.apply("", conv, &inputs)
    })
    .unwrap()
}

/// A batch normalisation, with scale and shift or without.
fn norm(plan: &mut Builder, name: &str, x: Value, affine: bool) -> Value {
    let channels = plan.shape(x).dims()[1];
    plan.scope(name, |plan| {
        let mut inputs = vec![
            x,
            plan.statistic("running_mean", [channels]),
            plan.statistic("running_var", [channels]),
        ];
        if affine {
            inputs.push(plan.weight("weight", [channels]));
            inputs.push(plan.weight("bias", [channels]));
        }
        plan.apply("", BatchNorm { affine, ..BatchNorm::default() }, &inputs)
    })
    .unwrap()
}

fn activate(plan: &mut Builder, name: &str, x: Value, activation: Activation) -> Value {
    plan.apply(name, Activate { activation }, &[x]).unwrap()
}

/// What papers and mmclassification count, counted by hand.
#[test]
fn counts_are_those_made_by_hand() {
    let mut plan = Builder::new("counted");
    let x = plan.input("x", &Shape::from([2, 3, 8, 6]));
    let y = conv(&mut plan, "conv", x, 4, 3, true);
    let y = norm(&mut plan, "norm", y, true);
    let y = activate(&mut plan, "relu", y, Activation::Relu);
    let window = Window::new([2, 2]).stride([2, 2]);
    let y = plan.apply("max", MaxPool2d { window, ceil_mode: false }, &[y]).unwrap();
    let kernel = conv(&mut plan, "span", y, 2 * 9, 1, false);
    let involution = Involution::new(Window::new([3, 3]).padding(1), 2);
    let y = plan.apply("involution", involution, &[y, kernel]).unwrap();
    let y = plan.apply("average", AvgPool2d::new(window), &[y]).unwrap();
    let y = plan.apply("global", GlobalAvgPool, &[y]).unwrap();
    let y = plan.reshape(y, [2, 4]).unwrap();
    let weight = plan.weight("fc.weight", [5, 4]);
    let bias = plan.weight("fc.bias", [5]);
    let linear = Linear { bias: true, ..Linear::default() };
    let y = plan.apply("fc", linear, &[y, weight, bias]).unwrap();
    plan.output("logits", y);
    let plan = plan.finish();

    assert_eq!(plan.output_shape("logits"), [2, 5]);
    // The weights: 4x3x3x3 and 4; scale and shift of 4, not the two statistics; 18x4; 5x4 and 5.
    assert_eq!(plan.parameters(), 108 + 4 + 8 + 72 + 25);
    let conv_macs = 2 * 4 * 8 * 6 * 27;
    let span_macs = 2 * 18 * 4 * 3 * 4;
    let involution_macs = 2 * 4 * 4 * 3 * 9;
    let fc_macs = 2 * 5 * 4;
    assert_eq!(plan.macs().unwrap(), conv_macs + span_macs + involution_macs + fc_macs);
    let before_pool = 2 * 4 * 8 * 6;
    let after_pool = 2 * 4 * 4 * 3;
    let pooled_again = 2 * 4 * 2;
    // The bias of conv, twice for the norm, the relu and what the maximum reads; what the average reads;
    // what the global pooling reads. The linear layer comes after it and does not count.
    let flops =
        conv_macs + span_macs + involution_macs + 5 * before_pool + after_pool + pooled_again;
    assert_eq!(plan.mmcls_flops().unwrap(), flops);
    let table = table(&plan);
    assert_eq!((table.parameters, table.macs), (plan.parameters(), plan.macs().unwrap()));
    assert_eq!(table.rows.iter().map(|row| row.macs).sum::<u64>(), table.macs);
    assert_eq!(table.rows.len(), plan.steps().len());
    // Input 288 values, weight 108, bias 4, output 384.
    assert_eq!(table.rows[0].bytes, 4 * (288 + 108 + 4 + 384));
    for row in &table.rows {
        let moves = row.op != "reshape";
        assert_eq!((row.candidate.is_some(), row.reason.is_some()), (moves, moves), "{row:?}");
    }
}

/// The shape of a result.
trait OutputShape {
    fn output_shape(&self, name: &str) -> &[usize];
}

impl OutputShape for Plan {
    fn output_shape(&self, name: &str) -> &[usize] {
        let (_, value) = self.outputs().iter().find(|(known, _)| known == name).unwrap();
        self.shape(*value).dims()
    }
}

/// A stem and two branches, each with a result of its own.
fn branches() -> Plan {
    let mut plan = Builder::new("branches");
    let x = plan.input("x", &Shape::from([1, 2, 4, 4]));
    let stem = conv(&mut plan, "stem", x, 3, 3, false);
    let left = conv(&mut plan, "left", stem, 4, 1, false);
    let right = conv(&mut plan, "right", stem, 5, 1, false);
    let deep = conv(&mut plan, "deep", right, 6, 1, false);
    for (name, value) in [("left", left), ("right", right), ("deep", deep), ("again", left)] {
        plan.output(name, value);
    }
    plan.finish()
}

#[test]
fn keeping_results_drops_the_steps_that_nobody_needs() {
    let whole = branches();
    assert_eq!(steps(&whole), ["stem", "left", "right", "deep"]);
    let kept = |outputs: &[&str]| branches().keep(outputs).unwrap();
    assert_eq!(steps(&kept(&["left"])), ["stem", "left"]);
    assert_eq!(steps(&kept(&["right"])), ["stem", "right"]);
    assert_eq!(steps(&kept(&["deep"])), ["stem", "right", "deep"]);
    assert_eq!(steps(&kept(&["deep", "left"])), ["stem", "left", "right", "deep"]);
    assert_eq!(steps(&kept(&[])), [""; 0]);
    // Results stand in the plan's order, each once, with their own shapes.
    let both = kept(&["deep", "left", "left"]);
    let names: Vec<&str> = both.outputs().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["left", "deep"]);
    assert_eq!(both.output_shape("deep"), [1, 6, 4, 4]);
    // The constants of what is gone are gone from the device; the state dict has them still.
    let names = |plan: &Plan| -> Vec<String> {
        plan.constants().map(|(value, _)| plan.value(value).name.clone()).collect()
    };
    assert_eq!(names(&kept(&["left"])), ["stem.weight", "left.weight"]);
    assert_eq!(kept(&["left"]).weights(), whole.weights());
    assert_eq!(kept(&["left"]).parameters(), whole.parameters());
    // Every value that is left is named as before.
    for step in kept(&["deep"]).steps() {
        assert!(whole.steps().iter().any(|known| known.name == step.name));
    }
}

#[test]
fn a_result_that_is_not_there_is_refused_by_name() {
    let error = branches().keep(&["left", "middle"]).unwrap_err();
    let known = ["left", "right", "deep", "again"].map(str::to_owned).to_vec();
    let (network, output) = ("branches".to_owned(), "middle".to_owned());
    assert_eq!(error, Error::UnknownOutput { network, output, known });
    for part in ["branches", "middle", "deep"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn errors_name_the_layer() {
    let at = |error: Error| match error {
        Error::Layer { layer, source } => (layer, *source),
        error => panic!("{error:?}"),
    };
    let mut plan = Builder::new("network");
    let x = plan.input("x", &Shape::from([1, 2, 4, 4]));
    let wrong = plan.scope("layer1", |plan| {
        plan.scope("0", |plan| {
            plan.scope("conv2", |plan| {
                let weight = plan.weight("weight", [4, 3, 1, 1]);
                plan.apply("conv", Conv2d::default(), &[x, weight])
            })
        })
    });
    let error = wrong.unwrap_err();
    assert!(error.to_string().starts_with("layer1.0.conv2.conv: conv2d: weight"), "{error}");
    let (layer, source) = at(error);
    assert_eq!(layer, "layer1.0.conv2.conv");
    assert!(
        matches!(source, Error::Shape { op: "conv2d", source: ShapeError::Dimension { .. } }),
        "{source:?}"
    );
    // The scope is left although it failed.
    let weight = plan.weight("weight", [1]);
    let (layer, _) = at(plan.apply("here", Add::default(), &[x]).unwrap_err());
    assert_eq!(layer, "here");
    // What has no name of its own is the layer, or the network.
    let (layer, _) = at(plan.apply("", Add::default(), &[x]).unwrap_err());
    assert_eq!(layer, "network");
    let (layer, source) = at(plan.scope("flat", |plan| plan.reshape(x, [33])).unwrap_err());
    assert_eq!(layer, "flat.reshape");
    let length = ShapeError::DataLength { shape: Shape::from([33]), expected: 33, found: 32 };
    assert_eq!(source, Error::Shape { op: "reshape", source: length });
    let empty = ShapeError::Overflow { what: "anything", bits: 7 };
    let refused = plan.scope("head", |plan| Err::<(), _>(plan.refuse("pool", empty.clone())));
    assert_eq!(
        at(refused.unwrap_err()),
        ("head".to_owned(), Error::Shape { op: "pool", source: empty })
    );
    // Sizes that cannot be counted are errors, too.
    let vast = plan.input("vast", &Shape::from([usize::MAX, 2]));
    assert_eq!(at(plan.reshape(vast, [2, 2]).unwrap_err()).0, "reshape");
    let plan = plan.finish();
    assert_eq!(plan.value(weight).name, "weight");
    assert!(matches!(lowered(&plan), Err(Error::Shape { op: "plan", .. })));
}

#[test]
fn a_shape_that_is_there_already_is_no_step() {
    let mut plan = Builder::new("reshaped");
    let x = plan.input("x", &Shape::from([2, 3, 4]));
    assert_eq!(plan.reshape(x, [2, 3, 4]).unwrap(), x);
    let flat = plan.reshape(x, [24]).unwrap();
    let back = plan.reshape(flat, [4, 6]).unwrap();
    plan.output("back", back);
    let plan = plan.finish();
    assert_eq!(plan.steps().len(), 2);
    assert!(plan.steps().iter().all(|step| step.action == Action::Reshape));
    assert_eq!((plan.root(back), plan.root(flat), plan.root(x)), (x, x, x));
    // It is the input from the beginning to the end.
    assert_eq!(lowered(&plan).unwrap().memory.slots(), [256]);
}

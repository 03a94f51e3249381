//! The suite `ops`: single calls on tensors that stay on the device, each kernel by itself. They are every distinct call
//! of the networks, as their fused plans make it, the calls of some examples, and the operators that none of them has.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use involution::gpu::Timing;
use involution::models;
use involution::nn::{Involution2d, SeparableConv2d};
use involution::ops::{
    Activate, Activation, AdaptiveAvgPool2d, Add, BatchNorm, Conv2d, DynamicConv2d, Fold,
    Involution, NAMES, Op, Operator, Softmax, Unfold,
};
use involution::{Layer, Shape, Window, reference};
use involution_check::usual;
use involution_check::verify::{Settings, verify};

use crate::adapter::Open;
use crate::request::Request;
use crate::row::Row;
use crate::rows;
use crate::run::{Answers, Run};
use crate::sampling::{Effort, in_turns, interrupted};
use crate::subject;
use crate::workload::{Work, Workload};

/// The most floating-point operations of a call on the CPU reference, which is slow.
const REFERENCE_FLOPS: u64 = 60_000_000;

/// The networks whose calls are run. Calls that an earlier one has are not run again.
const NETWORKS: [(&str, &[&str]); 3] = [
    ("RedNet-26 to 152", &["rednet26", "rednet38", "rednet50", "rednet101", "rednet152"]),
    ("ResNet-50", &["resnet50"]),
    ("MobileNetV2", &["mobilenet_v2"]),
];

/// Times the calls that the arguments ask for; on the reference only those that it is not too slow for.
pub fn measure(open: Open<'_>, args: &Request) -> Result<Run> {
    let calls = select(args)?;
    let runner = open()?;
    let effort = Effort::new(args, 3, Duration::from_millis(300));
    let Some(gpu) = runner.gpu() else {
        let settings = Settings { operators: args.ops.clone(), ..Settings::default() };
        let report = verify(None, &settings, &mut |_, _| {})?;
        let answers = Answers { cases: report.cases, failures: report.failures.len() };
        let run = Run::new(&runner, None, args, by_reference(&calls, effort)?);
        return Ok(Run { quick: true, known_answers: Some(answers), ..run });
    };
    let mut workloads = Vec::new();
    for call in calls {
        // The preferred candidate comes first.
        let Work::Operator(op, _) = &call.work else { continue };
        let candidates = gpu.candidates(op, &call.shapes.iter().collect::<Vec<_>>())?;
        let count = if args.candidates { candidates.len() } else { 1 };
        workloads.extend(candidates.into_iter().rev().take(count).map(|candidate| {
            let work = Work::Operator(op.clone(), Some(candidate.name));
            Workload { work, ..call.clone() }
        }));
    }
    rows::run(&runner, gpu, &workloads, args, effort)
}

fn select(args: &Request) -> Result<Vec<Workload>> {
    let wanted = |call: &Workload| {
        (args.ops.is_empty() || args.ops.contains(&call.op())) && (call.quick || !args.quick)
    };
    let calls = all()?.into_iter().filter(wanted);
    let calls = match args.batch.as_slice() {
        [] => calls.collect(),
        batches => {
            calls.flat_map(|call| batches.iter().map(move |&it| batched(&call, it))).collect()
        }
    };
    args.selected(calls, |call| call.name.clone())
}

/// The call on so many samples.
fn batched(call: &Workload, batch: usize) -> Workload {
    let Work::Operator(op, _) = &call.work else { return call.clone() };
    let mut shapes = call.shapes.clone();
    let batched = op.batched(&call.shapes.iter().collect::<Vec<_>>());
    for (shape, _) in shapes.iter_mut().zip(batched).filter(|(_, is)| *is) {
        *shape = Shape::new([&[batch], &shape.dims()[1..]].concat());
    }
    Workload { quick: call.quick, ..workload(&call.group, op.clone(), shapes) }
}

fn by_reference(calls: &[Workload], effort: Effort) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for call in calls.iter().filter(|call| call.quick && call.cost().0 <= REFERENCE_FLOPS) {
        let Work::Operator(op, _) = &call.work else { continue };
        let inputs = call.inputs(involution::tensor::DType::F32)?;
        let run = || {
            let start = Instant::now();
            reference::run(op, &inputs)?;
            Ok(Timing { dispatches: None, span: None, wall: start.elapsed() })
        };
        for samples in in_turns(&mut [Box::new(run)], effort) {
            let row = Row { kernel: Some("reference".to_owned()), ..subject::row(call) };
            let note = "the reference is the definition: there is nothing to check it against";
            rows.push(Row { note: Some(note.to_owned()), ..row.timed(samples?) });
        }
        if interrupted() {
            break;
        }
    }
    Ok(rows)
}

/// All calls, in the order of the networks.
pub fn all() -> Result<Vec<Workload>> {
    let mut list = List { group: "", calls: Vec::new() };
    for (group, networks) in NETWORKS {
        list.group = group;
        for network in networks {
            let model = models::by_name(network, None)?;
            list.layer(model.as_ref(), &model.preprocessing().input(1))?;
        }
    }
    list.group = "Examples";
    list.examples()?;
    list.group = "Other operators";
    list.others();
    Ok(with_quick(list.calls))
}

fn workload(group: &str, op: Operator, shapes: Vec<Shape>) -> Workload {
    Workload::new(name(&op, &shapes), group, Work::Operator(op, None), shapes)
}

struct List {
    /// The group of the calls that are added.
    group: &'static str,
    calls: Vec<Workload>,
}

impl List {
    /// Adds a call, unless one like it is there.
    fn add(&mut self, operator: impl Into<Operator>, shapes: &[&[usize]]) {
        let op = operator.into();
        let shapes: Vec<Shape> = shapes.iter().map(|&dims| Shape::new(dims)).collect();
        let is = |known: &Workload| matches!(&known.work, Work::Operator(it, _) if *it == op);
        if !self.calls.iter().any(|known| is(known) && known.shapes == shapes) {
            self.calls.push(workload(self.group, op, shapes));
        }
    }

    /// Adds what the fused plan of a layer or network applies to inputs of this shape.
    fn layer(&mut self, layer: &(impl Layer + ?Sized), x: &Shape) -> Result<()> {
        let plan = layer.plan(x)?.keep(&[layer.output()])?.fuse();
        for (_, op, shapes) in plan.calls() {
            let dims: Vec<&[usize]> = shapes.iter().map(|shape| shape.dims()).collect();
            self.add(op.clone(), &dims);
        }
        Ok(())
    }

    /// An involution that widens 16 channels to 32 and strides over rows alone, on 16 samples of 400x1, and
    /// convolutions of each sort.
    fn examples(&mut self) -> Result<()> {
        let x = Shape::from([16, 16, 400, 1]);
        self.layer(&Involution2d::with_projection(16, 32).stride([5, 1]), &x)?;
        let k7 = Window::new([7, 7]).stride([5, 1]).padding(3);
        self.add(Unfold { window: k7 }, &[&[16, 32, 400, 1]]);
        // With kernels that are there already: those of a RedNet are made as they are used.
        for (channels, size) in [(256, 56), (256, 14), (512, 7)] {
            let op = Involution::new(Window::new([7, 7]).padding(3), channels / 16);
            self.add(op, &[&[1, channels, size, size], &[1, 49 * channels / 16, size, size]]);
        }
        let separable = SeparableConv2d::new(64, 128, [3, 3]).padding(1);
        self.layer(&separable, &Shape::from([1, 64, 56, 56]))?;
        let k3 = Conv2d { padding: 1.into(), ..Conv2d::default() };
        let x: &[usize] = &[1, 256, 56, 56];
        let thin: &[usize] = &[1, 64, 56, 56];
        self.add(Conv2d::default(), &[x, &[64, 256, 1, 1]]);
        self.add(k3, &[thin, &[64, 64, 3, 3]]);
        self.add(Conv2d { groups: 32, ..k3 }, &[x, &[256, 8, 3, 3]]);
        self.add(Conv2d { groups: 256, ..k3 }, &[x, &[256, 1, 3, 3]]);
        let dilated = Conv2d { padding: 2.into(), dilation: [2, 2], ..k3 };
        self.add(dilated, &[thin, &[64, 64, 3, 3]]);
        for size in [14, 56] {
            let shapes: [&[usize]; 3] = [&[2, 64, size, size], &[2, 4], &[4, 64, 64, 3, 3]];
            self.add(DynamicConv2d { conv: k3 }, &shapes);
        }
        let norm = BatchNorm { activation: Activation::Relu, ..BatchNorm::default() };
        let c: &[usize] = &[256];
        self.add(norm, &[x, c, c, c, c]);
        Ok(())
    }

    fn others(&mut self) {
        let k7 = Window::new([7, 7]).padding(3);
        let x: &[usize] = &[1, 256, 56, 56];
        self.add(Add { activation: Activation::Relu }, &[x, x]);
        self.add(Unfold { window: k7 }, &[&[1, 16, 56, 56]]);
        self.add(Fold { window: k7, output_size: [56, 56] }, &[&[1, 16 * 49, 56 * 56]]);
        self.add(AdaptiveAvgPool2d { output_size: [6, 6] }, &[&[1, 256, 13, 13]]);
        self.add(Activate { activation: Activation::Silu }, &[&[1, 64, 112, 112]]);
        self.add(Softmax::default(), &[&[1, 1000]]);
        for name in NAMES {
            let listed = self.calls.iter().any(|call| call.op() == *name);
            if let (false, Some((operator, shapes))) = (listed, usual(name, 1, 56)) {
                let dims: Vec<&[usize]> = shapes.iter().map(Shape::dims).collect();
                self.add(operator, &dims);
            }
        }
    }
}

/// Marks the calls of the quick benchmark: of those that differ in their sizes alone, the one in the middle (the smaller of two) by its
/// arithmetic.
fn with_quick(mut all: Vec<Workload>) -> Vec<Workload> {
    let mut kinds: HashMap<_, Vec<usize>> = HashMap::new();
    for (place, workload) in all.iter().enumerate() {
        kinds.entry(kind(workload)).or_default().push(place);
    }
    let middle = |mut places: Vec<usize>| {
        places.sort_by_key(|&place| all[place].cost());
        places[(places.len() - 1) / 2]
    };
    let middles: Vec<usize> = kinds.into_values().map(middle).collect();
    middles.into_iter().for_each(|place| all[place].quick = true);
    all
}

/// What a call has in common with those that differ in their sizes alone: its name without channels, number of groups,
/// size and batch.
fn kind(call: &Workload) -> Vec<&str> {
    let words = call.name.split(' ').map(|word| if word.starts_with("G=") { "G" } else { word });
    let is_more =
        |word: &&str| !word.starts_with('@') && word.contains(|c| !"0123456789->b".contains(c));
    words.filter(is_more).collect()
}

/// `conv2d 64->256 1x1 @56 +add+relu`: operator, channels, window, `/stride`, `@` the size of its output, and what its
/// epilogue does.
fn name(op: &Operator, shapes: &[Shape]) -> String {
    let (x, inputs) = (shapes[0].dims(), op.inputs());
    let output = op.output_shape(&shapes.iter().collect::<Vec<_>>()).ok();
    let output = output.as_ref().map_or(&[][..], Shape::dims);
    let attributes: HashMap<&str, String> = op.to_attributes().into_iter().collect();
    let attribute = |name: &str| attributes.get(name).map(String::as_str);
    let tensor = |name: &str| inputs.iter().position(|input| *input == name).map(|at| &shapes[at]);
    let from = x.get(1).copied().unwrap_or_default();
    let mut words = vec![op.name().to_owned()];
    let groups = attribute("groups").filter(|groups| *groups != "1");
    let depthwise = groups == Some(&from.to_string()) && tensor("weight").is_some();
    words.extend(depthwise.then(|| "depthwise".to_owned()));
    words.push(match output.get(1) {
        Some(&to) if to != from => format!("{from}->{to}"),
        _ => from.to_string(),
    });
    words.extend(match (tensor("weight").map(Shape::dims), attribute("kernel_size")) {
        (_, Some(size)) if size.contains('x') => Some(size.to_owned()),
        (_, Some(size)) => Some(format!("{size}x{size}")),
        (Some([.., h, w]), _) if x.len() == 4 => Some(format!("{h}x{w}")),
        _ => None,
    });
    words.extend(groups.filter(|_| !depthwise).map(|groups| format!("G={groups}")));
    words.extend(attribute("stride").map(|stride| format!("/{stride}")));
    words.extend(attribute("dilation").map(|dilation| format!("d{dilation}")));
    // Of what is pooled to one value, what it was pooled from.
    let size = |dims: &[usize]| match *dims {
        [_, _, h, w] if h == w && h > 1 => Some(format!("@{h}")),
        [_, _, h, w] if h * w > 1 => Some(format!("@{h}x{w}")),
        _ => None,
    };
    words.extend(size(output).or(size(x)));
    words.extend(tensor("residual").map(|_| "+add".to_owned()));
    words.extend(attribute("activation").map(|activation| format!("+{activation}")));
    words.extend(x.first().filter(|batch| **batch != 1).map(|batch| format!("b{batch}")));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_call_is_legal_and_named_once() -> Result<()> {
        let all = all()?;
        let mut names = HashSet::new();
        for workload in &all {
            let Work::Operator(op, _) = &workload.work else { unreachable!("{workload:?}") };
            let output = op.output_shape(&workload.shapes.iter().collect::<Vec<_>>());
            assert!(output.is_ok(), "{} {}: {output:?}", workload.group, workload.name);
            assert!(names.insert(&workload.name), "{} twice", workload.name);
        }
        Ok(())
    }

    #[test]
    fn the_quick_calls_cover_every_operator_on_the_reference_too() -> Result<()> {
        let all = all()?;
        let quick = || all.iter().filter(|workload| workload.quick);
        let names: HashSet<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(quick().map(Workload::op).collect::<HashSet<_>>(), names);
        let slow = quick().filter(|workload| workload.cost().0 <= REFERENCE_FLOPS);
        assert_eq!(slow.map(Workload::op).collect::<HashSet<_>>(), names);
        Ok(())
    }
}

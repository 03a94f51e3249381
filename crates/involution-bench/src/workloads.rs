//! What the benchmark runs: every distinct call of the networks, as their fused plans make it, the calls of some
//! examples, and the operators that none of them has.

use std::collections::HashMap;
use std::hash::Hash;

use involution::models;
use involution::nn::{Involution2d, SeparableConv2d};
use involution::ops::{
    Activate, Activation, AdaptiveAvgPool2d, Add, BatchNorm, Conv2d, DynamicConv2d, Fold,
    Involution, NAMES, Op, Operator, Softmax, Unfold,
};
use involution::{Layer, Result, Shape, Window};
use involution_check::{Case, usual};

/// The most floating-point operations of a call on the CPU reference.
const REFERENCE_FLOPS: u64 = 60_000_000;

/// The networks whose calls are run. Calls that an earlier one has are not run again.
const NETWORKS: [(&str, &[&str]); 3] = [
    ("RedNet-26 to 152", &["rednet26", "rednet38", "rednet50", "rednet101", "rednet152"]),
    ("ResNet-50", &["resnet50"]),
    ("MobileNetV2", &["mobilenet_v2"]),
];

/// One call to be timed.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The network that has it.
    pub group: &'static str,
    /// Operator, channels, window, `/stride`, `@` the size of its output, and what its epilogue does. Unique.
    pub name: String,
    pub case: Case,
    /// Whether the quick benchmark has it.
    pub quick: bool,
}

impl Workload {
    /// Whether the reference, which is slow, is done with it in a fraction of a second.
    pub fn suits_reference(&self) -> bool {
        cost(self).0 <= REFERENCE_FLOPS
    }

    /// This call on so many samples.
    pub fn in_batches_of(&self, batch: usize) -> Self {
        let mut workload = self.clone();
        let batched = self.case.operator.batched(&self.shapes());
        for (shape, _) in workload.case.shapes.iter_mut().zip(batched).filter(|(_, is)| *is) {
            let mut dims = shape.dims().to_vec();
            dims[0] = batch;
            *shape = Shape::new(dims);
        }
        workload.name = name(&workload.case);
        workload
    }

    /// The shapes of its inputs.
    pub fn shapes(&self) -> Vec<&Shape> {
        self.case.shapes.iter().collect()
    }

    /// What it has in common with calls that differ in their sizes alone.
    fn kind(&self) -> impl Eq + Hash + use<> {
        let op = &self.case.operator;
        let attributes = op.to_attributes().into_iter().filter(|(name, _)| *name != "groups");
        let weight = op.inputs().iter().position(|input| *input == "weight");
        let window = weight.and_then(|weight| self.case.shapes[weight].dims().get(2..));
        let groups = ["depthwise", "G="].map(|text| self.name.contains(text));
        let attributes: Vec<_> = attributes.collect();
        (op.name(), op.inputs(), attributes, window.map(<[usize]>::to_vec), groups)
    }
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

struct List {
    /// The group of the calls that are added.
    group: &'static str,
    calls: Vec<Workload>,
}

impl List {
    /// Adds a call, unless one like it is there.
    fn add(&mut self, operator: impl Into<Operator>, shapes: &[&[usize]]) {
        let case = Case::new("", operator, shapes);
        let is = |known: &Case| known.operator == case.operator && known.shapes == case.shapes;
        if !self.calls.iter().any(|known| is(&known.case)) {
            self.calls.push(Workload { group: self.group, name: name(&case), case, quick: false });
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
            let listed = self.calls.iter().any(|call| call.case.operator.name() == *name);
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
        kinds.entry(workload.kind()).or_default().push(place);
    }
    for places in kinds.values_mut() {
        places.sort_by_key(|&place| cost(&all[place]));
        all[places[(places.len() - 1) / 2]].quick = true;
    }
    all
}

/// `conv2d 64->256 1x1 @56 +add+relu`: what people know a call by.
fn name(case: &Case) -> String {
    let shapes: Vec<&Shape> = case.shapes.iter().collect();
    let (x, inputs) = (shapes[0].dims(), case.operator.inputs());
    let output = case.operator.output_shape(&shapes).ok();
    let output = output.as_ref().map_or(&[][..], Shape::dims);
    let attributes: HashMap<&str, String> = case.operator.to_attributes().into_iter().collect();
    let attribute = |name: &str| attributes.get(name).map(String::as_str);
    let tensor = |name: &str| inputs.iter().position(|input| *input == name).map(|at| shapes[at]);
    let from = x.get(1).copied().unwrap_or_default();
    let mut words = vec![case.operator.name().to_owned()];
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

/// Floating-point operations and bytes of a call; zeros for one that the operator refuses.
pub fn cost(workload: &Workload) -> (u64, u64) {
    let cost = workload.case.operator.cost(&workload.shapes());
    cost.map_or((0, 0), |cost| (cost.flops, cost.bytes))
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
            let output = workload.case.operator.output_shape(&workload.shapes());
            assert!(output.is_ok(), "{} {}: {output:?}", workload.group, workload.name);
            assert!(names.insert(&workload.name), "{} twice", workload.name);
        }
        Ok(())
    }

    #[test]
    fn the_quick_calls_cover_every_operator_on_the_reference_too() -> Result<()> {
        let all = all()?;
        let quick = || all.iter().filter(|workload| workload.quick);
        let operators: HashSet<&str> = quick().map(|w| w.case.operator.name()).collect();
        assert_eq!(operators, NAMES.iter().copied().collect());
        let slow = quick().filter(|workload| workload.suits_reference());
        let operators: HashSet<&str> = slow.map(|w| w.case.operator.name()).collect();
        assert_eq!(operators, NAMES.iter().copied().collect());
        Ok(())
    }
}

//! What the benchmark runs: every distinct call of the networks, as their fused plans make it, the calls of some
//! examples, and the operators that none of them has.

use std::collections::HashMap;
use std::hash::Hash;

use involution::models;
use involution::nn::{Involution2d, SeparableConv2d};
use involution::ops::{
    Activate, Activation, AdaptiveAvgPool2d, Add, BatchNorm, Conv2d, DynamicConv2d, Fold,
    Involution, Op, Operator, Softmax, Unfold,
};
use involution::{Layer, Result, Shape, Window};
use involution_check::Case;

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
    /// Where it comes from.
    pub group: &'static str,
    /// Operator, channels, window, `/stride`, `@` the size of its output, and what its epilogue does. Unique.
    pub name: String,
    /// The call.
    pub case: Case,
    /// Whether the quick benchmark has it.
    pub quick: bool,
}

impl Workload {
    fn new(group: &'static str, operator: impl Into<Operator>, shapes: &[&[usize]]) -> Self {
        let case = Case::new("", operator, shapes);
        Workload { group, name: name(&case), case, quick: false }
    }

    /// Whether the reference, which is slow, is done with it in a fraction of a second.
    pub fn suits_reference(&self) -> bool {
        cost(self).0 <= REFERENCE_FLOPS
    }

    /// The same call on so many samples.
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
        (
            op.name(),
            op.inputs(),
            attributes.collect::<Vec<_>>(),
            window.map(<[usize]>::to_vec),
            groups,
        )
    }
}

/// All calls, in the order of the networks.
pub fn all() -> Result<Vec<Workload>> {
    let mut list = List(Vec::new());
    for (group, networks) in NETWORKS {
        for network in networks {
            let model = models::by_name(network, None)?;
            list.layer(group, model.as_ref(), &model.preprocessing().input(1))?;
        }
    }
    list.examples()?;
    list.others();
    Ok(with_quick(list.0))
}

const OTHERS: &str = "Other operators";

struct List(Vec<Workload>);

impl List {
    /// Adds a call, unless one like it is there.
    fn add(&mut self, workload: Workload) {
        let call =
            |workload: &Workload| (workload.case.operator.clone(), workload.case.shapes.clone());
        if !self.0.iter().any(|known| call(known) == call(&workload)) {
            self.0.push(workload);
        }
    }

    /// Adds what the fused plan of a layer or network applies to inputs of this shape.
    fn layer<L: Layer + ?Sized>(
        &mut self,
        group: &'static str,
        layer: &L,
        x: &Shape,
    ) -> Result<()> {
        let plan = layer.plan(x)?.keep(&[layer.output()])?.fuse();
        for (_, op, shapes) in plan.calls() {
            let dims: Vec<&[usize]> = shapes.iter().map(|shape| shape.dims()).collect();
            self.add(Workload::new(group, op.clone(), &dims));
        }
        Ok(())
    }

    /// An involution that widens 16 channels to 32 and strides over rows alone, on 16 samples of 400x1, and
    /// convolutions of each sort.
    fn examples(&mut self) -> Result<()> {
        let group = "Examples";
        let x = Shape::from([16, 16, 400, 1]);
        self.layer(group, &Involution2d::with_projection(16, 32).stride([5, 1]), &x)?;
        let k7 = Window::new([7, 7]).stride([5, 1]).padding(3);
        self.add(Workload::new(group, Unfold { window: k7 }, &[&[16, 32, 400, 1]]));
        // With kernels that are there already: those of a RedNet are made as they are used.
        for (channels, size) in [(256, 56), (256, 14), (512, 7)] {
            let op = Involution::new(Window::new([7, 7]).padding(3), channels / 16);
            let shapes: [&[usize]; 2] =
                [&[1, channels, size, size], &[1, 49 * channels / 16, size, size]];
            self.add(Workload::new(group, op, &shapes));
        }
        let separable = SeparableConv2d::new(64, 128, [3, 3]).padding(1);
        self.layer(group, &separable, &Shape::from([1, 64, 56, 56]))?;
        let mut conv = |op: Conv2d, x: [usize; 3], weight: [usize; 4]| {
            self.add(Workload::new(group, op, &[&[&[1], &x[..]].concat(), &weight]));
        };
        let k3 = Conv2d { padding: 1.into(), ..Conv2d::default() };
        conv(Conv2d::default(), [256, 56, 56], [64, 256, 1, 1]);
        conv(k3, [64, 56, 56], [64, 64, 3, 3]);
        conv(Conv2d { groups: 32, ..k3 }, [256, 56, 56], [256, 8, 3, 3]);
        conv(Conv2d { groups: 256, ..k3 }, [256, 56, 56], [256, 1, 3, 3]);
        conv(Conv2d { padding: 2.into(), dilation: [2, 2], ..k3 }, [64, 56, 56], [64, 64, 3, 3]);
        for size in [14, 56] {
            let shapes: [&[usize]; 3] = [&[2, 64, size, size], &[2, 4], &[4, 64, 64, 3, 3]];
            self.add(Workload::new(group, DynamicConv2d { conv: k3 }, &shapes));
        }
        let norm = BatchNorm { activation: Activation::Relu, ..BatchNorm::default() };
        let c: &[usize] = &[256];
        self.add(Workload::new(group, norm, &[&[1, 256, 56, 56], c, c, c, c]));
        Ok(())
    }

    fn others(&mut self) {
        let k7 = Window::new([7, 7]).padding(3);
        let fold = Fold { window: k7, output_size: [56, 56] };
        let x: &[usize] = &[1, 256, 56, 56];
        let add = Add { activation: Activation::Relu };
        self.add(Workload::new(OTHERS, add, &[x, x]));
        let calls: [(Operator, &[usize]); 5] = [
            (Unfold { window: k7 }.into(), &[1, 16, 56, 56]),
            (fold.into(), &[1, 16 * 49, 56 * 56]),
            (AdaptiveAvgPool2d { output_size: [6, 6] }.into(), &[1, 256, 13, 13]),
            (Activate { activation: Activation::Silu }.into(), &[1, 64, 112, 112]),
            (Softmax::default().into(), &[1, 1000]),
        ];
        for (op, x) in calls {
            self.add(Workload::new(OTHERS, op, &[x]));
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
    let [x, output] = [Ok(shapes[0].clone()), case.operator.output_shape(&shapes)]
        .map(|shape| shape.map_or_else(|_| Vec::new(), |shape| shape.dims().to_vec()));
    let attributes: HashMap<&str, String> = case.operator.to_attributes().into_iter().collect();
    let attribute = |name: &str| attributes.get(name).map(String::as_str);
    let inputs = case.operator.inputs();
    let tensor = |name: &str| inputs.iter().position(|input| *input == name).map(|at| shapes[at]);
    let by = |[h, w]: [usize; 2]| if h == w { format!("{h}") } else { format!("{h}x{w}") };
    let mut name = case.operator.name().to_owned();
    let (from, to) = (x.get(1).copied().unwrap_or_default(), output.get(1).copied());
    let groups = attribute("groups").filter(|groups| *groups != "1");
    if groups == Some(&from.to_string()) && tensor("weight").is_some() {
        name += " depthwise";
    }
    name += &match to {
        Some(to) if to != from => format!(" {from}->{to}"),
        _ => format!(" {from}"),
    };
    match (tensor("weight").map(Shape::dims), attribute("kernel_size")) {
        (_, Some(size)) if size.contains('x') => name += &format!(" {size}"),
        (_, Some(size)) => name += &format!(" {size}x{size}"),
        (Some([.., h, w]), _) if x.len() == 4 => name += &format!(" {h}x{w}"),
        _ => {}
    }
    if let Some(groups) = groups.filter(|_| !name.contains("depthwise")) {
        name += &format!(" G={groups}");
    }
    for (mark, value) in [("/", attribute("stride")), ("d", attribute("dilation"))] {
        name += &value.map_or_else(String::new, |value| format!(" {mark}{value}"));
    }
    // Of what is pooled to one value, what it was pooled from.
    let size = |dims: &[usize]| match *dims {
        [_, _, h, w] if h * w > 1 => Some(by([h, w])),
        _ => None,
    };
    name += &size(&output).or(size(&x)).map_or_else(String::new, |size| format!(" @{size}"));
    if tensor("residual").is_some() {
        name += " +add";
    }
    name +=
        &attribute("activation").map_or_else(String::new, |activation| format!(" +{activation}"));
    match x.first() {
        Some(batch) if *batch != 1 => name + &format!(" b{batch}"),
        _ => name,
    }
}

/// Floating-point operations and bytes of a call; zeros for one that the operator refuses.
pub fn cost(workload: &Workload) -> (u64, u64) {
    let cost = workload.case.operator.cost(&workload.shapes());
    cost.map_or((0, 0), |cost| (cost.flops, cost.bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use involution::ops::NAMES;

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

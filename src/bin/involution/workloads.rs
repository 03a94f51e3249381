//! What the benchmark runs: every distinct call of RedNet-50, the calls of the worked example, and the
//! operators that neither of them has.

use involution::check::Case;
use involution::ops::{
    Activate, Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, Conv2d, DynamicConv2d,
    Fold, GlobalAvgPool, Involution, Linear, MaxPool2d, Op, Operator, Softmax, Unfold,
};
use involution::{Shape, Window};

/// The most floating-point operations of a call on the CPU reference.
const REFERENCE_FLOPS: u64 = 60_000_000;

const EXAMPLE: &str = "Worked example";

/// One call to be timed.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Where it comes from.
    pub group: &'static str,
    /// Which of its calls: the block for RedNet-50, channels, window, /stride, @output size. Unique.
    pub name: String,
    /// The call.
    pub case: Case,
}

/// The calls of the quick benchmark: each operator, the costly places of RedNet-50, the worked example.
/// A trailing `*` stands for any ending. The worked example is there as a whole.
const QUICK: &[&str] = &[
    "stem conv 3->32 *",
    "stem span *",
    "stem involution *",
    "stem conv 32->64 *",
    "stem max_pool *",
    "1.1 involution *",
    "1.1 conv3 *",
    "1.1 bn *",
    "2.1 involution *",
    "2.2 conv1 *",
    "3.1 avg_pool *",
    "3.2 conv1 *",
    "3.1 reduce *",
    "3.1 span *",
    "3.2 involution *",
    "3.1 conv3 *",
    "3.1 add+relu *",
    "4.2 involution *",
    "4.1 conv3 *",
    "global_avg_pool *",
    "adaptive_avg_pool *",
    "linear *",
    "softmax *",
    "unfold *",
    "fold *",
    "dynamic conv *",
    "depthwise conv *",
    "conv 64->64 3x3 @28",
    "silu *",
];

impl Workload {
    /// Whether the quick benchmark has it.
    pub fn is_quick(&self) -> bool {
        self.group == EXAMPLE || QUICK.iter().any(|pattern| self.is_named(pattern))
    }

    /// Whether the reference, which is slow, is done with it in a fraction of a second.
    pub fn suits_reference(&self) -> bool {
        cost(self).0 <= REFERENCE_FLOPS
    }

    fn is_named(&self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(start) => self.name.starts_with(start),
            None => self.name == pattern,
        }
    }

    /// The same call on so many samples.
    pub fn in_batches_of(&self, batch: usize) -> Self {
        let mut workload = self.clone();
        let batched = self.case.operator.batched(&self.shapes());
        for (shape, _) in
            workload.case.shapes.iter_mut().zip(batched).filter(|(_, batched)| *batched)
        {
            let mut dims = shape.dims().to_vec();
            dims[0] = batch;
            *shape = Shape::new(dims);
        }
        workload.name += &format!(" b{batch}");
        workload
    }

    /// The shapes of its inputs.
    pub fn shapes(&self) -> Vec<&Shape> {
        self.case.shapes.iter().collect()
    }
}

/// All calls, in the order of the networks.
pub fn all() -> Vec<Workload> {
    let mut list = List { group: "", calls: Vec::new() };
    list.rednet50();
    list.worked_example();
    list.single_operators();
    list.calls
}

struct List {
    group: &'static str,
    calls: Vec<Workload>,
}

/// A feature map: channels, height and width.
type Map = [usize; 3];

impl List {
    /// Adds a call, unless one like it is there.
    fn add(&mut self, name: impl Into<String>, operator: impl Into<Operator>, shapes: &[&[usize]]) {
        let case = Case::new("", operator, shapes);
        let alike = |known: &Workload| {
            known.group == self.group
                && (&known.case.operator, &known.case.shapes) == (&case.operator, &case.shapes)
        };
        if !self.calls.iter().any(alike) {
            self.calls.push(Workload { group: self.group, name: name.into(), case });
        }
    }

    /// A convolution of one image: returns its output.
    fn conv(
        &mut self,
        name: &str,
        x: Map,
        channels: usize,
        kernel: usize,
        stride: usize,
        bias: bool,
    ) -> Map {
        let window = Window::new([kernel; 2]).stride([stride; 2]).padding(kernel / 2);
        let conv =
            Conv2d { stride: window.stride, padding: window.padding, bias, ..Conv2d::default() };
        let [h, w] = window.output_size([x[1], x[2]]).unwrap_or([1, 1]);
        let weight = [channels, x[0], kernel, kernel];
        let shapes: [&[usize]; 3] = [&[1, x[0], x[1], x[2]], &weight, &[channels]];
        let every = if stride > 1 { format!(" /{stride}") } else { String::new() };
        let size = if kernel > 1 { format!(" {kernel}x{kernel}") } else { String::new() };
        let name = format!("{name} {}->{channels}{size}{every} @{h}", x[0]);
        self.add(name, conv, &shapes[..if bias { 3 } else { 2 }]);
        [channels, h, w]
    }

    fn batch_norm(&mut self, name: &str, x: Map, activation: Activation) {
        let text = if activation == Activation::None { "bn" } else { "bn+relu" };
        let norm = BatchNorm { activation, ..BatchNorm::default() };
        let vector: &[usize] = &[x[0]];
        let shapes = [&[1, x[0], x[1], x[2]], vector, vector, vector, vector];
        self.add(format!("{name} {text} {} @{}", x[0], x[1]), norm, &shapes);
    }

    /// An involution layer: its kernels are made from the input, pooled where it has a stride.
    fn involution(&mut self, name: &str, x: Map, stride: usize) -> Map {
        let [c, h, w] = x;
        let groups = c / 16;
        let mut small = x;
        if stride > 1 {
            small = [c, h / stride, w / stride];
            let pool = AvgPool2d::new(Window::new([stride; 2]).stride([stride; 2]));
            self.add(
                format!("{name} avg_pool {c} /{stride} @{}", small[1]),
                pool,
                &[&[1, c, h, w]],
            );
        }
        let reduced = self.conv(&format!("{name} reduce"), small, c / 4, 1, 1, false);
        self.batch_norm(name, reduced, Activation::Relu);
        self.conv(&format!("{name} span"), reduced, 49 * groups, 1, 1, true);
        let window = Window::new([7, 7]).stride([stride; 2]).padding(3);
        let kernel = [1, 49 * groups, small[1], small[2]];
        let every = if stride > 1 { format!(" /{stride}") } else { String::new() };
        let name = format!("{name} involution {c} G={groups}{every} @{}", small[1]);
        self.add(name, Involution::new(window, groups), &[&[1, c, h, w], &kernel]);
        [c, small[1], small[2]]
    }

    /// RedNet-50 on one image of 224x224: stem, four stages of 3, 4, 6 and 3 blocks, head.
    fn rednet50(&mut self) {
        self.group = "RedNet-50";
        let relu = Activation::Relu;
        let mut x = self.conv("stem conv", [3, 224, 224], 32, 3, 2, false);
        self.batch_norm("stem", x, relu);
        x = self.involution("stem", x, 1);
        x = self.conv("stem conv", x, 64, 3, 1, false);
        self.batch_norm("stem", x, relu);
        let pool = MaxPool2d::new(Window::new([3, 3]).stride([2, 2]).padding(1));
        self.add("stem max_pool 64 3x3 /2 @56", pool, &[&[1, 64, 112, 112]]);
        x = [64, 56, 56];
        for (stage, blocks) in [3, 4, 6, 3].into_iter().enumerate() {
            let middle = 64 << stage;
            for block in 0..blocks {
                let name = |part: &str| format!("{}.{}{part}", stage + 1, block + 1);
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let input = x;
                x = self.conv(&name(" conv1"), x, middle, 1, 1, false);
                self.batch_norm(&name(""), x, relu);
                x = self.involution(&name(""), x, stride);
                self.batch_norm(&name(""), x, relu);
                x = self.conv(&name(" conv3"), x, 4 * middle, 1, 1, false);
                self.batch_norm(&name(""), x, Activation::None);
                if block == 0 {
                    self.conv(&name(" shortcut"), input, 4 * middle, 1, stride, false);
                }
                let shape = [1, x[0], x[1], x[2]];
                let name = format!("{} {} @{}", name(" add+relu"), x[0], x[1]);
                self.add(name, Add { activation: relu }, &[&shape, &shape]);
            }
        }
        self.add("global_avg_pool 2048 @7", GlobalAvgPool, &[&[1, 2048, 7, 7]]);
        let linear = Linear { bias: true, ..Linear::default() };
        self.add("linear 2048->1000", linear, &[&[1, 2048], &[1000, 2048], &[1000]]);
        self.add("softmax 1000", Softmax::default(), &[&[1, 1000]]);
    }

    /// An involution that widens 16 channels to 32 and strides over rows alone: 16 samples of 400x1.
    fn worked_example(&mut self) {
        self.group = EXAMPLE;
        let k7 = Window::new([7, 7]).stride([5, 1]).padding(3);
        let [x, wide, small] = [[16, 16, 400, 1], [16, 32, 400, 1], [16, 16, 80, 1]];
        let reduced = [16, 32, 80, 1];
        let conv = Conv2d::default();
        self.add("initial 16->32 @400x1", conv, &[&x, &[32, 16, 1, 1]]);
        self.add("unfold 32 7x7 /5x1", Unfold { window: k7 }, &[&wide]);
        let pool = AvgPool2d::new(Window::new([5, 1]).stride([5, 1]));
        self.add("avg_pool 16 5x1", pool, &[&x]);
        self.add("reduce 16->32 @80x1", conv, &[&small, &[32, 16, 1, 1]]);
        let norm = BatchNorm { activation: Activation::Relu, ..BatchNorm::default() };
        self.add("bn+relu 32 @80x1", norm, &[&reduced, &[32], &[32], &[32], &[32]]);
        self.add("span 32->49 @80x1", conv, &[&reduced, &[49, 32, 1, 1]]);
        let kernel = [16, 49, 80, 1];
        self.add("involution 32 G=1 /5x1", Involution::new(k7, 1), &[&wide, &kernel]);
    }

    fn single_operators(&mut self) {
        self.group = "Single operators";
        let k7 = Window::new([7, 7]).padding(3);
        self.add("unfold 16 7x7 @56", Unfold { window: k7 }, &[&[1, 16, 56, 56]]);
        let fold = Fold { window: k7, output_size: [56, 56] };
        self.add("fold 16 7x7 @56", fold, &[&[1, 16 * 49, 56 * 56]]);
        let conv = Conv2d { padding: 1.into(), ..Conv2d::default() };
        for size in [14, 28] {
            let name = format!("dynamic conv 64->64 K=4 @{size}");
            let shapes: [&[usize]; 3] = [&[2, 64, size, size], &[2, 4], &[4, 64, 64, 3, 3]];
            self.add(name, DynamicConv2d { conv }, &shapes);
        }
        for size in [28, 56] {
            let shapes: [&[usize]; 2] = [&[1, 64, size, size], &[64, 64, 3, 3]];
            self.add(format!("conv 64->64 3x3 @{size}"), conv, &shapes);
        }
        let depthwise = Conv2d { groups: 128, ..conv };
        self.add("depthwise conv 128 3x3 @56", depthwise, &[&[1, 128, 56, 56], &[128, 1, 3, 3]]);
        let pool = AdaptiveAvgPool2d { output_size: [6, 6] };
        self.add("adaptive_avg_pool 256 13->6", pool, &[&[1, 256, 13, 13]]);
        let silu = Activate { activation: Activation::Silu };
        self.add("silu 64 @112", silu, &[&[1, 64, 112, 112]]);
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
    fn every_call_is_legal_and_named_once() {
        let all = all();
        let mut names = HashSet::new();
        for workload in &all {
            let output = workload.case.operator.output_shape(&workload.shapes());
            assert!(output.is_ok(), "{} {}: {output:?}", workload.group, workload.name);
            assert!(names.insert(&workload.name), "{} twice", workload.name);
        }
    }

    #[test]
    fn the_quick_calls_cover_every_operator_on_the_reference_too_and_every_pattern_is_used() {
        let all = all();
        let quick = || all.iter().filter(|workload| workload.is_quick());
        let operators: HashSet<&str> = quick().map(|w| w.case.operator.name()).collect();
        assert_eq!(operators, NAMES.iter().copied().collect());
        let slow = quick().filter(|workload| workload.suits_reference());
        let operators: HashSet<&str> = slow.map(|w| w.case.operator.name()).collect();
        assert_eq!(operators, NAMES.iter().copied().collect());
        for pattern in QUICK {
            assert!(all.iter().any(|w| w.is_named(pattern)), "{pattern}");
        }
    }

    #[test]
    fn the_worked_example_has_the_shapes_it_is_known_for() {
        let all = all();
        let output = |name: &str| {
            let found =
                all.iter().filter(|w| w.group == EXAMPLE).find(|w| w.name.starts_with(name)).map(
                    |w| {
                        w.case.operator.output_shape(&w.shapes()).map(|shape| shape.dims().to_vec())
                    },
                );
            found.and_then(Result::ok)
        };
        assert_eq!(output("unfold"), Some(vec![16, 1568, 80]));
        assert_eq!(output("involution"), Some(vec![16, 32, 80, 1]));
    }
}

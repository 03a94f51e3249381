//! The suites `layers` and `nets`: layers and whole networks from host to host, each as it is fused and as it is defined.
//! `family`: the operators that other libraries have names for, at the sizes of their papers. And `peers`: operators, layers and networks under the names that other libraries are timed by:
//! `involution/7x7_c256_56_s1_b1` is the family, what it is with channels, size and stride, and the batch.

use std::sync::Arc;
use std::time::Duration;

use involution::models::{self, MobileNetV2, Model, RedNet, ResNet};
use involution::nn::{
    Carafe, ConvBnAct, DynamicConv2d, DynamicLightConv1d, Involution2d, LightConv1d, San,
    SeparableConv2d,
};
use involution::ops::{Activation, BatchNorm, Involution, KernelLayout, Unfold};
use involution::plan::{Builder, Value};
use involution::{Layer, Operator, Result, Shape, Window};

use crate::adapter::Open;
use crate::request::{Request, Suite};
use crate::rows;
use crate::run::Run;
use crate::sampling::Effort;
use crate::workload::{LAYER, NETWORK, Work, Workload};

/// Channels and size of the four stages of a RedNet.
const STAGES: [(usize, usize); 4] = [(64, 56), (128, 28), (256, 14), (512, 7)];

const NETWORKS: &str =
    "rednet26 rednet38 rednet50 rednet101 rednet152 resnet50 mobilenet_v2 rednet_digits";

/// Times the rows that the arguments select, and checks what they computed.
pub fn measure(open: Open<'_>, args: &Request) -> anyhow::Result<Run> {
    let rows = args.selected(all(args)?, |row| row.name.clone())?;
    let runner = open()?;
    rows::run(&runner, runner.device()?, &rows, args, Effort::new(args, 5, Duration::from_secs(6)))
}

/// All rows of the suite, those of each layer side by side.
fn all(args: &Request) -> Result<Vec<Workload>> {
    let batches = if args.batch.is_empty() { vec![1] } else { args.batch.clone() };
    let mut list = List { batches, unfused: true, rows: Vec::new() };
    match args.suite {
        Suite::Layers => list.layers(),
        Suite::Nets => {
            for name in NETWORKS.split(' ') {
                let model: Arc<dyn Model> = models::by_name(name, None)?.into();
                let x = model.preprocessing().input(1);
                list.add(name, Work::Layer(model, true), &[&x.dims()[1..]]);
            }
        }
        Suite::Family => {
            list.unfused = false;
            list.family();
        }
        _ => return peers(),
    }
    Ok(list.rows)
}

/// The rows of the suite `peers`, most of them in two batches.
pub fn peers() -> Result<Vec<Workload>> {
    let mut list = List { batches: vec![1, 8], unfused: false, rows: Vec::new() };
    list.peers()?;
    Ok(list.rows)
}

struct List {
    batches: Vec<usize>,
    /// Whether each layer is there as it is defined, too.
    unfused: bool,
    rows: Vec<Workload>,
}

impl List {
    /// Adds a row or two for each batch; the shapes are those of one sample.
    fn add(&mut self, base: &str, work: Work, shapes: &[&[usize]]) {
        let group = base.split_once('/').map_or("networks", |(group, _)| group);
        let network = group == "networks";
        for batch in &self.batches {
            let shapes = shapes.iter().map(|shape| Shape::new([&[*batch], *shape].concat()));
            let shapes: Vec<Shape> = shapes.collect();
            let mut row = Workload::new(format!("{base}_b{batch}"), group, work.clone(), shapes);
            row.tolerance = if network { NETWORK } else { LAYER };
            if let Work::Layer(layer, _) = &work {
                // The inputs of an operator are its own in each batch.
                row.base = base.to_owned();
                self.rows.push(row.clone());
                row.name += "_unfused";
                row.work = Work::Layer(layer.clone(), false);
                self.rows.extend(self.unfused.then_some(row));
            } else {
                self.rows.push(row);
            }
        }
    }

    fn operator(&mut self, base: &str, op: impl Into<Operator>, shapes: &[&[usize]]) {
        self.add(base, Work::Operator(op.into(), None), shapes);
    }

    fn layer<const R: usize>(&mut self, base: &str, layer: impl Layer + 'static, x: [usize; R]) {
        self.add(base, Work::Layer(Arc::new(layer), true), &[&x]);
    }

    /// Each operator by itself, with a kernel that is there, and the layers that make their kernels.
    fn family(&mut self) {
        let (groups, window) = (16, Window::new([7, 7]).padding(3));
        let rednet = Involution::new(window, groups);
        self.operator("operator/involution_7x7_c256_56", rednet, &[&[256, 56, 56], &[784, 56, 56]]);
        // The first two stages of LSNet: eight channels to a group.
        for (channels, size) in [(64, 28), (128, 14)] {
            let (groups, base) = (channels / 8, format!("operator/ska_3x3_c{channels}_{size}"));
            let kernel = [groups, 9, size, size];
            self.operator(&base, Involution::ska(3, groups), &[&[channels, size, size], &kernel]);
        }
        let last = |op| Involution { kernel_layout: KernelLayout::TapsLast, ..op };
        let attention = last(Involution::na2d_av([7, 7], [1, 1], 4));
        let x: &[usize] = &[128, 56, 56];
        self.operator("operator/na2d_av_7x7_c128_56", attention, &[x, &[4, 56, 56, 49]]);
        let planes = Involution { kernel_layout: KernelLayout::TapsFirst, ..attention };
        self.operator("operator/na2d_av_planes_7x7_c128_56", planes, &[x, &[196, 56, 56]]);
        let attention = last(Involution::na1d_av(7, 1, 4));
        self.operator("operator/na1d_av_7_c128_512", attention, &[&[128, 1, 512], &[4, 1, 512, 7]]);
        let (x, masks): (&[usize], &[usize]) = (&[256, 100, 168], &[25, 200, 336]);
        self.operator("operator/carafe_5x5_c256_100x168", Involution::carafe(5, 1, 2), &[x, masks]);
        let (flow, mask): (&[usize], &[usize]) = (&[2, 46, 62], &[576, 46, 62]);
        let convex = Involution::convex_upsample(8);
        self.operator("operator/convex_upsample_46x62", convex, &[flow, mask]);
        let refpad = Involution::aggregation_refpad(window, 8);
        self.operator(
            "operator/aggregation_7x7_c64_56",
            refpad,
            &[&[64, 56, 56], &[8, 49, 56, 56]],
        );
        let filters: &[usize] = &[441, 64, 64];
        let prediction = Involution::kernel_prediction(21);
        self.operator("operator/kernel_prediction_21x21_64", prediction, &[&[3, 64, 64], filters]);
        self.layer("layer/involution2d_c256_56", Involution2d::paper(256, [7, 7]), [256, 56, 56]);
        self.layer("layer/carafe_c256_25x42", Carafe::new(256, 2), [256, 25, 42]);
        self.layer("layer/san_pairwise_c256_28", San::pairwise(256, 7), [256, 28, 28]);
        self.layer("layer/san_patchwise_c256_28", San::patchwise(256, 7), [256, 28, 28]);
        self.layer("layer/light_conv1d_c512_512", LightConv1d::new(512, 31, 8), [512, 512]);
        let dynamic = DynamicLightConv1d::new(512, 31, 8);
        self.layer("layer/dynamic_light_conv1d_c512_512", dynamic, [512, 512]);
    }

    fn layers(&mut self) {
        for (channels, size) in STAGES {
            let layer = Involution2d::paper(channels, [7, 7]);
            self.layer(&format!("involution2d/{channels}_{size}"), layer, [channels, size, size]);
        }
        let x = [64, 56, 56];
        self.layer("conv_bn_relu/1x1_256_64_56", ConvBnAct::new(256, 64, [1, 1]), [256, 56, 56]);
        self.layer("conv_bn_relu/3x3_64_56", ConvBnAct::new(64, 64, [3, 3]), x);
        self.layer("conv_bn_relu/depthwise_64_56", ConvBnAct::new(64, 64, [3, 3]).groups(64), x);
        let separable = SeparableConv2d::new(64, 128, [3, 3]).padding(1).norm(Activation::Relu);
        self.layer("separable_conv2d/64_128_56", separable, x);
        self.layer("dynamic_conv2d/64_56", DynamicConv2d::new(64, 64, [3, 3]).padding(1), x);
    }

    fn peers(&mut self) -> Result<()> {
        // The involution of 7x7 by itself, and as a layer that makes its kernels.
        for (channels, size, stride) in [(256, 56, 1), (64, 56, 1), (512, 56, 2)] {
            let (groups, small) = (channels / 16, size / stride);
            let window = Window::new([7, 7]).stride([stride; 2]).padding(3);
            let base = format!("involution/7x7_c{channels}_{size}_s{stride}");
            let kernel = [groups * 49, small, small];
            let op = Involution::new(window, groups);
            self.operator(&base, op, &[&[channels, size, size], &kernel]);
        }
        for (channels, size) in STAGES {
            let base = format!("layer/involution_c{channels}_{size}");
            self.layer(&base, Involution2d::paper(channels, [7, 7]), [channels, size, size]);
        }
        // Convolutions of 1x1 and 3x3, depthwise, in groups, and the first of a ResNet.
        for (from, to, size) in [(256, 64, 56), (64, 256, 56), (1024, 512, 14), (2048, 512, 7)] {
            let base = format!("conv/1x1_{from}_{to}_{size}");
            self.layer(&base, bare(from, to, 1), [from, size, size]);
        }
        for (channels, size) in STAGES {
            let base = format!("conv/3x3_{channels}_{size}");
            self.layer(&base, bare(channels, channels, 3), [channels, size, size]);
        }
        let x = [256, 56, 56];
        self.layer("conv/depthwise3x3_256_56", bare(256, 256, 3).groups(256), x);
        self.layer("conv/groups32_3x3_256_56", bare(256, 256, 3).groups(32), x);
        let stem = bare(3, 64, 7).stride([2, 2]).padding(3);
        self.layer("conv/7x7s2_3_64_224", stem, [3, 224, 224]);
        let dynamic = DynamicConv2d::new(64, 64, [3, 3]).padding(1).bias(false).temperature(30.0);
        // A quarter of the channels, without the one more that the layer's ratio adds.
        let dynamic = dynamic.hidden(16);
        self.layer("layer/dynamic_conv3x3_64_56", dynamic, [64, 56, 56]);
        self.layer("other/bnrelu_256_56", NormRelu { channels: 256 }, [256, 56, 56]);
        let unfold = Unfold { window: Window::new([7, 7]).padding(3) };
        self.operator("other/unfold7_64_56", unfold, &[&[64, 56, 56]]);
        // Whole networks on images of 224x224, RedNet with the stem of 3x3.
        let x = [3, 224, 224];
        self.layer("networks/resnet50", ResNet::new(50)?, x);
        self.layer("networks/rednet26", RedNet::new(26)?.stem_kernel(3), x);
        self.layer("networks/rednet50", RedNet::new(50)?.stem_kernel(3), x);
        self.layer("networks/mobilenetv2", MobileNetV2::new(1000), x);
        Ok(())
    }
}

/// A convolution with nothing after it, padded to keep the size.
fn bare(from: usize, to: usize, kernel: usize) -> ConvBnAct {
    let conv = ConvBnAct::new(from, to, [kernel; 2]).activation(Activation::None);
    conv.norm(None)
}

/// Batch normalisation and ReLU in one step, with nothing before it to be folded into.
#[derive(Debug)]
struct NormRelu {
    channels: usize,
}

impl Layer for NormRelu {
    fn name(&self) -> String {
        "batch_norm_relu".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", Shape::from([1, self.channels, 1, 1]))]
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let channels = self.channels;
        let weight = plan.weight("weight", [channels]);
        let bias = plan.weight("bias", [channels]);
        let mean = plan.statistic("running_mean", [channels]);
        let variance = plan.statistic("running_var", [channels]);
        let op = BatchNorm { activation: Activation::Relu, ..BatchNorm::default() };
        Ok(vec![plan.apply("", op, &[x, mean, variance, weight, bias])?])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use involution::ops::Op;

    use super::*;

    #[test]
    fn every_row_is_legal_and_named_once() -> Result<()> {
        let all = peers()?;
        let mut names = HashSet::new();
        for workload in &all {
            assert!(names.insert(&workload.name), "{} twice", workload.name);
            let shapes: Vec<&Shape> = workload.shapes.iter().collect();
            match &workload.work {
                Work::Operator(op, _) => {
                    let output = op.output_shape(&shapes);
                    assert!(output.is_ok(), "{}: {output:?}", workload.name);
                }
                Work::Layer(layer, _) => {
                    layer.plan(shapes[0])?;
                }
            }
        }
        for name in [
            "involution/7x7_c512_56_s2_b8",
            "layer/involution_c512_7_b1",
            "conv/1x1_2048_512_7_b8",
            "conv/7x7s2_3_64_224_b1",
            "layer/dynamic_conv3x3_64_56_b8",
            "other/unfold7_64_56_b1",
            "networks/rednet50_b8",
        ] {
            assert!(names.contains(&name.to_owned()), "{name}");
        }
        assert_eq!(all.len(), 2 * 25);
        Ok(())
    }

    /// The rows that `benches/peers/run.py` selects where nobody says which.
    #[test]
    fn the_usual_rows_beside_others_are_rows() -> Result<()> {
        let script = include_str!("../../../benches/peers/run.py");
        let names: Vec<&str> = script
            .lines()
            .filter_map(|line| line.strip_prefix("    \"")?.strip_suffix("\","))
            .collect();
        let all: HashSet<String> = peers()?.into_iter().map(|workload| workload.name).collect();
        for name in &names {
            assert!(all.contains(*name), "{name}");
        }
        for family in ["involution/", "layer/", "conv/", "other/", "networks/"] {
            assert!(names.iter().any(|name| name.starts_with(family)), "{family}");
        }
        Ok(())
    }

    #[test]
    fn every_member_of_the_family_is_legal_and_named_once() -> Result<()> {
        let rows = all(&Request { suite: Suite::Family, batch: vec![1, 2], ..Request::default() })?;
        let mut names = HashSet::new();
        for row in &rows {
            assert!(names.insert(&row.name), "{} twice", row.name);
            let shapes: Vec<&Shape> = row.shapes.iter().collect();
            match &row.work {
                Work::Operator(op, _) => assert!(op.output_shape(&shapes).is_ok(), "{}", row.name),
                Work::Layer(layer, _) => assert!(layer.plan(shapes[0]).is_ok(), "{}", row.name),
            }
        }
        assert_eq!(names.len(), 2 * 16);
        Ok(())
    }

    #[test]
    fn every_layer_stands_beside_what_it_is_unfused() -> Result<()> {
        let rows = |suite| all(&Request { suite, batch: vec![1, 3], ..Request::default() });
        let rows = [rows(Suite::Layers)?, rows(Suite::Nets)?].concat();
        let mut names = HashSet::new();
        for pair in rows.chunks(2) {
            assert_eq!(format!("{}_unfused", pair[0].name), pair[1].name);
            assert_eq!(pair[0].base, pair[1].base);
            for (row, fused) in pair.iter().zip([true, false]) {
                assert!(names.insert(row.name.clone()), "{} twice", row.name);
                let Work::Layer(layer, is) = &row.work else { unreachable!("{row:?}") };
                assert_eq!(*is, fused);
                let plan = layer.plan(&row.shapes[0])?;
                assert!(plan.clone().fuse().steps().len() <= plan.steps().len());
            }
        }
        for name in ["involution2d/256_14_b3", "rednet152_b1", "rednet_digits_b3_unfused"] {
            assert!(names.contains(name), "{name}");
        }
        Ok(())
    }

    /// What is timed tomorrow is what was timed today.
    #[test]
    fn the_packages_of_the_others_are_pinned() {
        let lists = [
            include_str!("../../../benches/peers/requirements.txt"),
            include_str!("../../../benches/peers/requirements-webgpu.txt"),
        ];
        for list in lists {
            let packages: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(
                packages.len() >= 3 && packages.iter().all(|line| line.contains("==")),
                "{list}"
            );
        }
    }
}

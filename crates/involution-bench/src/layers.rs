//! The suites `layers` and `nets`: layers and whole networks from host to host, each as it is fused and as it is defined.

use std::sync::Arc;

use anyhow::Result;
use involution::models::{self, Model};
use involution::nn::{ConvBnAct, DynamicConv2d, Involution2d, SeparableConv2d};
use involution::ops::{Activation, Add};
use involution::plan::{Builder, Value};
use involution::{Layer, Shape};

use super::peers::NormRelu;
use super::request::Request;
use super::selection::selected;
use super::workload::{LAYER, NETWORK, Plans, Trusted, Work, Workload};

/// Channels and size of the four stages of a RedNet.
const STAGES: [(usize, usize); 4] = [(64, 56), (128, 28), (256, 14), (512, 7)];

const NETWORKS: &str =
    "rednet26 rednet38 rednet50 rednet101 rednet152 resnet50 mobilenet_v2 rednet_digits";

/// The layers that the arguments select.
pub fn select(args: &Request) -> Result<Vec<Workload>> {
    let mut list = List { batches: &args.batch, tolerance: LAYER, rows: Vec::new() };
    for (channels, size) in STAGES {
        let layer = Involution2d::paper(channels, [7, 7]);
        list.add(format!("involution2d/{channels}_{size}"), layer, [channels, size, size]);
    }
    for (channels, size) in STAGES {
        let involution: Box<dyn Layer> = Box::new(Involution2d::paper(channels, [7, 7]));
        let conv = Box::new(ConvBnAct::new(channels, channels, [3, 3]));
        for (name, middle, norm) in [("involution", involution, true), ("conv", conv, false)] {
            let name = format!("bottleneck/{name}_{}_{size}", 4 * channels);
            list.add(name, Bottleneck { channels, middle, norm }, [4 * channels, size, size]);
        }
    }
    let x = [64, 56, 56];
    list.add("conv_bn_relu/1x1_256_64_56", ConvBnAct::new(256, 64, [1, 1]), [256, 56, 56]);
    list.add("conv_bn_relu/3x3_64_56", ConvBnAct::new(64, 64, [3, 3]), x);
    list.add("conv_bn_relu/depthwise_64_56", ConvBnAct::new(64, 64, [3, 3]).groups(64), x);
    let separable = SeparableConv2d::new(64, 128, [3, 3]).padding(1).norm(Activation::Relu);
    list.add("separable_conv2d/64_128_56", separable, x);
    list.add("dynamic_conv2d/64_56", DynamicConv2d::new(64, 64, [3, 3]).padding(1), x);
    selected(list.rows, args, |row| &row.name, |row| &row.shapes[0])
}

/// The networks that the arguments select.
pub fn select_networks(args: &Request) -> Result<Vec<Workload>> {
    let mut list = List { batches: &args.batch, tolerance: NETWORK, rows: Vec::new() };
    for name in NETWORKS.split(' ') {
        let model: Arc<dyn Model> = models::by_name(name, None)?.into();
        let x = model.preprocessing().input(1);
        list.add_shared(name.to_owned(), model, &x.dims()[1..]);
    }
    selected(list.rows, args, |row| &row.name, |row| &row.shapes[0])
}

struct List<'a> {
    batches: &'a [usize],
    tolerance: f64,
    rows: Vec<Workload>,
}

impl List<'_> {
    fn add(&mut self, base: impl Into<String>, layer: impl Layer + 'static, x: [usize; 3]) {
        self.add_shared(base.into(), Arc::new(layer), &x);
    }

    /// Adds two rows for each batch; the shape is that of one sample.
    fn add_shared(&mut self, base: String, layer: Arc<dyn Layer>, x: &[usize]) {
        let batches = if self.batches.is_empty() { &[1] } else { self.batches };
        for &batch in batches {
            for (plans, mark) in [(Plans::Fused, ""), (Plans::Unfused, "_unfused")] {
                self.rows.push(Workload {
                    name: format!("{base}_b{batch}{mark}"),
                    base: base.clone(),
                    group: base.split_once('/').map_or("networks", |(kind, _)| kind).to_owned(),
                    work: Work::Layer(layer.clone(), plans),
                    shapes: vec![Shape::new([&[batch], x].concat())],
                    trusted: Trusted::Reference,
                    tolerance: self.tolerance,
                });
            }
        }
    }
}

/// A residual block on four times so many channels, with an involution in it, which is normalised, or, as in a ResNet, a
/// convolution.
#[derive(Debug)]
struct Bottleneck {
    channels: usize,
    middle: Box<dyn Layer>,
    norm: bool,
}

impl Layer for Bottleneck {
    fn name(&self) -> String {
        "bottleneck".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", Shape::from([1, 4 * self.channels, 7, 7]))]
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> involution::Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let (narrow, wide) = (self.channels, 4 * self.channels);
        let reduce = ConvBnAct::new(wide, narrow, [1, 1]);
        let y = plan.scope("conv1", |plan| reduce.build_one(plan, x))?;
        let y = plan.scope("conv2", |plan| {
            let y = self.middle.build_one(plan, y)?;
            match self.norm {
                true => plan.scope("bn", |plan| NormRelu { channels: narrow }.build_one(plan, y)),
                false => Ok(y),
            }
        })?;
        let widen = ConvBnAct::new(narrow, wide, [1, 1]).activation(Activation::None);
        let y = plan.scope("conv3", |plan| widen.build_one(plan, y))?;
        Ok(vec![plan.apply("add", Add { activation: Activation::Relu }, &[y, x])?])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_is_legal_and_stands_beside_what_it_is_unfused() -> Result<()> {
        let args = Request { batch: vec![1, 3], ..Request::default() };
        let rows = [select(&args)?, select_networks(&args)?].concat();
        let mut names = HashSet::new();
        for pair in rows.chunks(2) {
            let [fused, unfused] = pair else { return Err(anyhow::anyhow!("{pair:?}")) };
            assert_eq!(format!("{}_unfused", fused.name), unfused.name);
            assert_eq!(fused.base, unfused.base);
            for row in pair {
                assert!(names.insert(row.name.clone()), "{} twice", row.name);
                let Work::Layer(layer, plans) = &row.work else {
                    return Err(anyhow::anyhow!("{row:?}"));
                };
                assert_eq!(*plans == Plans::Unfused, row.name.ends_with("_unfused"));
                let plan = layer.plan(&row.shapes[0])?;
                assert!(plan.clone().fuse().steps().len() <= plan.steps().len());
            }
        }
        for name in ["bottleneck/involution_256_56_b3", "rednet152_b1", "rednet_digits_b3_unfused"]
        {
            assert!(names.contains(name), "{name}");
        }
        Ok(())
    }
}

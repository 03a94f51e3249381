//! The suite `peers`: operators, layers and networks from host to host, under the names that other libraries are timed
//! by: `W1/inv_op_c256_56_s1_b1` is the family, what it is with channels, size and stride, and the batch.
//! `benches/peers/run.py` times the others in turns with [`peer`].

pub mod peer;

use std::sync::Arc;
use std::time::Duration;

use involution::models::{MobileNetV2, Model, RedNet, ResNet};
use involution::nn::{ConvBnAct, DynamicConv2d, Involution2d};
use involution::ops::{Activation, BatchNorm, Involution, Unfold};
use involution::plan::{Builder, Value};
use involution::{Gpu, Layer, Operator, Result, Shape, Window};

use super::record::Run;
use super::request::Request;
use super::rows;
use super::sampling::Effort;
use super::selection::selected;
use super::workload::{LAYER, NETWORK, Plans, Trusted, Work, Workload};
use crate::adapter::Runner;

/// Samples that will do after so much time, as where the others are timed.
const LEAST_SAMPLES: usize = 5;
const ENOUGH: Duration = Duration::from_secs(6);

/// The batches of most rows.
const BATCHES: [usize; 2] = [1, 8];

/// The rows that the arguments select.
pub fn select(args: &Request) -> anyhow::Result<Vec<Workload>> {
    selected(all()?, args, |workload| &workload.name, |workload| &workload.shapes[0])
}

/// Times these rows, or those of a suite like it, and checks what they computed.
pub fn measure(
    runner: &Runner,
    gpu: &Gpu,
    workloads: &[Workload],
    args: &Request,
) -> anyhow::Result<Run> {
    let effort = Effort::new(args, LEAST_SAMPLES, ENOUGH);
    rows::run(runner, gpu, workloads, args, |_| effort)
}

/// All rows, the batches of each side by side.
pub fn all() -> Result<Vec<Workload>> {
    let mut list = List(Vec::new());
    list.involutions();
    list.convolutions();
    list.other_layers();
    list.networks()?;
    Ok(list.0)
}

struct List(Vec<Workload>);

impl List {
    /// Adds a row for each batch; the shapes are those of one sample.
    fn add(&mut self, base: &str, work: Work, shapes: &[&[usize]], batches: &[usize]) {
        for batch in batches {
            let batched = |shape: &&[usize]| Shape::new([&[*batch], *shape].concat());
            let name = format!("{base}_b{batch}");
            let shared = matches!(work, Work::Layer(..));
            self.0.push(Workload {
                // The inputs of an operator are its own in each batch.
                base: if shared { base.to_owned() } else { name.clone() },
                name,
                group: base[..2].to_owned(),
                work: work.clone(),
                shapes: shapes.iter().map(batched).collect(),
                trusted: Trusted::Reference,
                tolerance: if base.starts_with("W7") { NETWORK } else { LAYER },
            });
        }
    }

    fn operator(&mut self, base: &str, op: impl Into<Operator>, shapes: &[&[usize]]) {
        self.add(base, Work::Operator(op.into()), shapes, &BATCHES);
    }

    fn layer(&mut self, base: &str, layer: impl Layer + 'static, x: [usize; 3]) {
        self.add(base, fused(layer), &[&x], &BATCHES);
    }

    /// The involution of 7x7 by itself, and as a layer that makes its kernels.
    fn involutions(&mut self) {
        for (channels, size, stride) in [(256, 56, 1), (64, 56, 1), (512, 56, 2)] {
            let (groups, small) = (channels / 16, size / stride);
            let window = Window::new([7, 7]).stride([stride; 2]).padding(3);
            let base = format!("W1/inv_op_c{channels}_{size}_s{stride}");
            let kernel = [groups * 49, small, small];
            let op = Involution::new(window, groups);
            self.operator(&base, op, &[&[channels, size, size], &kernel]);
        }
        for (channels, size) in SQUARE {
            let base = format!("W2/inv_layer_c{channels}_{size}");
            self.layer(&base, Involution2d::paper(channels, [7, 7]), [channels, size, size]);
        }
    }

    /// 1x1, 3x3, depthwise, in groups, and the first of a ResNet.
    fn convolutions(&mut self) {
        for (from, to, size) in [(256, 64, 56), (64, 256, 56), (1024, 512, 14), (2048, 512, 7)] {
            let base = format!("W3/conv1x1_{from}_{to}_{size}");
            self.layer(&base, bare(from, to, 1), [from, size, size]);
        }
        for (channels, size) in SQUARE {
            let base = format!("W4/conv3x3_{channels}_{size}");
            self.layer(&base, bare(channels, channels, 3), [channels, size, size]);
        }
        let x = [256, 56, 56];
        self.layer("W4/dw3x3_256_56", bare(256, 256, 3).groups(256), x);
        self.layer("W4/grp32_3x3_256_56", bare(256, 256, 3).groups(32), x);
        let stem = bare(3, 64, 7).stride([2, 2]).padding(3);
        self.layer("W4/stem7x7s2_3_64_224", stem, [3, 224, 224]);
    }

    fn other_layers(&mut self) {
        let dynamic = DynamicConv2d::new(64, 64, [3, 3]).padding(1).bias(false).temperature(30.0);
        // A quarter of the channels, without the one more that the layer's ratio adds.
        let dynamic = dynamic.hidden(16);
        let dynamic = fused(dynamic);
        self.add("W5/dynconv3x3_64_56", dynamic, &[&[64, 56, 56]], &[8]);
        self.layer("W6/bnrelu_256_56", NormRelu { channels: 256 }, [256, 56, 56]);
        let unfold = Unfold { window: Window::new([7, 7]).padding(3) };
        self.operator("W6/unfold7_64_56", unfold, &[&[64, 56, 56]]);
    }

    /// Whole networks on images of 224x224, RedNet with the stem of 3x3.
    fn networks(&mut self) -> Result<()> {
        let x = [3, 224, 224];
        self.layer("W7/resnet50", ResNet::new(50)?, x);
        self.layer("W7/rednet26", RedNet::new(26)?.stem_kernel(3), x);
        self.layer("W7/rednet50", RedNet::new(50)?.stem_kernel(3), x);
        let mobilenet = MobileNetV2::new(1000);
        let x = mobilenet.preprocessing().input(1);
        self.add("W7/mobilenetv2", fused(mobilenet), &[&x.dims()[1..]], &[1]);
        Ok(())
    }
}

fn fused(layer: impl Layer + 'static) -> Work {
    Work::Layer(Arc::new(layer), Plans::Fused)
}

/// Channels and size of the four stages of a RedNet.
const SQUARE: [(usize, usize); 4] = [(64, 56), (128, 28), (256, 14), (512, 7)];

/// A convolution with nothing after it, padded to keep the size.
fn bare(from: usize, to: usize, kernel: usize) -> ConvBnAct {
    let conv = ConvBnAct::new(from, to, [kernel; 2]).activation(Activation::None);
    conv.norm(None)
}

/// Batch normalisation and ReLU in one step, with nothing before it to be folded into.
#[derive(Debug)]
pub struct NormRelu {
    pub channels: usize,
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
        let all = all()?;
        let mut names = HashSet::new();
        for workload in &all {
            assert!(names.insert(&workload.name), "{} twice", workload.name);
            let shapes: Vec<&Shape> = workload.shapes.iter().collect();
            match &workload.work {
                Work::Operator(op) | Work::Resident(op, _) => {
                    let output = op.output_shape(&shapes);
                    assert!(output.is_ok(), "{}: {output:?}", workload.name);
                }
                Work::Layer(layer, _) => {
                    layer.plan(shapes[0])?;
                }
            }
        }
        for name in [
            "W1/inv_op_c512_56_s2_b8",
            "W2/inv_layer_c512_7_b1",
            "W3/conv1x1_2048_512_7_b8",
            "W4/stem7x7s2_3_64_224_b1",
            "W5/dynconv3x3_64_56_b8",
            "W6/unfold7_64_56_b1",
            "W7/rednet50_b8",
        ] {
            assert!(names.contains(&name.to_owned()), "{name}");
        }
        assert_eq!(all.len(), 2 * 23 + 2);
        Ok(())
    }

    /// The rows that `benches/peers/run.py` selects where nobody says which.
    #[test]
    fn the_usual_rows_beside_others_are_rows() -> Result<()> {
        let script = include_str!("../../../benches/peers/run.py");
        let names: Vec<&str> = script
            .lines()
            .filter_map(|line| line.strip_prefix("    \"W")?.strip_suffix("\","))
            .collect();
        let all: HashSet<String> = all()?.into_iter().map(|workload| workload.name).collect();
        for name in &names {
            assert!(all.contains(&format!("W{name}")), "W{name}");
        }
        for family in 1..=7 {
            assert!(names.iter().any(|name| name.starts_with(&format!("{family}/"))), "W{family}");
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

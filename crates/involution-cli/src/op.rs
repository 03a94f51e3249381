//! `involution op`: one operator on tensors from a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use involution::gpu::{Choice, GpuTensor};
use involution::kernels::{self, DeviceProfile};
use involution::ops::{Activation, Attributes, NAMES, Op, Operator};
use involution::{Error, Shape, Tensor, reference};
use involution_bench::adapter::{Flags, Runner};
use involution_bench::{Outcome, bad_use, output, tensors};
use serde_json::json;

#[derive(Debug, clap::Args)]
#[command(after_help = help())]
pub struct Args {
    /// The operator
    name: String,
    /// An attribute, such as stride=2; may be repeated
    #[arg(long = "attr", value_name = "KEY=VALUE")]
    attributes: Vec<String>,
    /// safetensors file with the operator's tensors, single precision, by their names; - for stdin
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// safetensors file to write, - for stdout; with one tensor named `out`
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Kernel to use instead of the preferred one; a wrong name lists those there are
    #[arg(long, value_name = "NAME")]
    kernel: Option<String>,
}

/// The operators with their tensors and attributes, and how to call them.
fn help() -> String {
    let mut help =
        "Operators, their tensors, and their attributes with their defaults:\n".to_owned();
    for name in NAMES {
        let required = Operator::required_tensor_names(name).unwrap_or_default();
        let tensors = Operator::tensor_names(name).unwrap_or_default().into_iter();
        let tensors = tensors.map(|tensor| match required.contains(&tensor) {
            true => tensor.to_owned(),
            false => format!("[{tensor}]"),
        });
        let attributes = Operator::attribute_names(name).unwrap_or_default().into_iter();
        let attributes = attributes.map(|attribute| match default(name, attribute) {
            Some(default) => format!("{attribute}={default}"),
            None => attribute.to_owned(),
        });
        let (tensors, attributes): (Vec<_>, Vec<_>) = (tensors.collect(), attributes.collect());
        help += &format!("  {name:<19} {}\n", output::list(&tensors, 22));
        if !attributes.is_empty() {
            help += &format!("{:22}{}\n", "", output::list(&attributes, 22));
        }
    }
    let activations: Vec<&str> = Activation::ALL.iter().skip(1).map(|(name, _)| *name).collect();
    let activations = activations.join(", ");
    help + &format!(
        "  {activations}: activations by their own name\n
Tensors in brackets may be left out; scale goes with shift, and the weight of batch_norm with its \
bias. An attribute without a default must be given. Sizes are written 3 or 3x5 (height x width), \
padding 1, 1x2, 0,3,2,1 (top, left, bottom, right), same, valid or full; those of volumes begin with the \
depth, as 3x5x7, and their padding with the front and the back. activation is none, \
{activations}; channel_order is blocked or interleaved; mode is nearest or bilinear; \
input_size and via are none or a size; \
ceil_mode, count_include_pad and aligned are true or false.

Examples:
  involution op relu --input in.safetensors --output out.safetensors
  involution op involution --attr kernel_size=7 --attr padding=3 \\
      --attr groups=4 --input in.safetensors --output out.safetensors
  involution op conv2d --attr stride=2 --attr padding=same \\
      --adapter cpu --input in.safetensors --output out.safetensors
  involution op conv2d --kernel '?' \\
      --input in.safetensors --output out.safetensors
      fails, and lists the kernels there are for these shapes"
    )
}

/// What an attribute is where it is not given; nothing where it has to be.
fn default(operator: &str, attribute: &str) -> Option<&'static str> {
    Some(match attribute {
        "kernel_size" if operator.contains("conv") => "(of weight)",
        "stride" if operator.contains("_pool") => "(kernel_size)",
        "stride" | "dilation" | "groups" | "heads" | "scale" | "spatial_scale" | "temperature" => {
            "1"
        }
        "padding" | "output_padding" | "sampling_ratio" => "0",
        "activation" | "input_size" | "via" => "none",
        "channel_order" => "blocked",
        "border" => "zero",
        "mode" => "nearest",
        "upsample" => "1",
        "softmax" | "mask" | "ceil_mode" => "false",
        "kernel_layout" => "taps_first",
        "count_include_pad" | "aligned" => "true",
        "eps" => "1e-5",
        "axis" => "-1",
        _ => return None,
    })
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let (name, path) = (args.name.as_str(), args.output.as_path());
    // A name that is none is told before a file that is none.
    Operator::tensor_names(name)?;
    output::check(path)?;
    let tensors = tensors::read(&args.input)?;
    let attributes = Attributes::parse(&args.attributes)?;
    let shapes: Vec<(&str, &Shape)> = tensors.iter().map(|(name, it)| (name, it.shape())).collect();
    let op = Operator::from_attributes(name, &attributes, &shapes).context(name.to_owned())?;
    let input = |input| tensors.get(input).ok_or_else(|| tensors::missing(name, input, &tensors));
    let inputs: Vec<&Tensor> = op.inputs().into_iter().map(input).collect::<Result<_>>()?;
    let shapes: Vec<&Shape> = inputs.iter().map(|input| input.shape()).collect();
    // Whatever is wrong with the call is said before a device is opened.
    let candidates = kernels::candidates(&op, &shapes, &DeviceProfile::software())
        .map_err(Error::at(op.name()))?;
    let values: Vec<_> = inputs.iter().map(|input| (input.shape(), input.data())).collect();
    op.check_values(&values).map_err(Error::at(op.name()))?;
    let runner = flags.open()?;
    let (result, kernel) = match (&runner, args.kernel.clone()) {
        (Runner::Gpu(gpu), kernel) => {
            let choice = kernel.map_or(Choice::Preferred, Choice::Named);
            let uploaded: Vec<GpuTensor> =
                inputs.iter().map(|input| gpu.upload(input)).collect::<Result<_, _>>()?;
            let prepared = gpu.prepare(&op, &uploaded.iter().collect::<Vec<_>>(), &choice)?;
            gpu.submit(&prepared)?;
            (gpu.download(prepared.output())?, prepared.candidate().to_owned())
        }
        (Runner::Reference, Some(kernel)) if kernel != "reference" => {
            let known: Vec<&str> = candidates.iter().map(|known| known.name.as_str()).collect();
            return Err(match known.contains(&kernel.as_str()) {
                true => bad_use(format!("--kernel {kernel} needs a GPU")),
                false => {
                    let known = known.join(", ");
                    Error::UnknownKernel { op: op.name(), kernel, known }.into()
                }
            });
        }
        (Runner::Reference, _) => (reference::run(&op, &inputs)?, "reference".to_owned()),
    };
    tensors::write(path, [("out", &result)])?;
    let (place, shape) = (path.display().to_string(), result.shape());
    let report = json!({
        "op": op.name(),
        "adapter": runner.name(),
        "kernel": kernel,
        "attributes": op.to_attributes().into_iter().collect::<BTreeMap<_, _>>(),
        "shape": shape.dims(),
        "output": place,
    });
    output::report(path, json, &report, || match &runner {
        Runner::Gpu(_) => format!("{place}: out {shape} by kernel {kernel} on {runner}\n"),
        Runner::Reference => format!("{place}: out {shape} by the {runner}\n"),
    })?;
    Ok(Outcome::Passed)
}

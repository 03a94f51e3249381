//! `involution op`: one operator on tensors from a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use involution::gpu::{Choice, GpuTensor};
use involution::kernels::{self, DeviceProfile};
use involution::ops::{Activation, Attributes, NAMES, Op, Operator};
use involution::{Error, Gpu, Shape, StateDict, Tensor, reference};
use serde::Serialize;

use crate::adapter::{Flags, Runner};
use crate::{Outcome, bad_use, output, tensors};

#[derive(Debug, clap::Args)]
#[command(
    after_help = help(),
    override_usage = "involution op [OPTIONS] NAME --input FILE --output FILE"
)]
pub struct Args {
    /// The operator
    name: Option<String>,
    /// An attribute, such as stride=2; may be repeated
    #[arg(long = "attr", value_name = "KEY=VALUE")]
    attributes: Vec<String>,
    /// safetensors file with the operator's tensors, single precision, by their names; - for stdin
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// safetensors file to write, - for stdout; with one tensor named `out`
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Kernel to use instead of the preferred one; a wrong name lists those there are
    #[arg(long, value_name = "NAME")]
    kernel: Option<String>,
    /// Print what ran as JSON
    #[arg(long)]
    json: bool,
}

/// The operators with their tensors and attributes, and how to call them.
fn help() -> String {
    let mut help =
        "Operators, their tensors, and their attributes with their defaults:\n".to_owned();
    for name in NAMES {
        let required = Operator::required_tensor_names(name).unwrap_or_default();
        let tensor = |tensor: &&str| match required.contains(tensor) {
            true => (*tensor).to_owned(),
            false => format!("[{tensor}]"),
        };
        let tensors: Vec<String> =
            Operator::tensor_names(name).unwrap_or_default().iter().map(tensor).collect();
        let attribute = |attribute: &&str| match default(name, attribute) {
            Some(default) => format!("{attribute}={default}"),
            None => (*attribute).to_owned(),
        };
        let attributes: Vec<String> =
            Operator::attribute_names(name).unwrap_or_default().iter().map(attribute).collect();
        help += &format!("  {name:<19} {}\n", output::list(&tensors, 22));
        if !attributes.is_empty() {
            help += &format!("{:22}{}\n", "", output::list(&attributes, 22));
        }
    }
    let activations: Vec<&str> = Activation::ALL.iter().skip(1).map(|(name, _)| *name).collect();
    help += &format!("  {}: activations by their own name\n\n", activations.join(", "));
    help += &format!(
        "Tensors in brackets may be left out; scale goes with shift, and the weight of batch_norm with \
         its bias. An attribute without a default must be given. Sizes are written 3 or 3x5 (height x \
         width), padding 1, 1x2, 0,3,2,1 (top, left, bottom, right), same, valid or full. activation is \
         none, {}; channel_order is blocked or interleaved; ceil_mode and count_include_pad are true or \
         false.\n",
        activations.join(", ")
    );
    help + "
Examples:
  involution op relu --input in.safetensors --output out.safetensors
  involution op involution --attr kernel_size=7 --attr padding=3 \\
      --attr groups=4 --input in.safetensors --output out.safetensors
  involution op conv2d --attr stride=2 --attr padding=same \\
      --adapter cpu --input in.safetensors --output out.safetensors
  involution op conv2d --kernel '?' \\
      --input in.safetensors --output out.safetensors
      fails, and lists the kernels there are for these shapes"
}

/// What an attribute is where it is not given; nothing where it has to be.
fn default(operator: &str, attribute: &str) -> Option<&'static str> {
    Some(match attribute {
        "kernel_size" if operator.ends_with("conv2d") => "(of weight)",
        "stride" if operator.ends_with("pool2d") => "(kernel_size)",
        "stride" | "dilation" | "groups" | "temperature" => "1",
        "padding" => "0",
        "activation" => "none",
        "channel_order" => "blocked",
        "ceil_mode" => "false",
        "count_include_pad" => "true",
        "eps" => "1e-5",
        "axis" => "-1",
        _ => return None,
    })
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    op: &'a str,
    adapter: &'a str,
    kernel: &'a str,
    attributes: BTreeMap<&'static str, String>,
    shape: &'a [usize],
    output: &'a Path,
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let Some(name) = args.name.as_deref() else {
        return Err(bad_use(format!("which operator? There are: {}", NAMES.join(", "))));
    };
    let tensors = Operator::tensor_names(name)?;
    let word = if tensors.len() == 1 { "tensor" } else { "tensors" };
    let Some(input) = args.input.as_deref() else {
        return Err(bad_use(format!(
            "--input FILE is missing; {name} takes the {word} {}",
            tensors.join(", ")
        )));
    };
    let Some(path) = args.output.as_deref() else {
        return Err(bad_use("--output FILE is missing: where the result goes, as tensor 'out'"));
    };
    output::check(path)?;
    let tensors = tensors::read(input)?;
    let (op, inputs) = build(name, &args.attributes, &tensors)?;
    let shapes: Vec<&Shape> = inputs.iter().map(|input| input.shape()).collect();
    // Whatever is wrong with the call is said before a device is opened.
    let candidates = kernels::candidates(&op, &shapes, &DeviceProfile::software())
        .map_err(Error::at(op.name()))?;
    let runner = flags.open()?;
    let (result, kernel) = match &runner {
        Runner::Gpu(gpu) => on_gpu(gpu, &op, &inputs, args.kernel.clone())?,
        Runner::Reference => {
            if let Some(kernel) = args.kernel.clone().filter(|kernel| kernel != "reference") {
                let known: Vec<&str> = candidates.iter().map(|known| known.name.as_str()).collect();
                if !known.contains(&kernel.as_str()) {
                    let known = known.join(", ");
                    return Err(Error::UnknownKernel { op: op.name(), kernel, known }.into());
                }
                return Err(bad_use(format!("--kernel {kernel} needs a GPU")));
            }
            (reference::run(&op, &inputs)?, "reference".to_owned())
        }
    };
    tensors::write(path, [("out", &result)])?;
    let shape = result.shape();
    let text = if json || args.json {
        output::json(&Output {
            op: op.name(),
            adapter: runner.name(),
            kernel: &kernel,
            attributes: op.to_attributes().into_iter().collect(),
            shape: shape.dims(),
            output: path,
        })?
    } else {
        let by = match &runner {
            Runner::Gpu(_) => format!("kernel {kernel} on {runner}"),
            Runner::Reference => format!("the {runner}"),
        };
        format!("{}: out {shape} by {by}\n", path.display())
    };
    output::report(path, &text)?;
    Ok(Outcome::Passed)
}

/// The operator and its inputs in order, from the tensors of a file.
fn build<'a>(
    name: &str,
    attributes: &[String],
    tensors: &'a StateDict,
) -> Result<(Operator, Vec<&'a Tensor>)> {
    let attributes = Attributes::parse(attributes)?;
    let shapes: Vec<(&str, &Shape)> =
        tensors.iter().map(|(name, tensor)| (name, tensor.shape())).collect();
    let context = || name.to_owned();
    let op = Operator::from_attributes(name, &attributes, &shapes).with_context(context)?;
    let missing = |tensor: &str| tensors::missing(name, tensor, tensors);
    let inputs =
        op.inputs().into_iter().map(|input| tensors.get(input).ok_or_else(|| missing(input)));
    let inputs = inputs.collect::<Result<_>>()?;
    Ok((op, inputs))
}

fn on_gpu(
    gpu: &Gpu,
    op: &Operator,
    inputs: &[&Tensor],
    kernel: Option<String>,
) -> Result<(Tensor, String)> {
    let choice = kernel.map_or(Choice::Preferred, Choice::Named);
    let uploaded: Vec<GpuTensor> =
        inputs.iter().map(|input| gpu.upload(input)).collect::<Result<_, _>>()?;
    let uploaded: Vec<&GpuTensor> = uploaded.iter().collect();
    let prepared = gpu.prepare(op, &uploaded, &choice)?;
    gpu.submit(&prepared)?;
    Ok((gpu.download(prepared.output())?, prepared.candidate().to_owned()))
}

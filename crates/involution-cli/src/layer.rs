//! `involution layer`: tensors through one layer.

use std::path::PathBuf;

use anyhow::Result;
use involution::nn::{LAYERS, from_attributes};
use involution::ops::Attributes;
use involution::weights::strip_wrappers;
use serde::Serialize;

use crate::adapter::Flags;
use crate::network::Ready;
use crate::{Outcome, output, tensors};

#[derive(Debug, clap::Args)]
#[command(after_help = help())]
pub struct Args {
    /// The layer
    name: String,
    /// An attribute, such as stride=2; may be repeated
    #[arg(long = "attr", value_name = "KEY=VALUE")]
    attributes: Vec<String>,
    /// File of weights under their PyTorch names: safetensors, or what torch.save wrote
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// File with the tensor `x`, - for stdin
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// safetensors file to write, - for stdout; with the tensor `out`
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Write what the layer gives beside its result, too: the kernels of an involution, the attention of a
    /// dynamic convolution
    #[arg(long)]
    all: bool,
    /// Print what ran as JSON
    #[arg(long)]
    json: bool,
}

/// The layers with their attributes.
fn help() -> String {
    let mut help = "Layers and their attributes:\n".to_owned();
    for (name, attributes) in LAYERS {
        help += &format!("  {name}\n");
        help += &format!("      {}\n", output::list(attributes, 6));
    }
    help + "
What the weights tell, such as in_channels, may be left out; given, it has to agree with them.

Examples:
  involution layer involution2d_dli14 --attr stride=2 --weights layer.pth \\
      --input x.safetensors --output out.safetensors
  involution layer involution2d_reich --attr kernel_size=3x5 \\
      --attr padding=1x2 --attr groups=4 --weights layer.pth \\
      --input x.safetensors --output out.safetensors"
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    layer: &'a str,
    adapter: &'a str,
    shape: &'a [usize],
    parameters: u64,
    macs: u64,
    output: &'a std::path::Path,
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    output::check(&args.output)?;
    let weights = strip_wrappers(tensors::load(&args.weights)?.tensors)?;
    let inputs = tensors::read(&args.input)?;
    let Some(x) = inputs.get("x") else {
        return Err(tensors::missing(&args.input.display().to_string(), "x", &inputs));
    };
    let layer = from_attributes(&args.name, &Attributes::parse(&args.attributes)?, &weights)?;
    // Whatever is wrong with the call is said before a device is opened.
    let plan = layer.plan(x.shape())?;
    plan.check_weights(&weights)?;
    let (parameters, macs) = (plan.parameters(), plan.macs()?);
    let names: Vec<String> = plan.outputs().iter().map(|(name, _)| name.clone()).collect();
    let wanted: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|&name| args.all || name == layer.output())
        .collect();
    let main = layer.output();
    let runner = flags.open()?;
    let ready = Ready::new(&runner, layer, weights)?;
    ready.prepare(x.shape(), &wanted)?;
    let results = ready.run(x, &wanted)?;
    tensors::write(&args.output, results.iter().map(|(name, tensor)| (name.as_str(), tensor)))?;
    let out = results.iter().find(|(name, _)| name == main);
    let shape = out.map(|(_, tensor)| tensor.shape().dims()).unwrap_or_default();
    let text = if json || args.json {
        let (layer, adapter, output) = (args.name.as_str(), runner.name(), args.output.as_path());
        output::json(&Report { layer, adapter, shape, parameters, macs, output })?
    } else {
        format!(
            "{}: out {shape:?} by {} on {runner}; {parameters} parameters, {:.3} M MACs\n",
            args.output.display(),
            args.name,
            macs as f64 / 1e6
        )
    };
    output::report(&args.output, &text)?;
    Ok(Outcome::Passed)
}

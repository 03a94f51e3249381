//! `involution layer`: tensors through one layer.

use std::path::PathBuf;

use anyhow::Result;
use involution::nn::{LAYERS, from_attributes};
use involution::ops::Attributes;
use involution_bench::adapter::Flags;
use involution_bench::{Outcome, output, tensors};
use serde_json::json;

use crate::network;

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

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    output::check(&args.output)?;
    let (weights, _) = tensors::load_weights(&args.weights)?;
    let x = tensors::read_x(&args.input)?;
    let layer = from_attributes(&args.name, &Attributes::parse(&args.attributes)?, &weights)?;
    // Whatever is wrong with the call is said before a device is opened.
    let plan = layer.plan(x.shape())?;
    plan.check_weights(&weights)?;
    let (parameters, macs, main) = (plan.parameters(), plan.macs()?, layer.output());
    let names = plan.outputs().iter().map(|(name, _)| name.as_str());
    let wanted: Vec<&str> = names.filter(|&name| args.all || name == main).collect();
    let (runner, results) = network::through(flags, layer, weights, &x, &wanted, &args.output)?;
    let out = results.iter().find(|(name, _)| name == main);
    let shape = out.map(|(_, tensor)| tensor.shape().dims()).unwrap_or_default();
    let place = args.output.display().to_string();
    let report = json!({
        "layer": args.name,
        "adapter": runner.name(),
        "shape": shape,
        "parameters": parameters,
        "macs": macs,
        "output": place,
    });
    output::report(&args.output, json, &report, || {
        let (name, macs) = (&args.name, macs as f64 / 1e6);
        format!(
            "{place}: out {shape:?} by {name} on {runner}; {parameters} parameters, {macs:.3} M MACs\n"
        )
    })?;
    Ok(Outcome::Passed)
}

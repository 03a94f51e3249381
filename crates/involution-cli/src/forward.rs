//! `involution forward`: tensors through a whole network.

use std::path::PathBuf;

use anyhow::Result;
use involution_bench::adapter::Flags;
use involution_bench::{Outcome, output, tensors};
use serde_json::{Value, json};

use crate::network::{self, Weighted};

const HELP: &str = "\
The input file holds a tensor x [N, C, H, W], normalised as the network wants it. The output file \
gets logits and c2 to c5, the feature maps of strides 4 to 32 (of LSNet c3 to c6), or what --outputs \
names: those, and the kernel of every involution, such as layer1.0.conv2.kernel.

Examples:
  involution forward rednet50 --weights rednet50.pth \\
      --input x.safetensors --output out.safetensors
  involution forward resnet50 --weights resnet50.pth --outputs c3,c5 \\
      --input x.safetensors --output out.safetensors";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The network: see `involution plan --help`
    model: String,
    /// File of weights: safetensors, or what torch.save wrote
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// File with the tensor `x`, - for stdin
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// safetensors file to write, - for stdout
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Results to write, instead of logits and feature maps
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    outputs: Vec<String>,
    /// Take images of any size: pool a RedNet's kernels to the size that is needed
    #[arg(long)]
    any_size: bool,
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    output::check(&args.output)?;
    let Weighted { name, mut model, weights } =
        network::load(Some(&args.model), args.weights.as_deref())?;
    if args.any_size {
        model = model.any_size();
    }
    let x = tensors::read_x(&args.input)?;
    let wanted: Vec<&str> = match args.outputs.as_slice() {
        [] => model.results(),
        named => named.iter().map(String::as_str).collect(),
    };
    // Whatever is wrong with the call is said before a device is opened.
    model.plan(x.shape())?.keep(&wanted)?;
    let (runner, results) = network::through(flags, model, weights, &x, &wanted, &args.output)?;
    let outputs = || results.iter().map(|(name, tensor)| (name, tensor.shape().dims()));
    let rows: Vec<Value> =
        outputs().map(|(name, shape)| json!({ "name": name, "shape": shape })).collect();
    let place = args.output.display().to_string();
    let report =
        json!({ "network": name, "adapter": runner.name(), "outputs": rows, "output": place });
    output::report(&args.output, json, &report, || {
        let list: Vec<String> =
            outputs().map(|(name, shape)| format!("{name} {shape:?}")).collect();
        format!("{place}: {} by {name} on {runner}\n", list.join(", "))
    })?;
    Ok(Outcome::Passed)
}

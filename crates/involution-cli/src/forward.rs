//! `involution forward`: tensors through a whole network.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::adapter::Flags;
use crate::network::{self, Ready};
use crate::{Outcome, output, tensors};

const HELP: &str = "\
The input file holds a tensor x [N, C, H, W], normalised as the network wants it. The output file \
gets logits and c2 to c5, the feature maps of strides 4 to 32, or what --outputs names: those, and \
the kernel of every involution, such as layer1.0.conv2.kernel.

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
    /// Results to write, instead of logits and c2 to c5
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    outputs: Vec<String>,
    /// Take images of any size: pool a RedNet's kernels to the size that is needed
    #[arg(long)]
    any_size: bool,
    /// Print what ran as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    network: &'a str,
    adapter: &'a str,
    outputs: Vec<OutputRow<'a>>,
    output: &'a std::path::Path,
}

#[derive(Debug, Serialize)]
struct OutputRow<'a> {
    name: &'a str,
    shape: &'a [usize],
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    output::check(&args.output)?;
    let mut network = network::load(Some(&args.model), args.weights.as_deref())?;
    if args.any_size {
        network.model = network.model.any_size();
    }
    let inputs = tensors::read(&args.input)?;
    let Some(x) = inputs.get("x") else {
        return Err(tensors::missing(&args.input.display().to_string(), "x", &inputs));
    };
    let wanted: Vec<&str> = match args.outputs.as_slice() {
        [] => network.model.results(),
        named => named.iter().map(String::as_str).collect(),
    };
    // Whatever is wrong with the call is said before a device is opened.
    network.model.plan(x.shape())?.keep(&wanted)?;
    let runner = flags.open()?;
    let ready = Ready::new(&runner, network.model, network.weights)?;
    ready.prepare(x.shape(), &wanted)?;
    let results = ready.run(x, &wanted)?;
    tensors::write(&args.output, results.iter().map(|(name, tensor)| (name.as_str(), tensor)))?;
    let rows: Vec<OutputRow<'_>> = results
        .iter()
        .map(|(name, tensor)| OutputRow { name, shape: tensor.shape().dims() })
        .collect();
    let text = if json || args.json {
        let adapter = runner.name();
        output::json(&Report {
            network: &network.name,
            adapter,
            outputs: rows,
            output: &args.output,
        })?
    } else {
        let list: Vec<String> =
            rows.iter().map(|row| format!("{} {:?}", row.name, row.shape)).collect();
        format!("{}: {} by {} on {runner}\n", args.output.display(), list.join(", "), network.name)
    };
    output::report(&args.output, &text)?;
    Ok(Outcome::Passed)
}

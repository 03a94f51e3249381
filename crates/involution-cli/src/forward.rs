//! `involution forward`: tensors through a whole network.

use std::path::PathBuf;

use anyhow::Result;
use involution::models::detect::Detector;
use involution::models::segment::Segmenter;
use involution::models::{Images, Task};
use involution::{StateDict, Tensor, reference};
use involution_bench::adapter::{Flags, Runner};
use involution_bench::{Outcome, bad_use, output, tensors};
use serde_json::{Value, json};

use crate::network::{self, Weighted};

const HELP: &str = "\
The input file holds a tensor x [N, C, H, W], normalised as the network wants it. The output file \
gets logits and c2 to c5, the feature maps of strides 4 to 32 (of LSNet c3 to c6), or what --outputs \
names: those, and the kernel of every involution, such as layer1.0.conv2.kernel.

Of detectors it gets c2 to c5, the maps p2 to p6 (p3 to p7 of RetinaNet), the logits and deltas of \
their anchors (rpn_cls_2 and rpn_reg_2, or cls_3 and reg_3, and so on), proposals [n, 5], cls_score and \
bbox_pred, then det_boxes, det_scores, det_labels, mask_logits [n, 28, 28] and masks [n, H, W]; of \
segmenters logits_s4, seg_logits and seg_map. x is then one image with zeros to its right and below it.

Examples:
  involution forward rednet50 --weights rednet50.pth \\
      --input x.safetensors --output out.safetensors
  involution forward mask_rcnn_red50_fpn --weights mask_rcnn_red50_fpn.pth \\
      --input x.safetensors --valid 800x1067 --original 480x640 \\
      --output out.safetensors
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
    /// Height and width of the image in x, of a detector or a segmenter, without its padding [default: those of x]
    #[arg(long, value_name = "HxW")]
    valid: Option<String>,
    /// Height and width of the image before it was resized, in whose pixels boxes, masks and labels are [default: --valid]
    #[arg(long, value_name = "HxW")]
    original: Option<String>,
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
    let sizes = [("--valid", &args.valid), ("--original", &args.original)];
    if let (Task::Classify, Some((flag, _))) =
        (model.task(), sizes.iter().find(|(_, size)| size.is_some()))
    {
        return Err(bad_use(format!("{flag} is for detectors and segmenters: {name} is neither")));
    }
    let wanted: Vec<&str> = match args.outputs.as_slice() {
        [] => model.results(),
        named => named.iter().map(String::as_str).collect(),
    };
    let plan = model.plan(x.shape())?;
    // Whatever is wrong with the call is said before a device is opened.
    let (runner, results) = match model.task() {
        Task::Classify => {
            plan.keep(&wanted)?;
            network::through(flags, model, weights, &x, &wanted, &args.output)?
        }
        task => {
            let mut images = Images::whole(x)?;
            let [valid, original] = sizes;
            if let Some(size) = size(valid)? {
                images.valid = vec![size];
                images.original = vec![size];
            }
            if let Some(size) = size(original)? {
                images.original = vec![size];
            }
            let runner = flags.open()?;
            let results = match task {
                Task::Segment => segmented(&runner, weights, &images, &wanted)?,
                _ => detected(&runner, weights, &images, &wanted)?,
            };
            tensors::write(&args.output, results.iter().map(|(name, it)| (name.as_str(), it)))?;
            (runner, results)
        }
    };
    let outputs = || results.iter().map(|(name, tensor)| (name, tensor.shape().dims()));
    let rows: Vec<Value> =
        outputs().map(|(name, shape)| json!({ "name": name, "shape": shape })).collect();
    let place = args.output.display().to_string();
    // The most that was lent on the device, in bytes.
    let pool_peak = runner.gpu().map(|gpu| gpu.pool_stats().peak);
    let report = json!({
        "network": name,
        "adapter": runner.name(),
        "outputs": rows,
        "output": place,
        "pool_peak": pool_peak,
    });
    output::report(&args.output, json, &report, || {
        let list: Vec<String> =
            outputs().map(|(name, shape)| format!("{name} {shape:?}")).collect();
        format!("{place}: {} by {name} on {runner}\n", list.join(", "))
    })?;
    Ok(Outcome::Passed)
}

/// Height and width such as 480x640.
fn size((flag, text): (&str, &Option<String>)) -> Result<Option<[usize; 2]>> {
    let Some(text) = text else { return Ok(None) };
    let numbers = text
        .split_once('x')
        .and_then(|(height, width)| Some([height.parse().ok()?, width.parse().ok()?]));
    let wrong = || bad_use(format!("{flag} must be such as 480x640, it is '{text}'"));
    numbers.map(Some).ok_or_else(wrong)
}

type Results = Vec<(String, Tensor)>;

fn detected(
    runner: &Runner,
    weights: StateDict,
    images: &Images,
    wanted: &[&str],
) -> Result<Results> {
    let detector = Detector::from_weights(&weights)?;
    Ok(match runner {
        Runner::Gpu(gpu) => {
            let load = |layer, weights| gpu.load_shared(layer, weights);
            detector.load(weights, load)?.forward(images, wanted)?
        }
        Runner::Reference => {
            detector.load(weights, reference::Network::new)?.forward(images, wanted)?
        }
    })
}

fn segmented(
    runner: &Runner,
    weights: StateDict,
    images: &Images,
    wanted: &[&str],
) -> Result<Results> {
    let segmenter = Segmenter::from_weights(&weights)?;
    Ok(match runner {
        Runner::Gpu(gpu) => {
            let load = |layer, weights| gpu.load_shared(layer, weights);
            segmenter.load(weights, load)?.forward(images, wanted)?
        }
        Runner::Reference => {
            segmenter.load(weights, reference::Network::new)?.forward(images, wanted)?
        }
    })
}

//! `involution plan`: the steps of a network, where its values lie, and what it costs.

use anyhow::Result;
use involution::kernels::DeviceProfile;
use involution::models::{self, MODELS, Model};
use involution::schedule::{self, Choice, Policy, Schedule, Table, TableRow};
use involution::{Layer, Plan, Shape};
use serde::Serialize;

use crate::output::mib;
use crate::{Outcome, bad_use, output};

#[derive(Debug, clap::Args)]
#[command(after_help = help())]
pub struct Args {
    /// The network
    model: String,
    /// Images in a batch
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// Height and width of the images, such as 224 or 480x640 [default: the network's own]
    #[arg(long, value_name = "HxW")]
    size: Option<String>,
    /// Kernel size of RedNet's stem, an odd number: 7 (as published) or 3 [default: 7]
    #[arg(long, value_name = "K")]
    stem: Option<usize>,
    /// Take images of any size: pool a RedNet's kernels to the size that is needed
    #[arg(long)]
    any_size: bool,
    /// The steps as the network is defined, before any are fused
    #[arg(long)]
    unfused: bool,
    /// Results to keep [default: the main one]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    outputs: Vec<String>,
    /// The kind of device: nvidia, amd, apple, intel or software. It need not be there
    #[arg(long, value_name = "KIND", default_value = USUAL)]
    profile: String,
    /// The kernel for each step that has it, by its name as in the table
    #[arg(long, value_name = "NAME")]
    candidate: Option<String>,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

/// The device that a plan is printed for where none is named.
const USUAL: &str = "software";

fn help() -> String {
    format!(
        "Networks: {}\n
Needs neither weights nor a device. MiB moved: what a step must read and write. Values that are \
never needed at the same time share a slot. The candidate is the kernel that a device of this kind prefers, with the \
reason.

Examples:
  involution plan rednet50
  involution plan rednet50 --batch 8 --size 480x640
  involution plan rednet50 --profile nvidia
  involution plan rednet26 --stem 3 --unfused --json | jq .flops",
        MODELS.join(", ")
    )
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    network: &'a str,
    input: &'a [usize],
    parameters: u64,
    macs: u64,
    flops: u64,
    memory: Memory,
    steps: Vec<Step<'a>>,
}

/// Bytes on the device.
#[derive(Debug, Serialize)]
pub struct Memory {
    pub peak: u64,
    pub activations: u64,
    pub least_activations: u64,
    pub weights: u64,
    pub scratch: u64,
    pub slots: Vec<u64>,
}

impl From<&schedule::Memory> for Memory {
    fn from(memory: &schedule::Memory) -> Self {
        Memory {
            peak: memory.peak(),
            activations: memory.activations(),
            least_activations: memory.live,
            weights: memory.constants,
            scratch: memory.scratch,
            slots: memory.slots().to_vec(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Step<'a> {
    step: usize,
    layer: &'a str,
    op: &'a str,
    input: &'a str,
    output: &'a str,
    slot: Option<usize>,
    bytes: u64,
    macs: u64,
    candidate: Option<&'a str>,
    reason: Option<&'a str>,
}

/// How a plan is carried out on a software adapter.
pub fn usual(plan: &Plan) -> involution::Result<Schedule> {
    schedule::lower(plan, &DeviceProfile::software(), &Policy::default(), &Choice::Preferred)
}

pub fn run(args: &Args, json: bool) -> Result<Outcome> {
    let (model, default) = network(args)?;
    let size = args.size.as_deref().map(parse_size).transpose()?;
    let mut dims = default.dims().to_vec();
    dims[0] = args.batch;
    if let Some(size) = size {
        dims[2..].copy_from_slice(&size);
    }
    let shape = Shape::new(dims);
    let unfused = model.plan(&shape)?;
    let flops = unfused.mmcls_flops()?;
    let wanted: Vec<&str> = match args.outputs.as_slice() {
        [] => vec![model.output()],
        named => named.iter().map(String::as_str).collect(),
    };
    let kept = unfused.keep(&wanted)?;
    let plan = if args.unfused { kept } else { kept.fuse() };
    let profile = DeviceProfile::described(&args.profile).ok_or_else(|| {
        let known = DeviceProfile::DESCRIBED.join(", ");
        bad_use(format!("--profile must be one of {known}, it is '{}'", args.profile))
    })?;
    let choice = args.candidate.clone().map_or(Choice::Preferred, Choice::Named);
    let schedule = schedule::lower(&plan, &profile, &Policy::default(), &choice)?;
    let table = Table::of(&plan, &schedule)?;
    output::print(&if json || args.json {
        output::json(&Report {
            network: &args.model,
            input: shape.dims(),
            parameters: table.parameters,
            macs: table.macs,
            flops,
            memory: Memory::from(&table.memory),
            steps: table.rows.iter().map(step).collect(),
        })?
    } else {
        text(&args.model, &shape, &table, flops)
    })?;
    Ok(Outcome::Passed)
}

/// The network that is asked for, and the shape of one of its images.
fn network(args: &Args) -> Result<(Box<dyn Layer>, Shape)> {
    let name = args.model.as_str();
    let depth = name.strip_prefix("rednet").and_then(|depth| depth.parse().ok());
    if let Some(stem) = args.stem.filter(|stem| stem % 2 == 0) {
        return Err(bad_use(format!("--stem must be odd, such as 7 or 3, it is {stem}")));
    }
    let rednet = depth.map(models::RedNet::new);
    let mut model: Box<dyn Model> = match (rednet, args.stem) {
        (Some(Ok(model)), Some(stem)) => Box::new(model.stem_kernel(stem)),
        _ => models::by_name(name, None)?,
    };
    if args.stem.is_some() && depth.is_none() {
        return Err(bad_use(format!("--stem is for rednet26 to rednet152, not for {name}")));
    }
    if args.any_size && !name.starts_with("rednet") {
        return Err(bad_use(format!("--any-size is for RedNets: {name} takes any size as it is")));
    }
    if args.any_size {
        model = model.any_size();
    }
    let shape = model.preprocessing().input(1);
    Ok((model, shape))
}

/// Height and width from `224` or `480x640`.
pub fn parse_size(text: &str) -> Result<[usize; 2]> {
    let (height, width) = text.split_once('x').unwrap_or((text, text));
    match (height.parse(), width.parse()) {
        (Ok(height), Ok(width)) => Ok([height, width]),
        _ => Err(bad_use(format!("--size must be such as 224 or 480x640, it is '{text}'"))),
    }
}

fn step(row: &TableRow) -> Step<'_> {
    Step {
        step: row.step,
        layer: &row.layer,
        op: &row.op,
        input: &row.input,
        output: &row.output,
        slot: row.slot,
        bytes: row.bytes,
        macs: row.macs,
        candidate: row.candidate.as_deref(),
        reason: row.reason.as_deref(),
    }
}

fn text(name: &str, shape: &Shape, plan: &Table, flops: u64) -> String {
    let mut table =
        output::table(&["step", "layer", "output", "op", "slot", "MiB moved", "M MACs"], 4);
    for row in &plan.rows {
        let by = row.candidate.iter().zip(&row.reason);
        let by: String = by.map(|(name, reason)| format!("\nby {name}: {reason}")).collect();
        let op = row.op.clone() + &by;
        table.add_row([
            row.step.to_string(),
            row.layer.clone(),
            row.output.clone(),
            op,
            row.slot.map_or("-".to_owned(), |slot| slot.to_string()),
            format!("{:.2}", mib(row.bytes)),
            format!("{:.2}", row.macs as f64 / 1e6),
        ]);
    }
    let memory = &plan.memory;
    format!(
        "{name} on x {shape}\n\n{}\n{}\n{}\n",
        output::render(&table),
        counts(plan.parameters, plan.macs, flops),
        format_args!(
            "device memory at the peak {:.1} MiB: {} {:.1} (least possible {:.1}), weights {:.1}, scratch {:.1}",
            mib(memory.peak()),
            output::count(memory.slots().len(), "slot"),
            mib(memory.activations()),
            mib(memory.live),
            mib(memory.constants),
            mib(memory.scratch)
        )
    )
}

/// Parameters and arithmetic in one line.
pub fn counts(parameters: u64, macs: u64, flops: u64) -> String {
    format!(
        "{parameters} parameters ({:.2} M), {:.3} G MACs, {:.2} G FLOPs as mmclassification counts them",
        parameters as f64 / 1e6,
        macs as f64 / 1e9,
        flops as f64 / 1e9
    )
}

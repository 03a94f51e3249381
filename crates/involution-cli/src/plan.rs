//! `involution plan`: the steps of a network, where its values lie, and what it costs.

use anyhow::Result;
use involution::gpu::Precision;
use involution::kernels::DeviceProfile;
use involution::models::{self, Model, Task};
use involution::schedule::{Choice, Policy, Table, lower};
use involution::tensor::DType;
use involution::{Plan, Shape};
use involution_bench::adapter::Flags;
use involution_bench::output::{self, mib};
use involution_bench::{Outcome, bad_use};
use serde_json::{Value, json};

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
    #[arg(long, value_name = "KIND", default_value = "software")]
    profile: String,
    /// The kernel for each step that has it, by its name as in the table
    #[arg(long, value_name = "NAME")]
    candidate: Option<String>,
}

fn help() -> String {
    format!(
        "Networks: {}\n
Needs neither weights nor a device. MiB moved: what a step must read and write. Values that are \
never needed at the same time share a slot. The last line of a step names the kernel that a device of \
this kind prefers, and why.

Examples:
  involution plan rednet50
  involution plan rednet50 --batch 8 --size 480x640
  involution plan rednet50 --profile nvidia
  involution plan rednet26 --stem 3 --unfused --json | jq .flops",
        models::names().join(", ")
    )
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let model = network(args)?;
    let shape = input(model.as_ref(), args.batch, args.size.as_deref())?;
    let flops = flops(&model.plans(&shape)?)?;
    let kept = match args.outputs.as_slice() {
        [] => model.kept_plans(&shape)?,
        named => {
            let names: Vec<&str> = named.iter().map(String::as_str).collect();
            vec![model.plan(&shape)?.keep(&names)?]
        }
    };
    let plans: Vec<Plan> =
        kept.into_iter().map(|kept| if args.unfused { kept } else { kept.fuse() }).collect();
    let profile = DeviceProfile::described(&args.profile).ok_or_else(|| {
        let known = DeviceProfile::DESCRIBED.join(", ");
        bad_use(format!("--profile must be one of {known}, it is '{}'", args.profile))
    })?;
    let half = match flags.precision() {
        Precision::F16 if !profile.shader_f16 => {
            return Err(bad_use(format!("{} devices have no half precision", args.profile)));
        }
        Precision::Auto => profile.shader_f16,
        precision => precision == Precision::F16,
    };
    let storage = if half { DType::F16 } else { DType::F32 };
    let profile = DeviceProfile { storage, ..profile };
    let choice = args.candidate.clone().map_or(Choice::Preferred, Choice::Named);
    let tables = plans.iter().map(|plan| {
        let schedule = lower(plan, &profile, &Policy::default(), &choice)?;
        Table::of(plan, &schedule)
    });
    let tables = tables.collect::<involution::Result<Vec<Table>>>()?;
    let total = Total::of(model.task(), &plans, &tables, flops, storage)?;
    let rows = tables.iter().flat_map(|table| table.rows.iter().map(|row| (&table.name, row)));
    let steps = rows.map(|(stage, row)| {
        json!({
            "stage": stage,
            "step": row.step,
            "layer": row.layer,
            "op": row.op,
            "input": row.input,
            "output": row.output,
            "slot": row.slot,
            "bytes": row.bytes,
            "macs": row.macs,
            "candidate": row.candidate,
            "reason": row.reason,
        })
    });
    let report = json!({
        "network": args.model,
        "input": shape.dims(),
        "parameters": total.parameters,
        "macs": total.macs,
        "flops": flops,
        "memory": total.memory(),
        "steps": steps.collect::<Vec<_>>(),
    });
    output::result(json, &report, || text(&args.model, &shape, &tables, &total))?;
    Ok(Outcome::Passed)
}

/// What the plans of a network come to.
pub struct Total {
    pub parameters: u64,
    pub macs: u64,
    flops: u64,
    activations: u64,
    least_activations: u64,
    weights: u64,
    scratch: u64,
    slots: Vec<u64>,
    /// Bytes that stay on the device from one plan to the next.
    between: u64,
}

impl Total {
    /// That of the plans of a network with their layouts. A detector and a segmenter keep copies of the image and of what the
    /// first plan makes of it.
    pub fn of(
        task: Task,
        plans: &[Plan],
        tables: &[Table],
        flops: u64,
        storage: DType,
    ) -> Result<Self> {
        let mut between = 0;
        if let Some(first) = plans.first().filter(|_| task != Task::Classify) {
            for (_, value) in first.inputs().iter().chain(first.outputs()) {
                between += first.bytes(*value, storage)?;
            }
        }
        let sum = |of: fn(&Table) -> u64| tables.iter().map(of).sum::<u64>();
        Ok(Total {
            parameters: sum(|table| table.parameters),
            macs: sum(|table| table.macs),
            flops,
            activations: sum(|table| table.memory.activations()),
            least_activations: sum(|table| table.memory.live),
            weights: sum(|table| table.memory.constants),
            scratch: sum(|table| table.memory.scratch),
            slots: tables.iter().flat_map(|table| table.memory.slots().to_vec()).collect(),
            between,
        })
    }

    fn peak(&self) -> u64 {
        self.activations + self.weights + self.scratch + self.between
    }

    /// Bytes on the device, as JSON.
    pub fn memory(&self) -> Value {
        json!({
            "peak": self.peak(),
            "activations": self.activations,
            "least_activations": self.least_activations,
            "weights": self.weights,
            "scratch": self.scratch,
            "between_stages": self.between,
            "slots": self.slots,
        })
    }

    /// Parameters, arithmetic and memory in two lines.
    pub fn text(&self) -> String {
        let between = match self.between {
            0 => String::new(),
            bytes => format!(", between stages {:.1}", mib(bytes)),
        };
        format!(
            "{}\ndevice memory at the peak {:.1} MiB: {} {:.1} (least possible {:.1}), weights {:.1}, scratch {:.1}{between}\n",
            counts(self.parameters, self.macs, self.flops),
            mib(self.peak()),
            output::count(self.slots.len(), "slot"),
            mib(self.activations),
            mib(self.least_activations),
            mib(self.weights),
            mib(self.scratch),
        )
    }
}

/// Operations of plans that are not fused, as mmclassification counts them.
pub fn flops(plans: &[Plan]) -> Result<u64> {
    let flops = plans.iter().map(Plan::mmcls_flops);
    Ok(flops.sum::<involution::Result<u64>>()?)
}

/// The network that is asked for.
fn network(args: &Args) -> Result<Box<dyn Model>> {
    let name = args.model.as_str();
    let depth = name.strip_prefix("rednet").and_then(|depth| depth.parse().ok());
    if let Some(stem) = args.stem.filter(|stem| stem % 2 == 0) {
        return Err(bad_use(format!("--stem must be odd, such as 7 or 3, it is {stem}")));
    }
    let model: Box<dyn Model> = match (depth.map(models::RedNet::new), args.stem) {
        (Some(Ok(model)), Some(stem)) => Box::new(model.stem_kernel(stem)),
        _ => models::by_name(name, None)?,
    };
    if args.stem.is_some() && depth.is_none() {
        return Err(bad_use(format!("--stem is for rednet26 to rednet152, not for {name}")));
    }
    if args.any_size && !name.starts_with("rednet") {
        return Err(bad_use(format!("--any-size is for RedNets: {name} takes any size as it is")));
    }
    Ok(if args.any_size { model.any_size() } else { model })
}

/// The shape of a batch for a network, of its own size or of one such as `224` or `480x640`.
pub fn input(model: &dyn Model, batch: usize, size: Option<&str>) -> Result<Shape> {
    let mut dims = model.preprocessing().input(batch).dims().to_vec();
    if let Some(text) = size {
        let (height, width) = text.split_once('x').unwrap_or((text, text));
        let (Ok(height), Ok(width)) = (height.parse(), width.parse()) else {
            return Err(bad_use(format!("--size must be such as 224 or 480x640, it is '{text}'")));
        };
        dims[2..].copy_from_slice(&[height, width]);
    }
    Ok(Shape::new(dims))
}

fn text(name: &str, shape: &Shape, tables: &[Table], total: &Total) -> String {
    let mut text = format!("{name} on x {shape}\n");
    for plan in tables {
        let mut table =
            output::table(&["step", "layer", "output", "op", "slot", "MiB moved", "M MACs"], 4);
        for row in &plan.rows {
            let by = row.candidate.iter().zip(&row.reason);
            let by: String = by.map(|(name, reason)| format!("\nby {name}: {reason}")).collect();
            table.add_row([
                row.step.to_string(),
                row.layer.clone(),
                row.output.clone(),
                row.op.clone() + &by,
                row.slot.map_or("-".to_owned(), |slot| slot.to_string()),
                format!("{:.2}", mib(row.bytes)),
                format!("{:.2}", row.macs as f64 / 1e6),
            ]);
        }
        let stage = if tables.len() > 1 { format!("\n{}", plan.name) } else { String::new() };
        text += &format!("{stage}\n{}\n", output::render(&table));
    }
    text + &total.text()
}

/// Parameters and arithmetic in one line.
fn counts(parameters: u64, macs: u64, flops: u64) -> String {
    let [millions, giga_macs, giga_flops] =
        [parameters as f64 / 1e6, macs as f64 / 1e9, flops as f64 / 1e9];
    format!(
        "{parameters} parameters ({millions:.2} M), {giga_macs:.3} G MACs, \
         {giga_flops:.2} G FLOPs as mmclassification counts them"
    )
}

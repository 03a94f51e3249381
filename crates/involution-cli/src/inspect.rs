//! `involution inspect`: what a file of weights holds, and which network it belongs to.

use std::path::PathBuf;

use anyhow::Result;
use involution::kernels::DeviceProfile;
use involution::schedule::{Choice, Policy, Table, lower};
use involution::weights::{Loaded, strip_wrappers};
use involution::{Plan, models};
use involution_bench::adapter::Flags;
use involution_bench::output::{self, mib};
use involution_bench::{Outcome, bad_use, tensors};
use serde_json::{Value, json};

use crate::plan::{Total, flops};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// File of weights: safetensors, or what torch.save wrote; - for stdin
    file: PathBuf,
    /// List every tensor, however many there are
    #[arg(long)]
    all: bool,
}

/// Tensors that are listed without --all.
const LISTED: usize = 20;

pub fn run(_: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let place = args.file.display().to_string();
    let loaded = tensors::load(&args.file)?;
    let left_out = tensors::left_out(&loaded.skipped);
    if loaded.tensors.is_empty() {
        let left_out = left_out.map_or_else(String::new, |it| format!("; {it}"));
        let message = format!("{place} holds no tensor that could be a weight{left_out}");
        return Err(bad_use(message));
    }
    let bytes: u64 = loaded.tensors.iter().map(|(_, it)| 4 * it.data().len() as u64).sum();
    let tensors = loaded.tensors.iter();
    let skipped = loaded.skipped.iter();
    let (network, network_text) = network(&loaded)?;
    let report = json!({
        "file": place,
        "format": loaded.format.to_string(),
        "bytes": bytes,
        "wrapper": loaded.wrapper,
        "tensors": tensors
            .map(|(name, it)| json!({ "name": name, "shape": it.shape().dims() }))
            .collect::<Vec<_>>(),
        "skipped": skipped
            .map(|it| json!({ "name": it.name, "reason": it.reason }))
            .collect::<Vec<_>>(),
        "metadata": loaded.metadata,
        "network": network,
    });
    output::result(json, &report, || {
        let all = loaded.tensors.len();
        let (format, tensors) = (loaded.format, output::count(all, "tensor"));
        let mut text =
            format!("{place}: {format}, {tensors}, {:.2} MiB in single precision\n", mib(bytes));
        if !loaded.wrapper.is_empty() {
            text += &format!("  under: {}\n", loaded.wrapper.join(", "));
        }
        for (key, value) in &loaded.metadata {
            text += &format!("  {key}: {value}\n");
        }
        let shown = if args.all { all } else { LISTED.min(all) };
        let mut table = output::table(&["tensor", "shape"], 2);
        for (name, tensor) in loaded.tensors.iter().take(shown) {
            table.add_row([name.to_owned(), tensor.shape().to_string()]);
        }
        text += &format!("\n{}", output::render(&table));
        if shown < all {
            text += &format!("... and {} more: --all lists them\n", all - shown);
        }
        text + &left_out.map_or_else(String::new, |it| it + "\n") + &network_text
    })?;
    Ok(Outcome::Passed)
}

/// The network that the tensors belong to, as JSON and in words.
fn network(loaded: &Loaded) -> Result<(Value, String)> {
    let weights = strip_wrappers(loaded.tensors.clone())?;
    let Some(model) = models::recognise(&weights) else {
        let none = "\nThese are the weights of no network that is known here.\n";
        return Ok((Value::Null, none.to_owned()));
    };
    let input = model.preprocessing().input(1);
    let flops = flops(&model.plans(&input)?)?;
    let plans: Vec<Plan> = model.kept_plans(&input)?.into_iter().map(Plan::fuse).collect();
    let profile = DeviceProfile::software();
    let lowered = plans.iter().map(|plan| {
        let schedule = lower(plan, &profile, &Policy::default(), &Choice::Preferred)?;
        Table::of(plan, &schedule)
    });
    let tables = lowered.collect::<involution::Result<Vec<_>>>()?;
    let total = Total::of(model.task(), &plans, &tables, flops, profile.storage)?;
    let value = json!({
        "name": model.name(),
        "classes": model.classes(),
        "input": input.dims(),
        "results": model.results(),
        "parameters": total.parameters,
        "macs": total.macs,
        "flops": flops,
        "memory": total.memory(),
    });
    let classes = model.classes().map_or("no head".to_owned(), |n| output::count(n, "class"));
    let text = format!("\nnetwork: {}, {classes}, on {input}\n{}", model.name(), total.text());
    Ok((value, text))
}

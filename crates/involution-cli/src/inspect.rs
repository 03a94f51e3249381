//! `involution inspect`: what a file of weights holds, and which network it belongs to.

use std::path::PathBuf;

use anyhow::Result;
use involution::Shape;
use involution::models;
use involution::weights::strip_wrappers;
use serde::Serialize;

use crate::output::mib;
use crate::plan::{Memory, counts, usual};
use crate::{Outcome, bad_use, output, tensors};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// File of weights: safetensors, or what torch.save wrote; - for stdin
    file: PathBuf,
    /// List every tensor, however many there are
    #[arg(long)]
    all: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Tensors that are listed without --all.
const LISTED: usize = 20;

#[derive(Debug, Serialize)]
struct Report<'a> {
    file: &'a std::path::Path,
    format: String,
    bytes: u64,
    /// The keys that lead to the tensors.
    wrapper: &'a [String],
    tensors: Vec<Row<'a>>,
    skipped: Vec<Skipped<'a>>,
    #[serde(skip)]
    left_out: String,
    metadata: std::collections::BTreeMap<String, String>,
    network: Option<Network>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    shape: &'a [usize],
}

#[derive(Debug, Serialize)]
struct Skipped<'a> {
    name: &'a str,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct Network {
    name: &'static str,
    classes: Option<usize>,
    input: Vec<usize>,
    results: Vec<&'static str>,
    parameters: u64,
    macs: u64,
    flops: u64,
    memory: Memory,
}

fn recognised(weights: &involution::StateDict) -> Result<Option<Network>> {
    let Some((name, model)) = models::recognise(weights) else { return Ok(None) };
    let input = model.preprocessing().input(1);
    let plan = model.plan(&input)?;
    let (parameters, macs, flops) = (plan.parameters(), plan.macs()?, plan.mmcls_flops()?);
    let memory = usual(&plan.keep(&[model.output()])?.fuse())?.memory;
    Ok(Some(Network {
        name,
        classes: model.classes(),
        input: input.dims().to_vec(),
        results: model.results(),
        parameters,
        macs,
        flops,
        memory: Memory::from(&memory),
    }))
}

pub fn run(args: &Args, json: bool) -> Result<Outcome> {
    let loaded = tensors::load(&args.file)?;
    if loaded.tensors.is_empty() {
        let left_out = tensors::left_out(&loaded.skipped);
        let left_out = if left_out.is_empty() { left_out } else { format!("; {left_out}") };
        return Err(bad_use(format!(
            "{} holds no tensor that could be a weight{left_out}",
            args.file.display()
        )));
    }
    let network = recognised(&strip_wrappers(loaded.tensors.clone())?)?;
    let report = Report {
        file: &args.file,
        format: loaded.format.to_string(),
        bytes: loaded.tensors.iter().map(|(_, tensor)| 4 * tensor.data().len() as u64).sum(),
        wrapper: &loaded.wrapper,
        tensors: loaded
            .tensors
            .iter()
            .map(|(name, tensor)| Row { name, shape: tensor.shape().dims() })
            .collect(),
        skipped: loaded
            .skipped
            .iter()
            .map(|skipped| Skipped { name: &skipped.name, reason: skipped.reason })
            .collect(),
        left_out: tensors::left_out(&loaded.skipped),
        metadata: loaded.metadata.clone(),
        network,
    };
    output::print(&if json || args.json {
        output::json(&report)?
    } else {
        text(&report, args.all)
    })?;
    Ok(Outcome::Passed)
}

fn text(report: &Report<'_>, all: bool) -> String {
    let mut text = format!(
        "{}: {}, {}, {:.2} MiB in single precision\n",
        report.file.display(),
        report.format,
        output::count(report.tensors.len(), "tensor"),
        mib(report.bytes)
    );
    if !report.wrapper.is_empty() {
        text += &format!("  under: {}\n", report.wrapper.join(", "));
    }
    for (key, value) in &report.metadata {
        text += &format!("  {key}: {value}\n");
    }
    let shown = if all { report.tensors.len() } else { LISTED.min(report.tensors.len()) };
    let mut table = output::table(&["tensor", "shape"], 2);
    for row in &report.tensors[..shown] {
        table.add_row([row.name.to_owned(), Shape::new(row.shape).to_string()]);
    }
    text += &format!("\n{}", output::render(&table));
    if shown < report.tensors.len() {
        text += &format!("... and {} more: --all lists them\n", report.tensors.len() - shown);
    }
    if !report.left_out.is_empty() {
        text += &format!("{}\n", report.left_out);
    }
    match &report.network {
        None => text + "\nThese are the weights of no network that is known here.\n",
        Some(network) => {
            let classes =
                network.classes.map_or("no head".to_owned(), |n| output::count(n, "class"));
            text + &format!(
                "\nnetwork: {}, {classes}, on {}\n{}\ndevice memory at the peak {:.1} MiB\n",
                network.name,
                Shape::new(network.input.clone()),
                counts(network.parameters, network.macs, network.flops),
                mib(network.memory.peak)
            )
        }
    }
}

//! What the commands on networks and layers share: the network, its weights, and a run on a GPU or the reference.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use involution::gpu::{Network, Progress};
use involution::models::{self, Model};
use involution::weights::strip_wrappers;
use involution::{Layer, Shape, StateDict, Tensor, reference};
use involution_bench::adapter::{Flags, Runner};
use involution_bench::{bad_use, output, tensors};

/// The network that is used where none is named.
pub const DEFAULT: &str = "rednet_digits";

/// A network with its weights.
pub struct Weighted {
    pub name: String,
    pub model: Box<dyn Model>,
    pub weights: StateDict,
}

/// The network of this name with the weights of this file. Without a name it is the one that the weights
/// belong to; without a file, the one that comes with the crate.
pub fn load(name: Option<&str>, file: Option<&Path>) -> Result<Weighted> {
    let Some(file) = file else {
        let name = name.unwrap_or(DEFAULT).to_owned();
        let model = models::by_name(&name, None)?;
        if name != DEFAULT {
            let only = format!("only {DEFAULT} comes with its weights");
            let published = model.published().map(|place| format!("; those of {name} are {place}"));
            let published = published.unwrap_or_default();
            return Err(bad_use(format!("--weights FILE is missing: {only}{published}")));
        }
        return Ok(Weighted { name, model, weights: models::digits_weights()? });
    };
    let (weights, skipped) = tensors::load_weights(file)?;
    let left_out = tensors::left_out(&skipped).filter(|it| !it.contains("(holds integers)"));
    let left_out = left_out.map_or_else(String::new, |it| format!("; {it}"));
    let place = file.display();
    let Some(name) = name else {
        if let Some(model) = models::recognise(&weights) {
            return Ok(Weighted { name: model.name(), model, weights });
        }
        if let Some(Err(error)) = models::resembling(&weights).map(|it| it.check_weights(&weights))
        {
            return Err(bad_use(format!("{place}: {error}{left_out}")));
        }
        let all = || weights.common_prefix().map(|it| format!("; all names begin with '{it}'"));
        let hint = prefix(&weights, |inner| models::recognise(inner).is_some()).or_else(all);
        return Err(bad_use(format!(
            "{place} holds the weights of no network that is known ({}){}; --model NAME tells what they lack \
             for one{left_out}",
            models::names().join(", "),
            hint.unwrap_or_default(),
        )));
    };
    models::by_name(name, None)?;
    let fitting = |weights: &StateDict| {
        let model = models::by_name(name, Some(weights))?;
        model.check_weights(weights).map(|()| model)
    };
    let model = fitting(&weights).map_err(|error| {
        let hint = prefix(&weights, |inner| fitting(inner).is_ok()).unwrap_or_default();
        bad_use(format!("{place}: {error}{hint}{left_out}"))
    })?;
    Ok(Weighted { name: name.to_owned(), model, weights })
}

/// The prefix that tensors which fit have in front of their names, where others stand beside them.
fn prefix(weights: &StateDict, fits: impl Fn(&StateDict) -> bool) -> Option<String> {
    let firsts = weights.names().filter_map(|name| name.split_inclusive('.').next());
    let firsts: BTreeSet<&str> = firsts.collect();
    let prefix = firsts
        .into_iter()
        .find(|first| strip_wrappers(weights.below(first)).is_ok_and(|inner| fits(&inner)))?;
    Some(format!("; those that fit have the prefix '{prefix}': save them alone"))
}

/// Runs a layer on what there is to run on, writes the results of these names to a file, and gives both.
pub fn through(
    flags: &Flags,
    layer: Box<dyn Layer>,
    weights: StateDict,
    x: &Tensor,
    outputs: &[&str],
    file: &Path,
) -> Result<(Runner, Vec<(String, Tensor)>)> {
    let runner = flags.open()?;
    let ready = Ready::new(&runner, layer, weights)?;
    ready.prepare(x.shape(), outputs)?;
    let results = ready.run(x, outputs)?;
    tensors::write(file, results.iter().map(|(name, tensor)| (name.as_str(), tensor)))?;
    Ok((runner, results))
}

/// A layer with its weights, ready to run.
pub enum Ready {
    Gpu(Network),
    Reference { layer: Box<dyn Layer>, weights: StateDict },
}

impl Ready {
    /// Brings a layer to what there is to run on.
    pub fn new(runner: &Runner, layer: Box<dyn Layer>, weights: StateDict) -> Result<Self> {
        match runner {
            Runner::Gpu(gpu) => Ok(Ready::Gpu(gpu.load_shared(layer.into(), weights)?)),
            Runner::Reference => {
                layer.example_plan()?.check_weights(&weights)?;
                Ok(Ready::Reference { layer, weights })
            }
        }
    }

    /// Makes everything ready for inputs of this shape, with a bar for as long as kernels compile.
    pub fn prepare(&self, x: &Shape, outputs: &[&str]) -> Result<()> {
        let Ready::Gpu(network) = self else { return Ok(()) };
        let bar = output::progress("compiling", 0);
        let prepared = network.prepare_with(x, outputs, |Progress { done, total, kernel }| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            bar.set_message(kernel);
        });
        bar.finish_and_clear();
        prepared?;
        // For want of it, the next command waits as long as this one did.
        if let Err(error) = network.gpu().save_pipeline_cache() {
            output::say(format!("warning: {error}"));
        }
        Ok(())
    }

    /// The results of these names.
    pub fn run(&self, x: &Tensor, outputs: &[&str]) -> Result<Vec<(String, Tensor)>> {
        Ok(match self {
            Ready::Gpu(network) => network.run_for(x, outputs)?,
            Ready::Reference { layer, weights } => {
                let plan = layer.plan(x.shape())?.keep(outputs)?;
                reference::run_plan(&plan, weights, &[x])?
            }
        })
    }
}

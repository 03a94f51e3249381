//! What the commands on networks share: which network, its weights, and running it wherever there is.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use involution::gpu::{Network, Progress};
use involution::models::{self, Model};
use involution::weights;
use involution::{Layer, Shape, StateDict, Tensor, reference};

use crate::adapter::Runner;
use crate::{bad_use, output, tensors};

/// Prefixes of names that are looked behind.
const PREFIXES: usize = 8;

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
        return match name {
            None | Some(DEFAULT) => {
                let model = models::by_name(DEFAULT, None)?;
                let weights = models::digits_weights()?;
                Ok(Weighted { name: DEFAULT.to_owned(), model, weights })
            }
            Some(name) => {
                models::by_name(name, None)?;
                Err(bad_use(format!(
                    "--weights FILE is missing: only {DEFAULT} comes with its weights"
                )))
            }
        };
    };
    let loaded = tensors::load(file)?;
    let left_out = match tensors::left_out(&loaded.skipped) {
        nothing if nothing.is_empty() || nothing.contains("(holds integers)") => String::new(),
        left_out => format!("; {left_out}"),
    };
    let weights =
        weights::strip_wrappers(loaded.tensors).with_context(|| file.display().to_string())?;
    let (name, model) = match name {
        Some(name) => (name.to_owned(), models::by_name(name, Some(&weights))?),
        None => match models::recognise(&weights) {
            Some((name, model)) => (name.to_owned(), model),
            None => {
                let behind = behind(&weights, |inner| models::recognise(inner).is_some());
                let all =
                    || weights.common_prefix().map(|it| format!("; all names begin with '{it}'"));
                return Err(bad_use(format!(
                    "{} holds the weights of no network that is known ({}){}; --model NAME says what they \
                     lack for one{left_out}",
                    file.display(),
                    models::MODELS.join(", "),
                    behind.or_else(all).unwrap_or_default(),
                )));
            }
        },
    };
    let plan = model.example_plan()?;
    plan.check_weights(&weights).map_err(|error| {
        let fits = |inner: &StateDict| {
            let model = models::by_name(&name, Some(inner))?;
            model.example_plan()?.check_weights(inner)
        };
        let behind = behind(&weights, |inner| fits(inner).is_ok()).unwrap_or_default();
        bad_use(format!("{}: {error}{behind}{left_out}", file.display()))
    })?;
    Ok(Weighted { name, model, weights })
}

/// The prefix that tensors which fit have in front of their names, where others stand beside them.
fn behind(weights: &StateDict, fits: impl Fn(&StateDict) -> bool) -> Option<String> {
    let firsts = weights.names().filter_map(|name| name.split_inclusive('.').next());
    let firsts: BTreeSet<&str> = firsts.collect();
    let prefix = firsts.into_iter().take(PREFIXES).find(|first| {
        weights::strip_wrappers(weights.below(first)).is_ok_and(|inner| fits(&inner))
    })?;
    Some(format!("; those that fit have the prefix '{prefix}': save them alone"))
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
        let bar = output::progress("compiling");
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

//! One name for each tensor of a network, whoever saved it.

use std::collections::BTreeMap;

use crate::error::WeightsError;
use crate::tensor::StateDict;

/// Names that tools give a network, or a part of it, that they wrap: nothing else is called so.
const WRAPPED: [&str; 3] = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// Prefixes that tools put before every name of a network.
const TOOLS: [&str; 4] = ["module.", "model.", "_module.", BACKBONE];

/// What OpenMMLab puts before the names of a network without its head.
const BACKBONE: &str = "backbone.";

/// The head of an image classifier in OpenMMLab, and what it is called in torchvision.
const HEAD: (&str, &str) = ("head.fc.", "fc.");

/// The tensors under the names that a bare network has for them.
///
/// Taken away are, in any order and as often as they stand there:
///
/// * wherever in a name, `_orig_mod.` (`torch.compile`), `_fsdp_wrapped_module.` and
///   `_checkpoint_wrapped_module.`;
/// * at the front, where all names share them, `module.` (`DataParallel`), `model.` (PyTorch Lightning) and
///   `_module.` (Opacus);
/// * at the front, `backbone.` (OpenMMLab).
///
/// `head.fc.` becomes `fc.`. So a RedNet or ResNet comes out the same from OpenMMLab, with or without its
/// backbone's name, and from torchvision, whose names are the ones used here. Two tensors that would come to
/// the same name are an error.
pub fn strip_wrappers(tensors: StateDict) -> Result<StateDict, WeightsError> {
    let names: Vec<String> = tensors.names().map(unwrapped).collect();
    let shared = shared(&names);
    let mut bare = StateDict::new();
    let mut origins = BTreeMap::new();
    for (name, (second, tensor)) in names.iter().zip(tensors) {
        let name = torchvision(name.get(shared..).unwrap_or(name));
        if let Some(first) = origins.remove(&name) {
            return Err(WeightsError::NameCollision { name, first, second });
        }
        origins.insert(name.clone(), second);
        bare.insert(name, tensor);
    }
    Ok(bare)
}

/// The name without those that tools give to what they wrap.
fn unwrapped(name: &str) -> String {
    let mut rest = String::with_capacity(name.len());
    for part in name.split_inclusive('.') {
        if !part.strip_suffix('.').is_some_and(|part| WRAPPED.contains(&part)) {
            rest.push_str(part);
        }
    }
    if rest.is_empty() { name.to_owned() } else { rest }
}

/// Bytes of the prefixes of tools that all names share.
fn shared(names: &[String]) -> usize {
    let mut end = 0;
    let shares = |end: usize, prefix: &str| {
        names.iter().all(|name| name.get(end..).and_then(|name| behind(prefix, name)).is_some())
    };
    while let Some(prefix) = TOOLS.iter().find(|prefix| shares(end, prefix) && !names.is_empty()) {
        end += prefix.len();
    }
    end
}

/// The name that torchvision has for a tensor of OpenMMLab.
fn torchvision(name: &str) -> String {
    let name = behind(BACKBONE, name).unwrap_or(name);
    behind(HEAD.0, name).map_or_else(|| name.to_owned(), |rest| format!("{}{rest}", HEAD.1))
}

/// What follows a prefix, where something does.
fn behind<'a>(prefix: &str, name: &'a str) -> Option<&'a str> {
    name.strip_prefix(prefix).filter(|rest| !rest.is_empty())
}

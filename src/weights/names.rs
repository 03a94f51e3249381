//! The same network under the same names, whoever saved it.

use std::collections::BTreeMap;

use crate::error::WeightsError;
use crate::state_dict::StateDict;

/// Prefixes that wrappers put before every name of what they wrap.
const WRAPPERS: [&str; 3] = ["module.", "_orig_mod.", "backbone."];

/// The head of an image classifier in OpenMMLab, and what it is called in torchvision.
const HEAD: (&str, &str) = ("head.fc.", "fc.");

/// The tensors under the names that a bare network has for them.
///
/// Taken away, as often as they stand at the front, are `module.` (`DataParallel`), `_orig_mod.`
/// (`torch.compile`) and `backbone.` (OpenMMLab); `head.fc.` becomes `fc.`. So a RedNet or ResNet comes
/// out the same from OpenMMLab, with or without its backbone's name, and from torchvision, whose names
/// are the ones used here. Two tensors that would come to the same name are an error.
pub fn strip_wrappers(tensors: StateDict) -> Result<StateDict, WeightsError> {
    let mut bare = StateDict::new();
    let mut origins = BTreeMap::new();
    for (second, tensor) in tensors {
        let name = canonical(&second);
        if let Some(first) = origins.remove(&name) {
            return Err(WeightsError::NameCollision { name, first, second });
        }
        origins.insert(name.clone(), second);
        bare.insert(name, tensor);
    }
    Ok(bare)
}

/// The name without what wrappers put before it.
fn canonical(name: &str) -> String {
    let mut rest = name;
    while let Some(inner) = WRAPPERS.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        if inner.is_empty() {
            break;
        }
        rest = inner;
    }
    match rest.strip_prefix(HEAD.0) {
        Some(inner) if !inner.is_empty() => format!("{}{inner}", HEAD.1),
        _ => rest.to_owned(),
    }
}

//! The environment of the process, put right before anything looks at it: what drivers and their layers take from it
//! would otherwise show as errors that are none, or as files in the folder at hand.

use std::path::Path;
use std::sync::OnceLock;

use serde::Serialize;

/// A variable that this program set (`now`) or removed for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub variable: &'static str,
    pub before: Option<String>,
    pub now: Option<&'static str>,
    pub why: &'static str,
}

static CHANGES: OnceLock<Vec<Change>> = OnceLock::new();

/// What was changed.
pub fn changes() -> &'static [Change] {
    CHANGES.get().map_or(&[], Vec::as_slice)
}

/// Puts the environment right. Has to be the first call of `main`: it may not change while another thread reads it.
#[allow(unsafe_code)]
pub fn settle() {
    let changes = needed(|name| std::env::var_os(name).map(|it| it.to_string_lossy().into_owned()));
    for Change { variable, now, .. } in &changes {
        // SAFETY: this is the first call of `main`, which has started no thread.
        match now {
            Some(value) => unsafe { std::env::set_var(variable, value) },
            None => unsafe { std::env::remove_var(variable) },
        }
    }
    let _ = CHANGES.set(changes);
}

/// What has to change where variables have these values.
fn needed(value: impl Fn(&str) -> Option<String>) -> Vec<Change> {
    let mut changes = Vec::new();
    if !cfg!(unix) {
        return changes;
    }
    let relative = |name: &str| value(name).filter(|it| !Path::new(it).is_absolute());
    for variable in ["XDG_CACHE_HOME", "HOME"] {
        // Mesa would keep its compiled shaders in the folder at hand.
        if let Some(before) = relative(variable) {
            let why = "a relative path counts for nothing, as the XDG specification has it";
            changes.push(Change { variable, before: Some(before), now: None, why });
        }
    }
    let unset = |name: &str| value(name).is_none_or(|it| it.is_empty());
    let headless = unset("XDG_RUNTIME_DIR") || relative("XDG_RUNTIME_DIR").is_some();
    let chosen = ["NODEVICE_SELECT", "MESA_VK_DEVICE_SELECT", "VK_LOADER_LAYERS_ENABLE"];
    if headless && chosen.into_iter().all(unset) {
        changes.push(Change {
            variable: "NODEVICE_SELECT",
            before: value("NODEVICE_SELECT"),
            now: Some("1"),
            why: "Mesa's layer that chooses a device would complain of XDG_RUNTIME_DIR",
        });
    }
    changes
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn changed(variables: &[(&str, &str)]) -> Vec<(&'static str, Option<&'static str>)> {
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        needed(value).into_iter().map(|change| (change.variable, change.now)).collect()
    }

    #[test]
    fn the_layer_is_off_where_it_would_complain_and_nobody_asks_for_it() {
        let off = [("NODEVICE_SELECT", Some("1"))];
        for headless in [
            &[][..],
            &[("XDG_RUNTIME_DIR", "")],
            &[("XDG_RUNTIME_DIR", "run")],
            &[("DISPLAY", ":0"), ("NODEVICE_SELECT", "")],
        ] {
            assert_eq!(changed(headless), off, "{headless:?}");
        }
        for (name, value) in [
            ("XDG_RUNTIME_DIR", "/run/user/1000"),
            ("NODEVICE_SELECT", "1"),
            ("MESA_VK_DEVICE_SELECT", "list"),
            ("VK_LOADER_LAYERS_ENABLE", "*"),
        ] {
            assert_eq!(changed(&[(name, value)]), [], "{name}={value}");
        }
    }

    #[test]
    fn relative_homes_are_removed() {
        let set = ("XDG_RUNTIME_DIR", "/run/user/1000");
        assert_eq!(changed(&[set, ("HOME", "/home/me"), ("XDG_CACHE_HOME", "/cache")]), []);
        for path in ["", "cache", "./cache", "~/cache"] {
            let variables = [set, ("HOME", path), ("XDG_CACHE_HOME", path)];
            assert_eq!(changed(&variables), [("XDG_CACHE_HOME", None), ("HOME", None)], "{path}");
        }
    }
}

//! From what a pickle leaves to named tensors.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Loaded;
use super::super::collect::Collector;
use super::super::element::Element;
use super::super::limits::{Limits, check, clip};
use super::value::{Heap, TensorView, Value};
use super::view::Layout;
use super::{Result, Storages};
use crate::error::{BadView, WeightsError, WeightsLimit};

/// Keys under which training programs put a state dict, the likeliest first.
const WRAPPERS: [&str; 9] = [
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "ema_state_dict",
    "state_dict_ema",
    "ema",
];

/// How many of these keys may lie within each other.
const DEPTH: usize = 3;

/// The tensors below the root of a pickle.
pub(super) fn collect<'a>(
    root: Value<'a>,
    heap: &Heap<'a>,
    storages: &impl Storages<'a>,
    limits: &Limits,
    mut found: Collector<'_>,
) -> Result<Loaded> {
    let located = locate(heap, root, DEPTH, &mut BTreeSet::new());
    let Some((path, state)) = located else {
        let found = describe(heap, root).to_owned();
        return Err(WeightsError::NoStateDict { found });
    };
    let pairs = heap.dict(state).unwrap_or_default();
    check("the state dict", WeightsLimit::Tensors, pairs.len() as u64, limits.tensors)?;
    // As in Python, the last of equal keys counts.
    let mut named = BTreeMap::new();
    for &(key, value) in pairs {
        match key {
            Value::Text(name) => {
                named.insert(name, value);
            }
            _ => found.skip("", "its key is not a text"),
        }
    }
    for (name, value) in named {
        found.name(name)?;
        match heap.tensor(value) {
            Some(view) => tensor(name, view, heap, storages, limits, &mut found)?,
            None => found.skip(name, "is not a tensor"),
        }
    }
    if let Some(&(first, _)) = path.first() {
        say(heap, root, first, &mut found);
    }
    path.iter().for_each(|(key, _)| found.under(key));
    Ok(found.finish())
}

/// A key and what lies under it.
type Step<'a> = (&'a str, Value<'a>);

/// The dictionary with the tensors, and the way to it. Each dictionary is looked at once.
fn locate<'a>(
    heap: &Heap<'a>,
    value: Value<'a>,
    depth: usize,
    seen: &mut BTreeSet<usize>,
) -> Option<(Vec<Step<'a>>, Value<'a>)> {
    let pairs = heap.dict(value)?;
    match value {
        Value::Object(place) if seen.insert(place) => {}
        _ => return None,
    }
    let mut inner = [None; WRAPPERS.len()];
    let mut has_tensors = false;
    for &(key, below) in pairs {
        has_tensors |= heap.tensor(below).is_some();
        if let Value::Text(key) = key
            && let Some((wrapper, slot)) =
                WRAPPERS.iter().zip(&mut inner).find(|(wrapper, _)| **wrapper == key)
        {
            *slot = Some((*wrapper, below));
        }
    }
    if depth > 0 {
        for (key, below) in inner.into_iter().flatten() {
            if let Some((mut path, state)) = locate(heap, below, depth - 1, seen) {
                path.insert(0, (key, below));
                return Some((path, state));
            }
        }
    }
    has_tensors.then_some((Vec::new(), value))
}

/// What there is instead of a state dict.
fn describe<'a>(heap: &Heap<'a>, root: Value<'a>) -> &'static str {
    if heap.dict(root).is_some_and(<[_]>::is_empty) {
        "an empty dictionary"
    } else if heap.dict(root).is_some() {
        "a dictionary without tensors"
    } else if heap.tensor(root).is_some() {
        "a tensor without a name"
    } else if heap.sequence(root).is_some() {
        "a list or tuple"
    } else {
        "a plain value"
    }
}

/// Keeps the short plain values beside the state dict: `epoch`, and those in `meta`.
fn say<'a>(heap: &Heap<'a>, root: Value<'a>, wrapper: &str, found: &mut Collector<'_>) {
    for &(key, value) in heap.dict(root).unwrap_or_default() {
        let Value::Text(key) = key else { continue };
        if let Some(text) = plain(value) {
            found.say(key, &text);
        } else if key == "meta" && key != wrapper {
            for &(key, value) in heap.dict(value).unwrap_or_default() {
                if let (Value::Text(key), Some(text)) = (key, plain(value)) {
                    found.say(&format!("meta.{key}"), &text);
                }
            }
        }
    }
}

fn plain(value: Value<'_>) -> Option<std::borrow::Cow<'_, str>> {
    Some(match value {
        Value::Text(text) => text.into(),
        Value::Int(value) => value.to_string().into(),
        Value::Float(value) => value.to_string().into(),
        Value::Bool(value) => value.to_string().into(),
        _ => return None,
    })
}

/// Adds a tensor, or the reason why it is left out.
fn tensor<'a>(
    name: &str,
    view: &TensorView,
    heap: &Heap<'a>,
    storages: &impl Storages<'a>,
    limits: &Limits,
    found: &mut Collector<'_>,
) -> Result<()> {
    let failed = |problem| WeightsError::View { name: clip(name), problem };
    let storage = heap.storage(Value::Object(view.storage));
    let storage = storage.ok_or_else(|| failed(BadView::MissingStorage))?;
    if let Element::Other(_, reason) = storage.element {
        found.skip(name, reason);
        return Ok(());
    }
    let Some(layout) = Layout::of(heap, view, limits.dimensions).map_err(failed)? else {
        let sizes = heap.sequence(Value::Object(view.sizes)).unwrap_or_default();
        return check(name, WeightsLimit::Dimensions, sizes.len() as u64, limits.dimensions);
    };
    let bytes = storages.bytes(name, storage)?;
    layout.check(storage.count).map_err(failed)?;
    found.elements(name, &layout.sizes)?;
    let values = layout.gather(bytes, storage.element, storages.order());
    let values = values.ok_or_else(|| failed(BadView::OutOfRange))?;
    found.tensor(name, &layout.sizes, values)
}

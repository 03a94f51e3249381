//! From what a pickle leaves to named tensors.

use std::collections::{BTreeMap, BTreeSet};

use super::storages::Storages;
use super::value::{Heap, Tensor, TensorView, Value};
use super::view::Layout;
use crate::error::{BadView, LISTED, WeightsError, WeightsLimit};
use crate::weights::collect::Collector;
use crate::weights::element::Element;
use crate::weights::limits::{Limits, Result, check, clip};
use crate::weights::loaded::Loaded;

/// Keys under which training programs put a state dict, the likeliest first: the averages of weights come
/// after the weights themselves.
const WRAPPERS: [&str; 16] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "params",
    "ema_state_dict",
    "state_dict_ema",
    "ema_state",
    "ema_model",
    "model_ema",
    "params_ema",
    "ema_params",
    "ema",
];

/// Parts of the keys of what training programs keep beside a network.
const TRAINING: [&str; 6] = ["optim", "sched", "scaler", "rng", "random", "grad"];

/// How many keys may lie within each other.
const DEPTH: usize = 3;

/// The tensors below the root of a pickle.
pub(super) fn collect<'a>(
    root: Value<'a>,
    heap: &Heap<'a>,
    storages: &Storages<'a>,
    limits: &Limits,
    mut found: Collector<'_>,
) -> Result<Loaded> {
    let located = locate(heap, root, DEPTH, &mut BTreeSet::new());
    let (path, state) = match located {
        Some((path, state)) if !path.is_empty() || has_weights(heap, state) => (path, state),
        _ => only(heap, root)?,
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
            _ => found.skip(&shown(heap, key), "its key is not a text"),
        }
    }
    for (name, value) in named {
        found.name(name)?;
        match heap.tensor(value) {
            Some(Tensor::View(view)) => tensor(name, view, heap, storages, limits, &mut found)?,
            Some(Tensor::LeftOut(reason)) => found.skip(name, reason),
            None => found.skip(name, "is not a tensor"),
        }
    }
    if let Some(&first) = path.first() {
        say(heap, root, first, &mut found);
    }
    path.iter().for_each(|key| found.under(key));
    Ok(found.finish())
}

/// A dictionary, and the keys that lead to it.
type Place<'a> = (Vec<&'a str>, Value<'a>);

/// The dictionary with the tensors under keys that are known, or the root. Each dictionary is looked at
/// one time.
fn locate<'a>(
    heap: &Heap<'a>,
    value: Value<'a>,
    depth: usize,
    seen: &mut BTreeSet<usize>,
) -> Option<Place<'a>> {
    let pairs = heap.dict(value)?;
    match value {
        Value::Object(place) if seen.insert(place) => {}
        _ => return None,
    }
    let mut inner = [None; WRAPPERS.len()];
    let mut has_tensors = false;
    for &(key, below) in pairs {
        let Value::Text(key) = key else { continue };
        has_tensors |= heap.tensor(below).is_some();
        if let Some((wrapper, slot)) =
            WRAPPERS.iter().zip(&mut inner).find(|(wrapper, _)| **wrapper == key)
        {
            *slot = Some((*wrapper, below));
        }
    }
    if depth > 0 {
        for (key, below) in inner.into_iter().flatten() {
            if let Some((mut path, state)) = locate(heap, below, depth - 1, seen) {
                path.insert(0, key);
                return Some((path, state));
            }
        }
    }
    has_tensors.then_some((Vec::new(), value))
}

/// The only dictionary with weights, whatever the keys that lead to it; where there is none with weights,
/// the only one with tensors.
fn only<'a>(heap: &Heap<'a>, root: Value<'a>) -> Result<Place<'a>> {
    let (mut places, mut others) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let mut level: Vec<Place<'a>> = vec![(Vec::new(), root)];
    for _ in 0..=DEPTH {
        let mut next = Vec::new();
        for (path, value) in level {
            let pairs = heap.dict(value).unwrap_or_default();
            if has_weights(heap, value) {
                places.push((path, value));
                continue;
            }
            for &(key, below) in pairs {
                let (Value::Text(key), Value::Object(place)) = (key, below) else { continue };
                let training = TRAINING.iter().any(|part| key.contains(part));
                if !training && heap.dict(below).is_some() && seen.insert(place) {
                    next.push(([&path[..], &[key]].concat(), below));
                }
            }
            if named_tensors(heap, value).next().is_some() {
                others.push((path, value));
            }
        }
        level = next;
    }
    if places.is_empty() {
        // The root alone, where it has some.
        let at_top = others.first().is_some_and(|(path, _)| path.is_empty());
        others.truncate(if at_top { 1 } else { others.len() });
        places = others;
    }
    match <[_; 1]>::try_from(places) {
        Ok([place]) => Ok(place),
        Err(places) if places.is_empty() => {
            Err(WeightsError::NoStateDict { found: describe(heap, root) })
        }
        Err(places) => {
            let shown = |(path, _): &Place<'_>| {
                path.iter().map(|key| format!("['{}']", clip(key))).collect::<String>()
            };
            let keys = places.iter().take(LISTED).map(shown).collect();
            Err(WeightsError::SeveralStateDicts { keys, count: places.len() })
        }
    }
}

/// The tensors of a dictionary whose keys are texts.
fn named_tensors<'h, 'a>(
    heap: &'h Heap<'a>,
    value: Value<'a>,
) -> impl Iterator<Item = &'h Tensor> + use<'h, 'a> {
    let pairs = heap.dict(value).unwrap_or_default().iter();
    pairs.filter_map(|&(key, below)| heap.tensor(below).filter(|_| matches!(key, Value::Text(_))))
}

/// Whether a dictionary has tensors that may be weights: more than single numbers or integers, as
/// counters and losses are.
fn has_weights<'a>(heap: &Heap<'a>, value: Value<'a>) -> bool {
    named_tensors(heap, value).any(|tensor| match tensor {
        Tensor::LeftOut(_) => true,
        Tensor::View(view) => {
            let sizes = heap.sequence(Value::Object(view.sizes));
            !matches!(view.element, Element::Other(..)) && sizes.is_some_and(|it| !it.is_empty())
        }
    })
}

/// What there is instead of a state dict.
fn describe<'a>(heap: &Heap<'a>, root: Value<'a>) -> String {
    let Some(pairs) = heap.dict(root) else {
        let found = match heap.tensor(root) {
            Some(_) => "a tensor without a name",
            None if heap.sequence(root).is_some() => "a list or tuple",
            None => "a plain value",
        };
        return found.to_owned();
    };
    let mut keys: Vec<String> = Vec::new();
    let mut more = "";
    for &(key, _) in pairs {
        let key = shown(heap, key);
        if keys.contains(&key) {
            continue;
        }
        if keys.len() == LISTED {
            more = " and more";
            break;
        }
        keys.push(key);
    }
    let named = pairs.iter().any(|(key, _)| matches!(key, Value::Text(_)));
    let tensors = pairs.iter().any(|&(_, below)| heap.tensor(below).is_some());
    match keys.as_slice() {
        [] => "an empty dictionary".to_owned(),
        keys => {
            let what = if tensors && !named { "tensors that have no names" } else { "no tensors" };
            let word = if keys.len() == 1 { "key" } else { "keys" };
            format!("a dictionary with {what}, with the {word} {}{more},", keys.join(", "))
        }
    }
}

/// Items of a tuple that a key shows.
const ITEMS: usize = 4;

/// A key that is no text, as Python would print it.
fn shown<'a>(heap: &Heap<'a>, key: Value<'a>) -> String {
    let one = |key: Value<'a>| match key {
        Value::None => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Text(text) => format!("'{}'", clip(text)),
        Value::Bytes(bytes) => {
            format!("b'{}'", clip(&String::from_utf8_lossy(bytes.get(..64).unwrap_or(bytes))))
        }
        _ => plain(key).map_or_else(|| "...".to_owned(), |text| text.into_owned()),
    };
    match heap.tuple(key) {
        Some(items) => {
            let mut shown: Vec<String> = items.iter().take(ITEMS).map(|&item| one(item)).collect();
            if items.len() > ITEMS {
                shown.push("...".to_owned());
            }
            format!("({})", shown.join(", "))
        }
        None => one(key),
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
    storages: &Storages<'a>,
    limits: &Limits,
    found: &mut Collector<'_>,
) -> Result<()> {
    let failed = |problem| WeightsError::View { name: clip(name), problem };
    let storage = heap.storage(Value::Object(view.storage));
    let storage = storage.ok_or_else(|| failed(BadView::MissingStorage))?;
    if let Element::Other(_, reason) = view.element {
        found.skip(name, reason);
        return Ok(());
    }
    let Some(layout) = Layout::of(heap, view, limits.dimensions).map_err(failed)? else {
        let sizes = heap.sequence(Value::Object(view.sizes)).unwrap_or_default();
        return check(name, WeightsLimit::Dimensions, sizes.len() as u64, limits.dimensions);
    };
    let bytes = storages.bytes(name, storage)?;
    let storage = storage.of(view.element);
    layout.check(storage.count).map_err(failed)?;
    found.elements(name, &layout.sizes)?;
    let values = layout.gather(bytes, storage.element, storages.order);
    let mut values = values.ok_or_else(|| failed(BadView::OutOfRange))?;
    if view.negative {
        values.iter_mut().for_each(|value| *value = -*value);
    }
    found.tensor(name, &layout.sizes, values)
}

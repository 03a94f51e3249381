//! What a pickle makes by calls, from data alone.

use super::globals::Global;
use super::value::{Heap, Object, Storage, Tensor, TensorView, Value};
use crate::error::{WeightsError, WeightsLimit};
use crate::weights::element::left_out;
use crate::weights::limits::{Limits, Result, check};

/// What a call of a known name, at this byte of the pickle, makes of its arguments.
pub(super) fn call<'a>(
    heap: &mut Heap<'a>,
    callee: Value<'a>,
    arguments: Value<'a>,
    at: usize,
    limits: &Limits,
) -> Result<Value<'a>> {
    let wrong = || unsound(at, "a call with the wrong arguments");
    let Value::Global(callee) = callee else {
        return Err(unsound(at, "a call of something that is not a name"));
    };
    let Some(arguments) = heap.tuple(arguments) else {
        return Err(unsound(at, "a call without a tuple"));
    };
    let made = match (callee, arguments) {
        (Global::Opaque, _) => return Ok(Value::Opaque),
        (Global::OrderedDict, []) => Object::Dict(Vec::new()),
        (Global::OrderedDict, &[list]) => {
            let count = heap.sequence(list).ok_or_else(wrong)?.len();
            heap.copy(count, limits.objects)?;
            let list = heap.sequence(list).unwrap_or_default().iter();
            let pairs = list.map(|&pair| match heap.sequence(pair) {
                Some(&[key, value]) => Ok((key, value)),
                _ => Err(wrong()),
            });
            Object::Dict(pairs.collect::<Result<_>>()?)
        }
        (Global::RebuildTensor, &[storage, offset, sizes, strides]) => {
            view(heap, [storage, offset, sizes, strides]).ok_or_else(wrong)?.into()
        }
        (Global::RebuildTensorV2, &[storage, offset, sizes, strides, _, _, ref about @ ..])
            if about.len() <= 1 =>
        {
            let view = view(heap, [storage, offset, sizes, strides]).ok_or_else(wrong)?;
            TensorView { negative: is_negative(heap, about), ..view }.into()
        }
        (
            Global::RebuildTensorV3,
            &[
                storage,
                offset,
                sizes,
                strides,
                _,
                _,
                Value::Global(Global::Type(element)),
                ref about @ ..,
            ],
        ) if about.len() <= 1 => {
            let view = view(heap, [storage, offset, sizes, strides]).ok_or_else(wrong)?;
            TensorView { element, negative: is_negative(heap, about), ..view }.into()
        }
        // PyTorch never puts one into another, and this one must not go deep.
        (Global::FromType, &[callee, _, arguments, _])
            if callee != Value::Global(Global::FromType) =>
        {
            return call(heap, callee, arguments, at, limits);
        }
        (Global::Tensor | Global::Parameter, []) => {
            Object::Tensor(Tensor::LeftOut(left_out::EMPTY))
        }
        (Global::LeftOut(reason), _) => Object::Tensor(Tensor::LeftOut(reason)),
        (Global::Parameter, &[tensor, ..]) if arguments.len() <= 4 => {
            return heap.tensor(tensor).map(|_| tensor).ok_or_else(wrong);
        }
        (Global::Size, &[sizes]) => return heap.sequence(sizes).map(|_| sizes).ok_or_else(wrong),
        _ => return Err(wrong()),
    };
    heap.add(made, limits.objects)
}

/// The error for a pickle that is wrong at this byte.
pub(super) fn unsound(at: usize, reason: &'static str) -> WeightsError {
    WeightsError::Pickle { at: at as u64, reason }
}

/// How a tensor of these looks at its storage.
fn view<'a>(heap: &Heap<'a>, parts: [Value<'a>; 4]) -> Option<TensorView> {
    let [storage, Value::Int(offset), sizes, strides] = parts else { return None };
    let element = heap.storage(storage)?.element;
    heap.sequence(sizes)?;
    heap.sequence(strides)?;
    let [Value::Object(storage), Value::Object(sizes), Value::Object(strides)] =
        [storage, sizes, strides]
    else {
        return None;
    };
    Some(TensorView { storage, element, negative: false, offset, sizes, strides })
}

/// Whether what is said about a tensor is that its values stand for their negatives.
fn is_negative<'a>(heap: &Heap<'a>, about: &[Value<'a>]) -> bool {
    let negative = (Value::Text("neg"), Value::Bool(true));
    let about = about.first().and_then(|&about| heap.dict(about));
    about.is_some_and(|about| about.contains(&negative))
}

/// Gives a tensor its state: where it looks, or the tensor that a variable stood for. Anything else says
/// something about gradients.
pub(super) fn set_state<'a>(heap: &mut Heap<'a>, target: Value<'a>, state: Value<'a>) {
    let tensor = match heap.tuple(state) {
        Some(&[storage, offset, sizes, strides]) => {
            view(heap, [storage, offset, sizes, strides]).map(Object::from)
        }
        Some(&[data, _, _, _, _]) => heap.tensor(data).cloned().map(Object::Tensor),
        _ => None,
    };
    if let (Some(tensor), Some(target)) = (tensor, heap.get_mut(target)) {
        *target = tensor;
    }
}

/// The storage that a persistent id, at this byte of the pickle, speaks of.
pub(super) fn storage<'a>(
    heap: &Heap<'a>,
    id: Value<'a>,
    at: usize,
    limits: &Limits,
) -> Result<Storage<'a>> {
    let wrong = || unsound(at, "an outside object that is not a storage");
    let Some(&[Value::Text("storage"), kind, key, _, count, ref view @ ..]) = heap.tuple(id) else {
        return Err(wrong());
    };
    if !matches!(view, [] | [Value::None]) {
        return Err(match view {
            [_] => WeightsError::Unsupported {
                what: "a view of a storage, as PyTorch before 0.4 wrote it,",
                cure: "load it in PyTorch and save it again with torch.save",
            },
            _ => wrong(),
        });
    }
    let (Value::Global(Global::Storage(element)), Value::Text(key), Value::Int(count)) =
        (kind, key, count)
    else {
        return Err(wrong());
    };
    let count = u64::try_from(count).map_err(|_| wrong())?;
    check(key, WeightsLimit::NameBytes, key.len() as u64, limits.name_bytes)?;
    Ok(Storage { key, element, count })
}

//! What a pickle makes by calls, from data alone.

use super::super::element::LeftOut;
use super::super::limits::Limits;
use super::check;
use super::globals::Global;
use super::value::{Heap, Object, Storage, Tensor, TensorView, Value};
use crate::error::{WeightsError, WeightsLimit};

/// Why nothing is made.
pub(super) enum Failure {
    /// The pickle is wrong here.
    Unsound(&'static str),
    /// The error as it is.
    Refused(WeightsError),
}

impl From<WeightsError> for Failure {
    fn from(error: WeightsError) -> Self {
        Failure::Refused(error)
    }
}

const WRONG: Failure = Failure::Unsound("a call with the wrong arguments");

/// What a call of a known name makes of its arguments.
pub(super) fn call<'a>(
    heap: &mut Heap<'a>,
    callee: Value<'a>,
    arguments: Value<'a>,
    limits: &Limits,
) -> Result<Value<'a>, Failure> {
    let Value::Global(callee) = callee else {
        return Err(Failure::Unsound("a call of something that is not a name"));
    };
    let Some(arguments) = heap.tuple(arguments) else {
        return Err(Failure::Unsound("a call without a tuple"));
    };
    match (callee, arguments) {
        (Global::Opaque, _) => Ok(Value::Opaque),
        (Global::OrderedDict, []) => Ok(heap.add(Object::Dict(Vec::new()), limits.objects)?),
        (Global::OrderedDict, &[list]) => {
            let count = heap.sequence(list).ok_or(WRONG)?.len();
            heap.copy(count, limits.objects)?;
            let list = heap.sequence(list).unwrap_or_default().iter();
            let pairs = list.map(|&pair| match heap.sequence(pair) {
                Some(&[key, value]) => Ok((key, value)),
                _ => Err(WRONG),
            });
            let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
            Ok(heap.add(Object::Dict(pairs), limits.objects)?)
        }
        (Global::RebuildTensor, &[storage, offset, sizes, strides])
        | (Global::RebuildTensorV2, &[storage, offset, sizes, strides, _, _]) => {
            let tensor = tensor(heap, storage, offset, sizes, strides).ok_or(WRONG)?;
            Ok(heap.add(Object::Tensor(Tensor::View(tensor.into())), limits.objects)?)
        }
        (Global::RebuildTensorV2, &[storage, offset, sizes, strides, _, _, about]) => {
            let mut tensor = tensor(heap, storage, offset, sizes, strides).ok_or(WRONG)?;
            tensor.negative = is_negative(heap, about);
            Ok(heap.add(Object::Tensor(Tensor::View(tensor.into())), limits.objects)?)
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
            let mut tensor = tensor(heap, storage, offset, sizes, strides).ok_or(WRONG)?;
            tensor.element = element;
            tensor.negative = about.first().is_some_and(|&about| is_negative(heap, about));
            Ok(heap.add(Object::Tensor(Tensor::View(tensor.into())), limits.objects)?)
        }
        // PyTorch never puts one into another, and this one must not go deep.
        (Global::FromType, &[callee, _, arguments, _])
            if callee != Value::Global(Global::FromType) =>
        {
            call(heap, callee, arguments, limits)
        }
        (Global::Tensor | Global::Parameter, []) => {
            let empty = Tensor::LeftOut(LeftOut::Empty);
            Ok(heap.add(Object::Tensor(empty), limits.objects)?)
        }
        (Global::LeftOut(reason), _) => {
            Ok(heap.add(Object::Tensor(Tensor::LeftOut(reason)), limits.objects)?)
        }
        (Global::Parameter, &[tensor, ..]) if arguments.len() <= 4 => {
            heap.tensor(tensor).map(|_| tensor).ok_or(WRONG)
        }
        (Global::Size, &[sizes]) => heap.sequence(sizes).map(|_| sizes).ok_or(WRONG),
        _ => Err(WRONG),
    }
}

fn tensor<'a>(
    heap: &Heap<'a>,
    storage: Value<'a>,
    offset: Value<'a>,
    sizes: Value<'a>,
    strides: Value<'a>,
) -> Option<TensorView> {
    heap.storage(storage)?;
    heap.sequence(sizes)?;
    heap.sequence(strides)?;
    match (storage, offset, sizes, strides) {
        (
            Value::Object(storage),
            Value::Int(offset),
            Value::Object(sizes),
            Value::Object(strides),
        ) => {
            let element = heap.storage(Value::Object(storage))?.element;
            Some(TensorView { storage, element, negative: false, offset, sizes, strides })
        }
        _ => None,
    }
}

/// Whether what is said about a tensor is that its values stand for their negatives.
fn is_negative<'a>(heap: &Heap<'a>, about: Value<'a>) -> bool {
    let negative = (Value::Text("neg"), Value::Bool(true));
    heap.dict(about).is_some_and(|about| about.contains(&negative))
}

/// Gives a tensor its state: where it looks, or the tensor that a variable stood for. Anything else says
/// something about gradients.
pub(super) fn set_state<'a>(heap: &mut Heap<'a>, target: Value<'a>, state: Value<'a>) {
    let tensor = match heap.tuple(state) {
        Some(&[storage, offset, sizes, strides]) => {
            tensor(heap, storage, offset, sizes, strides).map(|view| Tensor::View(view.into()))
        }
        Some(&[data, _, _, _, _]) => heap.tensor(data).cloned(),
        _ => None,
    };
    if let (Some(tensor), Some(target)) = (tensor, heap.get_mut(target)) {
        *target = Object::Tensor(tensor);
    }
}

/// The storage that a persistent id speaks of.
pub(super) fn storage<'a>(
    heap: &Heap<'a>,
    id: Value<'a>,
    limits: &Limits,
) -> Result<Storage<'a>, Failure> {
    let wrong = Failure::Unsound("an outside object that is not a storage");
    let (kind, key, count) = match heap.tuple(id) {
        Some(
            &[Value::Text("storage"), Value::Global(kind), Value::Text(key), _, Value::Int(count)]
            | &[
                Value::Text("storage"),
                Value::Global(kind),
                Value::Text(key),
                _,
                Value::Int(count),
                Value::None,
            ],
        ) => (kind, key, count),
        Some([Value::Text("storage"), _, _, _, _, _]) => {
            return Err(Failure::Refused(WeightsError::Unsupported {
                what: "a view of a storage, as PyTorch before 0.4 wrote it,",
                cure: "load it in PyTorch and save it again with torch.save",
            }));
        }
        _ => return Err(wrong),
    };
    let (Global::Storage(element), Ok(count)) = (kind, u64::try_from(count)) else {
        return Err(wrong);
    };
    check(key, WeightsLimit::NameBytes, key.len() as u64, limits.name_bytes)?;
    Ok(Storage { key, element, count })
}

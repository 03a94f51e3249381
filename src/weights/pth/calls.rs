//! What a pickle makes by calls, from data alone.

use super::super::limits::Limits;
use super::check;
use super::globals::Global;
use super::value::{Heap, Object, Storage, TensorView, Value};
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
        | (
            Global::RebuildTensorV2,
            &[storage, offset, sizes, strides, _, _] | &[storage, offset, sizes, strides, _, _, _],
        ) => {
            let tensor = tensor(heap, storage, offset, sizes, strides).ok_or(WRONG)?;
            Ok(heap.add(Object::Tensor(tensor), limits.objects)?)
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
        ) => Some(TensorView { storage, offset, sizes, strides }),
        _ => None,
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

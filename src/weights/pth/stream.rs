//! The stream that PyTorch wrote before 1.6: pickles of a magic number, a version, the machine, the object
//! and the keys of its storages, and then the storages in this order.

use std::collections::BTreeMap;

use super::machine;
use super::reader::Reader;
use super::storages::Storages;
use super::value::{Heap, Object, Value};
use crate::error::{BadView, WeightsError, WeightsLimit};
use crate::weights::element::Order;
use crate::weights::limits::{Limits, Result, check, clip};

/// 0x1950a86a20f9469cfc6c, which the stream starts with.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The only version there was.
const VERSION: i64 = 1001;

/// What a stream holds.
pub(super) struct Stream<'a> {
    pub(super) root: Value<'a>,
    pub(super) heap: Heap<'a>,
    pub(super) storages: Storages<'a>,
}

pub(super) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Stream<'a>> {
    let (magic, _, end) = machine::run(bytes, 0, limits)?;
    if magic != Value::Long(&MAGIC) {
        return Err(WeightsError::Unsupported {
            what: "a pickle that torch.save did not write",
            cure: "save model.state_dict() with torch.save",
        });
    }
    let (version, _, end) = machine::run(bytes, end, limits)?;
    if version != Value::Int(VERSION) {
        return Err(WeightsError::Unsupported {
            what: "a stream of another version than 1001",
            cure: "load it in PyTorch and save it again with torch.save",
        });
    }
    let (host, host_heap, end) = machine::run(bytes, end, limits)?;
    let little = (Value::Text("little_endian"), Value::Bool(false));
    if host_heap.dict(host).is_some_and(|host| host.contains(&little)) {
        return Err(WeightsError::ByteOrder { found: "big-endian".to_owned() });
    }
    let (root, heap, end) = machine::run(bytes, end, limits)?;
    let (keys, keys_heap, end) = machine::run(bytes, end, limits)?;
    let keys = keys_heap.sequence(keys).ok_or(WeightsError::Pickle {
        at: end as u64,
        reason: "the keys of the storages are not a list",
    })?;
    let blocks = blocks(Reader::new(bytes, end, "a storage"), keys, &heap, limits)?;
    let storages = Storages { blocks, order: Order::Little };
    Ok(Stream { root, heap, storages })
}

/// Storages one after the other, each behind the number of its values.
fn blocks<'a>(
    mut input: Reader<'a>,
    keys: &[Value<'a>],
    heap: &Heap<'a>,
    limits: &Limits,
) -> Result<BTreeMap<&'a str, &'a [u8]>> {
    check("the file", WeightsLimit::Tensors, keys.len() as u64, limits.tensors)?;
    // The blocks do not say how large a value is, the pickle does.
    let mut declared = BTreeMap::new();
    for object in heap.objects() {
        if let Object::Storage(storage) = object {
            declared.insert(storage.key, storage);
        }
    }
    let mut blocks = BTreeMap::new();
    for key in keys {
        let at = input.at() as u64;
        let Value::Text(key) = *key else {
            return Err(WeightsError::Pickle { at, reason: "the key of a storage is no text" });
        };
        let failed = |problem| WeightsError::View { name: clip(key), problem };
        let storage = declared.get(key).ok_or(WeightsError::Pickle {
            at,
            reason: "a storage has a key that no tensor refers to",
        })?;
        if input.u64()? != storage.count {
            return Err(failed(BadView::StorageSize));
        }
        let size = storage.bytes().ok_or_else(|| failed(BadView::Overflow))?;
        if blocks.insert(key, input.take(size)?).is_some() {
            return Err(WeightsError::Pickle { at, reason: "two storages have the same key" });
        }
    }
    Ok(blocks)
}

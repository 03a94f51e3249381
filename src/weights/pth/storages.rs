//! The bytes of storages by their keys, wherever the format keeps them.

use std::collections::BTreeMap;

use super::value::Storage;
use crate::error::{BadView, WeightsError};
use crate::weights::element::Order;
use crate::weights::limits::{Result, clip};

pub(super) struct Storages<'a> {
    pub(super) blocks: BTreeMap<&'a str, &'a [u8]>,
    /// The order of the bytes of a value.
    pub(super) order: Order,
}

impl<'a> Storages<'a> {
    /// The bytes of a storage; `tensor` is who asks.
    pub(super) fn bytes(&self, tensor: &str, storage: &Storage<'a>) -> Result<&'a [u8]> {
        let failed = |problem| WeightsError::View { name: clip(tensor), problem };
        let bytes = self.blocks.get(storage.key).ok_or_else(|| failed(BadView::MissingStorage))?;
        if storage.bytes() != Some(bytes.len() as u64) {
            return Err(failed(BadView::StorageSize));
        }
        Ok(bytes)
    }
}

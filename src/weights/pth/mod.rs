//! What `torch.save` writes: a pickle of the object, and the storages of its tensors beside it.

mod calls;
mod globals;
mod machine;
mod reader;
mod root;
mod stream;
mod value;
mod view;
mod zip;

use super::collect::Collector;
use super::element::Order;
use super::kinds;
use super::limits::{Limits, check, clip};
use super::{Format, Loaded};
use crate::error::{BadView, WeightsError};
use value::Storage;
use zip::Archive;

type Result<T> = std::result::Result<T, WeightsError>;

/// The values of storages, wherever the format keeps them.
trait Storages<'a> {
    /// The bytes of a storage; `tensor` is who asks.
    fn bytes(&self, tensor: &str, storage: &Storage<'a>) -> Result<&'a [u8]>;

    /// The order of the bytes of a value.
    fn order(&self) -> Order;
}

/// Reads the archive that PyTorch writes since 1.6.
pub(super) fn read_archive(bytes: &[u8], limits: &Limits) -> Result<Loaded> {
    let opened = Archive::open(bytes, limits).and_then(|archive| {
        let (top, pickle) = archive.pickle()?;
        Ok((archive, top, pickle))
    });
    let (archive, top, pickle) = opened.map_err(|error| {
        let kind = kinds::of_archive(&zip::names(bytes, limits));
        kind.map_or(error, |looks_like| WeightsError::UnknownFormat { looks_like })
    })?;
    if archive.get(top, "constants.pkl").is_some() {
        return Err(torch_script());
    }
    let order = match archive.get(top, "byteorder") {
        None | Some(b"little") => Order::Little,
        Some(b"big") => Order::Big,
        Some(other) => {
            let found = clip(&String::from_utf8_lossy(other.get(..64).unwrap_or(other)));
            return Err(WeightsError::ByteOrder { found });
        }
    };
    let (root, heap, _) = machine::run(pickle, 0, limits)?;
    let storages = Entries { archive, top, order };
    let found = Collector::new(Format::PthArchive, bytes.len(), limits);
    root::collect(root, &heap, &storages, limits, found)
}

/// The error for an archive that is a program.
fn torch_script() -> WeightsError {
    WeightsError::Unsupported {
        what: "a TorchScript program",
        cure: "load it with torch.jit.load and save its state_dict() with torch.save",
    }
}

/// Reads the stream that PyTorch wrote before 1.6.
pub(super) fn read_stream(bytes: &[u8], limits: &Limits) -> Result<Loaded> {
    let stream = stream::open(bytes, limits)?;
    let found = Collector::new(Format::PthStream, bytes.len(), limits);
    root::collect(stream.root, &stream.heap, &stream.storages, limits, found)
}

/// Storages as entries of an archive.
struct Entries<'a> {
    archive: Archive<'a>,
    top: &'a str,
    order: Order,
}

impl<'a> Storages<'a> for Entries<'a> {
    fn bytes(&self, tensor: &str, storage: &Storage<'a>) -> Result<&'a [u8]> {
        let failed = |problem| WeightsError::View { name: clip(tensor), problem };
        let entry = self.archive.get(self.top, &format!("data/{}", storage.key));
        let bytes = entry.ok_or_else(|| failed(BadView::MissingStorage))?;
        if storage.bytes() != Some(bytes.len() as u64) {
            return Err(failed(BadView::StorageSize));
        }
        Ok(bytes)
    }

    fn order(&self) -> Order {
        self.order
    }
}

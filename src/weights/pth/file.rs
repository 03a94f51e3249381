//! The two ways in which PyTorch keeps a pickle and its storages.

use super::storages::Storages;
use super::zip::{self, Archive};
use super::{machine, root, stream};
use crate::error::WeightsError;
use crate::weights::collect::Collector;
use crate::weights::element::Order;
use crate::weights::kinds;
use crate::weights::limits::{Limits, Result, clip};
use crate::weights::loaded::{Format, Loaded};

/// Reads the archive that PyTorch writes since 1.6.
pub(in crate::weights) fn read_archive(bytes: &[u8], limits: &Limits) -> Result<Loaded> {
    let opened = Archive::open(bytes, limits).and_then(|archive| {
        let (top, pickle) = archive.pickle()?;
        Ok((archive, top, pickle))
    });
    let (archive, top, pickle) = opened.map_err(|error| {
        let kind = kinds::of_archive(&zip::names(bytes, limits));
        kind.map_or(error, |looks_like| WeightsError::UnknownFormat { looks_like })
    })?;
    if archive.get(top, "constants.pkl").is_some() {
        return Err(zip::torch_script());
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
    let storages = Storages { blocks: archive.below(&format!("{top}data/")), order };
    let found = Collector::new(Format::PthArchive, bytes.len(), limits);
    root::collect(root, &heap, &storages, limits, found)
}

/// Reads the stream that PyTorch wrote before 1.6.
pub(in crate::weights) fn read_stream(bytes: &[u8], limits: &Limits) -> Result<Loaded> {
    let stream = stream::open(bytes, limits)?;
    let found = Collector::new(Format::PthStream, bytes.len(), limits);
    root::collect(stream.root, &stream.heap, &stream.storages, limits, found)
}

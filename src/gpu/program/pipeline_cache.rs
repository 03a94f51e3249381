//! What the driver compiled, kept in a file from one process to the next, on Vulkan; elsewhere nothing is kept.
//!
//! The file is what the driver gave, behind a header that says for what: this version, the adapter and its driver, by
//! name. Another header, another length or another checksum, and the file is as good as none.

use std::path::PathBuf;

use super::super::device::context::Context;
use super::super::device::options::PipelineFile;
use crate::autotune::Identity;
use crate::error::{Error, Result};
use crate::store::{self, Ignored};

/// What a file begins with; the number is that of its layout.
const MAGIC: &[u8] = b"involution pipelines 1\n";

/// Bytes of the largest file that is read or written: far more than what some hundred kernels compile to.
const MAX_BYTES: u64 = 64 << 20;

/// The driver's cache.
#[derive(Debug)]
pub(crate) struct PipelineCache {
    pub raw: wgpu::PipelineCache,
    /// Bytes that it was made of.
    pub restored: u64,
}

/// The driver's cache, from the file where there is a right one; nothing where it is off or the device has none.
pub(crate) fn open(context: &Context) -> Option<PipelineCache> {
    let driver = &context.driver;
    if !driver.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
        return None;
    }
    let (path, header) = place(context)?;
    let stored = store::read(&path, MAX_BYTES);
    let stored = match stored.as_deref().map_err(Clone::clone).and_then(|s| unseal(&header, s)) {
        Ok(payload) => Some(payload),
        Err(why) => {
            tracing::info!("no pipelines from {}: {why}", path.display());
            None
        }
    };
    // What the driver refuses all the same is as good as none, too.
    let refused = |error: Error| tracing::info!("{}: {error}", path.display());
    let create = |payload: Option<&[u8]>| {
        let restored = payload.map_or(0, |payload| payload.len() as u64);
        let raw = driver.guarded("the pipeline cache", 0, || create(&driver.device, payload));
        raw.map(|raw| PipelineCache { raw, restored }).map_err(refused).ok()
    };
    stored.and_then(|payload| create(Some(payload))).or_else(|| create(None))
}

/// Writes what the driver compiled so far into the file, unless it holds just that already, and gives the file. Nothing
/// where none is kept: it is off, or the driver has no such thing. Of two processes that write at the same time, the file
/// of the one that ends last stays.
pub(crate) fn save(context: &Context, cache: Option<&PipelineCache>) -> Result<Option<PathBuf>> {
    let Some(cache) = cache else { return Ok(None) };
    let payload = context.driver.guarded("the pipeline cache", 0, || cache.raw.get_data())?;
    let Some((payload, (path, header))) = payload.zip(place(context)) else {
        return Ok(None);
    };
    let sealed = seal(&header, &payload);
    if sealed.len() as u64 > MAX_BYTES {
        tracing::warn!("the pipelines have {} bytes: too many to be kept", sealed.len());
        return Ok(None);
    }
    if store::read(&path, MAX_BYTES).as_ref() != Ok(&sealed) {
        store::write(&path, &sealed).map_err(|error| Error::CacheFile {
            file: path.display().to_string(),
            message: error.to_string(),
        })?;
    }
    Ok(Some(path))
}

#[allow(unsafe_code)]
fn create(device: &wgpu::Device, payload: Option<&[u8]>) -> wgpu::PipelineCache {
    let label = Some("involution");
    let descriptor = wgpu::PipelineCacheDescriptor { label, data: payload, fallback: true };
    // SAFETY: the bytes have to be what `get_data` gave, for the same kind of adapter. They come from `unseal`
    // alone: behind a header that only `save` writes, with the driver and its version in it, in full
    // length and with the right checksum. A file that was made to look like that goes through; `PipelineFile`
    // says so, and is off unless a program asks for it.
    unsafe { device.create_pipeline_cache(&descriptor) }
}

/// The file, and what it has to begin with; nothing where there is no folder for it, or where wgpu cannot tell
/// adapters apart.
fn place(context: &Context) -> Option<(PathBuf, Vec<u8>)> {
    let identity = context.driver.info.identity();
    let Identity { adapter, backend, driver, driver_info, .. } = &identity;
    let path = match &context.options.pipeline_cache {
        PipelineFile::Off => None,
        PipelineFile::Usual => {
            store::file("pipelines", "bin", adapter, &[backend, driver, driver_info])
        }
        PipelineFile::At(path) => Some(path.clone()),
    }?;
    let key = wgpu::util::pipeline_cache_key(&context.driver.device.adapter_info())?;
    Some((path, header(&identity, &key)))
}

/// What a file for this begins with. Lengths stand before the texts, so that no two headers run into the same.
fn header(identity: &Identity, key: &str) -> Vec<u8> {
    let Identity { involution, adapter, backend, driver, driver_info } = identity;
    let mut header = MAGIC.to_vec();
    for text in [involution, adapter, backend, driver, driver_info, key] {
        header.extend((text.len() as u64).to_le_bytes());
        header.extend(text.as_bytes());
    }
    header
}

/// A file: the header, the length and the checksum of the payload, the payload.
fn seal(header: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    [header, &length, &checksum(payload).to_le_bytes(), payload].concat()
}

/// The payload of a file with this header, where nothing about it is off.
fn unseal<'a>(header: &[u8], bytes: &'a [u8]) -> Result<&'a [u8], Ignored> {
    let damaged = |what: &str| Ignored::Damaged(what.to_owned());
    let rest = bytes.strip_prefix(header).ok_or(Ignored::Foreign)?;
    let short = || damaged("it is too short");
    let (length, rest) = rest.split_first_chunk().ok_or_else(short)?;
    let (sum, payload) = rest.split_first_chunk().ok_or_else(short)?;
    if u64::from_le_bytes(*length) != payload.len() as u64 {
        return Err(damaged("its length is another"));
    }
    if u64::from_le_bytes(*sum) != checksum(payload) {
        return Err(damaged("its checksum is another"));
    }
    Ok(payload)
}

/// FNV-1a in 64 bits: against disks and accidents, not against people.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn identity() -> Identity {
        Identity {
            involution: "1.2.3".to_owned(),
            adapter: "An adapter".to_owned(),
            backend: "Vulkan".to_owned(),
            driver: "driver".to_owned(),
            driver_info: "4.5".to_owned(),
        }
    }

    #[test]
    fn what_is_sealed_is_unsealed() {
        let header = header(&identity(), "key");
        for payload in [&b""[..], b"x", &[0; 1000]] {
            assert_eq!(unseal(&header, &seal(&header, payload)).unwrap(), payload);
        }
    }

    /// Whatever differs in what it is for, the file is not for it.
    #[test]
    fn every_part_of_the_header_counts() {
        type Change = fn(&mut Identity, &mut String);
        let changes: [Change; 7] = [
            |identity, _| identity.involution += "1",
            |identity, _| identity.adapter += "x",
            |identity, _| identity.backend = "Gl".to_owned(),
            |identity, _| identity.driver += "x",
            |identity, _| identity.driver_info += "x",
            |_, key| *key += "x",
            // The same letters, divided otherwise.
            |identity, _| {
                identity.driver += "4";
                identity.driver_info = ".5".to_owned();
            },
        ];
        let sealed = seal(&header(&identity(), "key"), b"payload");
        for (place, change) in changes.iter().enumerate() {
            let (mut other, mut key) = (identity(), "key".to_owned());
            change(&mut other, &mut key);
            assert_eq!(unseal(&header(&other, &key), &sealed), Err(Ignored::Foreign), "{place}");
        }
    }

    /// No byte can be changed, left out or added, and nothing may be cut off.
    #[test]
    fn every_byte_counts() {
        let header = header(&identity(), "key");
        let sealed = seal(&header, b"payload");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1 << (place % 8);
            assert!(unseal(&header, &changed).is_err(), "byte {place}");
            assert!(unseal(&header, &sealed[..place]).is_err(), "up to {place}");
            changed = sealed.clone();
            changed.remove(place);
            assert!(unseal(&header, &changed).is_err(), "without {place}");
        }
        let more = [&sealed[..], &[0]].concat();
        assert!(unseal(&header, &more).is_err());
        // A length that no file can have reads nothing.
        let mut huge = sealed.clone();
        huge[header.len()..header.len() + 8].fill(0xff);
        assert!(matches!(unseal(&header, &huge), Err(Ignored::Damaged(_))));
    }
}

//! Reading and writing tensors where they lie, on devices whose memory is the host's: no copy to or from staging.
//!
//! A buffer that is mapped must not be submitted, so all of this is for tensors that nobody else can submit meanwhile:
//! new ones, ones with a single owner, and those of a network that is locked.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::Gpu;
use super::execute::GpuTensor;
use super::readback::append;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// What a mapping needs its start to be a multiple of.
const ALIGNMENT: u64 = wgpu::MAP_ALIGNMENT;

/// A buffer that is mapped, or is about to be, for as long as this lives.
struct Mapping<'a> {
    buffer: &'a wgpu::Buffer,
    /// What the driver said, once it has said something.
    mapped: Arc<OnceLock<bool>>,
}

impl Mapping<'_> {
    fn is_there(&self) -> bool {
        self.mapped.get() == Some(&true)
    }
}

impl Drop for Mapping<'_> {
    fn drop(&mut self) {
        // A request that was not answered yet is taken back; one that failed left nothing to take back.
        if self.mapped.get() != Some(&false) {
            self.buffer.unmap();
        }
    }
}

impl Gpu {
    /// Fills part of a buffer where it lies. False where that cannot be done, or not without waiting: the device may
    /// still be at work on what the buffer held before.
    pub(super) fn write_in_place(
        &self,
        buffer: &wgpu::Buffer,
        offset: u64,
        bytes: &[u8],
    ) -> Result<bool> {
        if !self.suits_in_place(offset, bytes.len() as u64) {
            return Ok(false);
        }
        let range = offset..offset + bytes.len() as u64;
        let mapping = self.map(buffer, wgpu::MapMode::Write, range.clone())?;
        let polled = self.0.context.device.poll(wgpu::PollType::Poll);
        if polled.is_err() || !mapping.is_there() {
            return Ok(false);
        }
        let mut view = buffer
            .get_mapped_range_mut(range)
            .map_err(|error| self.0.context.refused("upload", error.to_string()))?;
        view.copy_from_slice(bytes);
        Ok(true)
    }

    /// The values of a tensor that is about to be dropped or that is locked, once everything that was submitted
    /// before is done; nothing where it cannot be read where it lies.
    pub(super) fn read_in_place(&self, tensor: &GpuTensor) -> Result<Option<Tensor>> {
        let (offset, bytes) = (tensor.offset, tensor.bytes());
        if !self.suits_in_place(offset, bytes) {
            return Ok(None);
        }
        let buffer = tensor.lease.buffer();
        let range = offset..offset + bytes;
        let mapping = self.map(buffer, wgpu::MapMode::Read, range.clone())?;
        self.wait_for_all()?;
        if !mapping.is_there() {
            return Ok(None);
        }
        let view = buffer
            .get_mapped_range(range)
            .map_err(|error| self.0.context.refused("download", error.to_string()))?;
        let mut values = Vec::with_capacity(bytes as usize / size_of::<f32>());
        append(&mut values, &view);
        drop(view);
        Tensor::new(tensor.shape().clone(), values).map(Some).map_err(Error::at("download"))
    }

    fn suits_in_place(&self, offset: u64, bytes: u64) -> bool {
        self.0.context.in_place && bytes > 0 && offset.is_multiple_of(ALIGNMENT)
    }

    fn map<'a>(
        &self,
        buffer: &'a wgpu::Buffer,
        mode: wgpu::MapMode,
        range: Range<u64>,
    ) -> Result<Mapping<'a>> {
        let mapped = Arc::new(OnceLock::new());
        let answer = mapped.clone();
        self.0.context.guarded("mapping", 0, || {
            buffer.map_async(mode, range, move |result| {
                // Answered once.
                let _ = answer.set(result.is_ok());
            });
        })?;
        Ok(Mapping { buffer, mapped })
    }
}

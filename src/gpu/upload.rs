//! Copies from the host to the device.
//!
//! What is no larger than a piece goes through the queue's own staging, which needs no submission. That staging
//! is made anew each time, and the pages of new memory cost several times what filling them does; so what is
//! larger goes, in pieces, through staging buffers that stay mapped and are used again. While the device copies
//! a piece, the host fills the next.

use super::Gpu;
use super::buffers::{Lease, PIECE, Use};
use super::execute::GpuTensor;
use crate::error::Result;
use crate::tensor::AsView;

/// Pieces that the device may have before it: what bounds the staging.
const PIECES_AHEAD: usize = 16;

impl Gpu {
    /// Copies a tensor to the device.
    pub fn upload(&self, tensor: &impl AsView) -> Result<GpuTensor> {
        let tensor = tensor.view();
        let output = self.empty(tensor.shape(), "upload", "the tensor")?;
        self.write(&output, tensor.data())?;
        Ok(output)
    }

    /// Fills a device tensor with values from the host. Nobody may submit the tensor meanwhile.
    pub(crate) fn write(&self, tensor: &GpuTensor, values: &[f32]) -> Result<()> {
        let context = &self.0.context;
        let (buffer, bytes) = (tensor.lease.buffer(), bytemuck::cast_slice(values));
        if self.write_in_place(buffer, tensor.offset, bytes)? {
            return Ok(());
        }
        if bytes.len() as u64 <= PIECE {
            return context.guarded("upload", bytes.len() as u64, || {
                context.queue.write_buffer(buffer, tensor.offset, bytes);
            });
        }
        let mut offset = tensor.offset;
        for bytes in bytes.chunks(PIECE as usize) {
            let staging =
                self.0.pool.lease_exact(context, Use::Upload, PIECE, "upload", "staging")?;
            self.write_piece(staging, bytes, buffer, offset)?;
            offset += bytes.len() as u64;
        }
        Ok(())
    }

    /// Copies bytes by way of a buffer that is mapped, and is mapped again when the device has them.
    fn write_piece(
        &self,
        staging: Lease,
        bytes: &[u8],
        to: &wgpu::Buffer,
        offset: u64,
    ) -> Result<()> {
        let context = &self.0.context;
        let from = staging.buffer().clone();
        staging.set_reusable(false);
        match from.get_mapped_range_mut(..bytes.len() as u64) {
            Ok(mut view) => view.copy_from_slice(bytes),
            Err(error) => return Err(context.refused("upload", error.to_string())),
        }
        let submission = context.guarded("upload", bytes.len() as u64, || {
            from.unmap();
            let mut encoder = context.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(&from, 0, to, offset, bytes.len() as u64);
            let submission = context.queue.submit([encoder.finish()]);
            from.map_async(wgpu::MapMode::Write, .., move |mapped| {
                staging.set_reusable(mapped.is_ok());
            });
            submission
        })?;
        self.0.uploads.push(self, submission, PIECES_AHEAD);
        Ok(())
    }
}

//! Copies between host and device.

use std::sync::Arc;

use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};

use super::Gpu;
use super::buffers::{Lease, Use};
use super::execute::GpuTensor;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// A copy to the host that is under way.
pub(crate) struct Read {
    staging: Lease,
    bytes: u64,
    receiver: OneshotReceiver<Result<(), wgpu::BufferAsyncError>>,
    submission: wgpu::SubmissionIndex,
    what: &'static str,
}

impl Gpu {
    /// Copies a tensor to the device.
    pub fn upload(&self, tensor: &Tensor) -> Result<GpuTensor> {
        let output = self.empty(tensor.shape(), "upload", "the tensor")?;
        self.write(&output, tensor.data())?;
        Ok(output)
    }

    /// Fills a device tensor with values from the host.
    pub(crate) fn write(&self, tensor: &GpuTensor, values: &[f32]) -> Result<()> {
        let context = &self.0.context;
        let bytes = bytemuck::cast_slice(values);
        context.guarded("upload", bytes.len() as u64, || {
            context.queue.write_buffer(tensor.lease.buffer(), tensor.offset, bytes);
        })
    }

    /// Copies a tensor to the host, waiting for everything that was submitted before.
    pub fn download(&self, tensor: &GpuTensor) -> Result<Tensor> {
        pollster::block_on(self.download_async(tensor))
    }

    /// Copies a tensor to the host.
    pub async fn download_async(&self, tensor: &GpuTensor) -> Result<Tensor> {
        if !self.owns(tensor) {
            return Err(Error::ForeignTensor { op: "download", tensor: "the tensor" });
        }
        let bytes = tensor.bytes();
        let data = self.read(&tensor.lease, tensor.offset, bytes, "download").await?;
        Tensor::new(tensor.shape.clone(), data).map_err(Error::at("download"))
    }

    /// Words of a buffer as floats.
    pub(crate) async fn read(
        &self,
        lease: &Arc<Lease>,
        offset: u64,
        bytes: u64,
        what: &'static str,
    ) -> Result<Vec<f32>> {
        let bytes = self.read_bytes(lease.buffer(), offset, bytes, what).await?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }

    /// Bytes of a buffer.
    pub(crate) async fn read_bytes(
        &self,
        source: &wgpu::Buffer,
        offset: u64,
        bytes: u64,
        what: &'static str,
    ) -> Result<Vec<u8>> {
        self.finish_read(self.start_read(source, offset, bytes, what)?).await
    }

    /// Queues the copy of a tensor's values; what is queued later may write the tensor again.
    pub(crate) fn start_download(&self, tensor: &GpuTensor) -> Result<Read> {
        self.start_read(tensor.lease.buffer(), tensor.offset, tensor.bytes(), "download")
    }

    /// The values, once they are there.
    pub(crate) async fn finish_download(&self, read: Read) -> Result<Vec<f32>> {
        Ok(bytemuck::pod_collect_to_vec(&self.finish_read(read).await?))
    }

    fn start_read(
        &self,
        source: &wgpu::Buffer,
        offset: u64,
        bytes: u64,
        what: &'static str,
    ) -> Result<Read> {
        let context = &self.0.context;
        let staging = self.0.pool.lease(context, Use::Staging, bytes, what, "staging")?;
        staging.set_reusable(false);
        let (sender, receiver) = oneshot_channel();
        let submission = context.guarded(what, bytes, || {
            let mut encoder = context.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(source, offset, staging.buffer(), 0, bytes);
            let submission = context.queue.submit([encoder.finish()]);
            staging.buffer().map_async(wgpu::MapMode::Read, 0..bytes, move |result| {
                // The receiver is gone where the caller dropped the future: nobody wants the answer.
                let _ = sender.send(result);
            });
            submission
        })?;
        Ok(Read { staging, bytes, receiver, submission, what })
    }

    async fn finish_read(&self, read: Read) -> Result<Vec<u8>> {
        let Read { staging, bytes, receiver, submission, what } = read;
        self.poll_until(submission);
        let failed = |message: String| Error::Device { what: what.to_owned(), message };
        let mapped = receiver.receive().await;
        self.0.context.check()?;
        match mapped {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(failed(error.to_string())),
            None => return Err(failed("the driver never answered".to_owned())),
        }
        let view = staging
            .buffer()
            .get_mapped_range(0..bytes)
            .map_err(|error| failed(error.to_string()))?;
        let data = view.to_vec();
        drop(view);
        staging.buffer().unmap();
        staging.set_reusable(true);
        Ok(data)
    }

    /// Drives the device until a submission is done, on a thread of its own, so that the caller may
    /// await the answer.
    fn poll_until(&self, submission: wgpu::SubmissionIndex) {
        let device = self.0.context.device.clone();
        std::thread::spawn(move || {
            let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
            // What goes wrong here reaches the caller through the mapping's own result.
            let _ = device.poll(wait);
        });
    }
}

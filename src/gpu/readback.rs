//! Copies from the device to the host: in pieces, so that the host copies one out of its staging buffer while
//! the device copies the next into another.

use bytemuck::Pod;
use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};

use super::Gpu;
use super::buffers::{Lease, PIECE, Use};
use super::execute::GpuTensor;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

const FOREIGN: Error = Error::ForeignTensor { op: "download", tensor: "the tensor" };

/// A copy to the host that is under way.
#[derive(Debug)]
pub(crate) struct Read {
    pieces: Vec<Piece>,
    what: &'static str,
}

/// A part of it, in a staging buffer of its own.
#[derive(Debug)]
struct Piece {
    staging: Lease,
    bytes: u64,
    receiver: OneshotReceiver<Result<(), wgpu::BufferAsyncError>>,
    submission: wgpu::SubmissionIndex,
}

impl Gpu {
    /// Copies a tensor to the host, waiting for everything that was submitted before.
    pub fn download(&self, tensor: &GpuTensor) -> Result<Tensor> {
        if !self.owns(tensor) {
            return Err(FOREIGN);
        }
        let read = self.start_download(tensor)?;
        let data = self.finish_read_here(read)?;
        Tensor::new(tensor.shape.clone(), data).map_err(Error::at("download"))
    }

    /// Copies a tensor to the host.
    pub async fn download_async(&self, tensor: &GpuTensor) -> Result<Tensor> {
        if !self.owns(tensor) {
            return Err(FOREIGN);
        }
        let data = self.finish_read(self.start_download(tensor)?).await?;
        Tensor::new(tensor.shape.clone(), data).map_err(Error::at("download"))
    }

    /// Words of a buffer.
    pub(crate) fn read<T: Pod>(
        &self,
        lease: &Lease,
        offset: u64,
        bytes: u64,
        what: &'static str,
    ) -> Result<Vec<T>> {
        self.finish_read_here(self.start_read(lease.buffer(), offset, bytes, what)?)
    }

    /// Queues the copy of a tensor's values; what is queued later may write the tensor again.
    pub(crate) fn start_download(&self, tensor: &GpuTensor) -> Result<Read> {
        self.start_read(tensor.lease.buffer(), tensor.offset, tensor.bytes(), "download")
    }

    fn start_read(
        &self,
        source: &wgpu::Buffer,
        offset: u64,
        bytes: u64,
        what: &'static str,
    ) -> Result<Read> {
        let starts = (0..bytes).step_by(PIECE as usize);
        let pieces = starts
            .map(|start| self.start_piece(source, offset + start, PIECE.min(bytes - start), what));
        Ok(Read { pieces: pieces.collect::<Result<_>>()?, what })
    }

    fn start_piece(
        &self,
        source: &wgpu::Buffer,
        offset: u64,
        bytes: u64,
        what: &'static str,
    ) -> Result<Piece> {
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
        Ok(Piece { staging, bytes, receiver, submission })
    }

    /// The values, once they are there.
    pub(crate) async fn finish_read<T: Pod>(&self, read: Read) -> Result<Vec<T>> {
        self.poll_until(read.pieces.iter().map(|piece| piece.submission.clone()).collect());
        self.collect(read, |_| {}).await
    }

    /// The same where the caller has nothing else to do: what drives the device is the thread that waits.
    pub(crate) fn finish_read_here<T: Pod>(&self, read: Read) -> Result<Vec<T>> {
        // What goes wrong here reaches the caller through the mapping's own result.
        pollster::block_on(self.collect(read, |piece| drop(self.wait(piece.submission.clone()))))
    }

    /// The values of all pieces; `wait` is called before each of them is waited for.
    async fn collect<T: Pod>(&self, read: Read, wait: impl Fn(&Piece)) -> Result<Vec<T>> {
        let Read { pieces, what } = read;
        let failed = |message: String| self.0.context.refused(what, message);
        let bytes: u64 = pieces.iter().map(|piece| piece.bytes).sum();
        let mut values: Vec<T> = Vec::with_capacity(bytes as usize / size_of::<T>());
        for piece in pieces {
            wait(&piece);
            let Piece { staging, bytes, receiver, .. } = piece;
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
            append(&mut values, &view);
            drop(view);
            staging.buffer().unmap();
            staging.set_reusable(true);
        }
        Ok(values)
    }

    /// Drives the device until these submissions are done, one after another, on a thread of its own, so that
    /// the caller may await the answers.
    fn poll_until(&self, submissions: Vec<wgpu::SubmissionIndex>) {
        let device = self.0.context.device.clone();
        std::thread::spawn(move || {
            for submission in submissions {
                let wait =
                    wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
                // What goes wrong here reaches the caller through the mapping's own result.
                let _ = device.poll(wait);
            }
        });
    }
}

/// Adds the values of mapped bytes.
pub(super) fn append<T: Pod>(values: &mut Vec<T>, view: &[u8]) {
    // Straight into memory that nobody has touched yet: its pages cost more than the copy.
    match bytemuck::try_cast_slice(view) {
        Ok(piece) => values.extend_from_slice(piece),
        Err(_) => values.extend(bytemuck::pod_collect_to_vec::<u8, T>(view)),
    }
}

//! Copies between host and device.
//!
//! What is no larger than a piece goes up through the queue's own staging, which needs no submission. That staging
//! is made anew each time, and the pages of new memory cost several times what filling them does; so what is
//! larger goes, in pieces, through staging buffers that stay mapped and are used again. While the device copies
//! a piece, the host fills the next. Results come back in pieces, too.
//!
//! On devices whose memory is the host's, tensors are written and read where they lie, without a copy. A buffer that is
//! mapped must not be submitted, so that is for tensors that nobody else can submit meanwhile: new ones, ones with a
//! single owner, and those of a network that is locked.

use std::ops::Range;

use bytemuck::Pod;

use super::context::Context;
use super::driver::{Answer, Waiting};
use super::pool::{Lease, PIECE, Use};
use super::tensor::GpuTensor;
use crate::error::{Error, Result};
use crate::tensor::{DType, Tensor, TensorView};

/// What a mapping needs its start to be a multiple of.
const ALIGNMENT: u64 = wgpu::MAP_ALIGNMENT;

/// Copies a tensor to the device, where it is stored in this type.
pub(crate) fn upload(
    context: &Context,
    tensor: &TensorView<'_>,
    dtype: DType,
) -> Result<GpuTensor> {
    let output = context.window(tensor.shape(), dtype, [0, 0], "upload", "the tensor")?;
    write(context, &output, tensor.data())?;
    Ok(output)
}

/// Fills a device tensor with values from the host. Nobody may submit the tensor meanwhile.
pub(crate) fn write(context: &Context, tensor: &GpuTensor, values: &[f32]) -> Result<()> {
    let (buffer, bytes) = (tensor.lease.buffer(), &*tensor.dtype.encode(values));
    if write_in_place(context, buffer, tensor.offset, bytes)? {
        return Ok(());
    }
    if bytes.len() as u64 <= PIECE {
        return context.driver.guarded("upload", bytes.len() as u64, || {
            context.driver.queue.write_buffer(buffer, tensor.offset, bytes);
        });
    }
    let mut offset = tensor.offset;
    for bytes in bytes.chunks(PIECE as usize) {
        let staging = context.lease_exact(Use::Upload, PIECE, "upload", "staging")?;
        write_piece(context, staging, bytes, buffer, offset)?;
        offset += bytes.len() as u64;
    }
    Ok(())
}

/// Copies bytes by way of a buffer that is mapped, and is mapped again when the device has them.
fn write_piece(
    context: &Context,
    staging: Lease,
    bytes: &[u8],
    to: &wgpu::Buffer,
    offset: u64,
) -> Result<()> {
    let driver = &context.driver;
    let from = staging.buffer().clone();
    staging.set_reusable(false);
    match from.get_mapped_range_mut(..bytes.len() as u64) {
        Ok(mut view) => view.copy_from_slice(bytes),
        Err(error) => return Err(driver.refused("upload", error.to_string())),
    }
    let submission = driver.guarded("upload", bytes.len() as u64, || {
        from.unmap();
        let mut encoder = driver.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&from, 0, to, offset, bytes.len() as u64);
        let submission = driver.queue.submit([encoder.finish()]);
        from.map_async(wgpu::MapMode::Write, .., move |mapped| {
            staging.set_reusable(mapped.is_ok());
        });
        submission
    })?;
    context.uploads.push(driver, submission);
    Ok(())
}

/// Queues copies from tensors of the device to others of as many values.
pub(crate) fn copy<'a>(
    context: &Context,
    pairs: impl Iterator<Item = (&'a GpuTensor, &'a GpuTensor)>,
) -> Result<()> {
    let driver = &context.driver;
    let submission = driver.guarded("copy", 0, || {
        let mut encoder = driver.device.create_command_encoder(&Default::default());
        for (from, to) in pairs.filter(|(from, _)| from.bytes() > 0) {
            let [source, target] = [from, to].map(|tensor| tensor.lease.buffer());
            encoder.copy_buffer_to_buffer(source, from.offset, target, to.offset, from.bytes());
        }
        driver.queue.submit([encoder.finish()])
    })?;
    context.in_flight.push(driver, submission);
    Ok(())
}

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
    mapped: Answer,
    submission: wgpu::SubmissionIndex,
}

/// Copies a tensor to the host, once everything that was submitted before is done.
pub(crate) async fn download(
    context: &Context,
    tensor: &GpuTensor,
    waiting: Waiting,
) -> Result<Tensor> {
    let read = start_download(context, tensor)?;
    finish_tensor(context, read, tensor, waiting).await
}

/// The tensor whose copy is under way.
pub(crate) async fn finish_tensor(
    context: &Context,
    read: Read,
    tensor: &GpuTensor,
    waiting: Waiting,
) -> Result<Tensor> {
    let data = match tensor.dtype {
        DType::F32 => finish(context, read, waiting).await?,
        dtype => dtype.decode(&finish::<u8>(context, read, waiting).await?),
    };
    on_host(tensor, data)
}

/// The tensor of these values, behind which there may be one that fills up a word.
fn on_host(tensor: &GpuTensor, mut data: Vec<f32>) -> Result<Tensor> {
    data.truncate(tensor.elements());
    Tensor::new(tensor.shape.clone(), data).map_err(Error::at("download"))
}

/// Queues the copy of a tensor's values; what is queued later may write the tensor again.
pub(crate) fn start_download(context: &Context, tensor: &GpuTensor) -> Result<Read> {
    start(context, &tensor.lease, tensor.offset, tensor.bytes(), "download")
}

/// Words of a buffer.
pub(crate) fn read<T: Pod>(
    context: &Context,
    lease: &Lease,
    offset: u64,
    bytes: u64,
    what: &'static str,
) -> Result<Vec<T>> {
    let read = start(context, lease, offset, bytes, what)?;
    pollster::block_on(finish(context, read, Waiting::Thread))
}

fn start(
    context: &Context,
    lease: &Lease,
    offset: u64,
    bytes: u64,
    what: &'static str,
) -> Result<Read> {
    let starts = (0..bytes).step_by(PIECE as usize);
    let pieces = starts.map(|start| {
        start_piece(context, lease.buffer(), offset + start, PIECE.min(bytes - start), what)
    });
    Ok(Read { pieces: pieces.collect::<Result<_>>()?, what })
}

fn start_piece(
    context: &Context,
    source: &wgpu::Buffer,
    offset: u64,
    bytes: u64,
    what: &'static str,
) -> Result<Piece> {
    let driver = &context.driver;
    let staging = context.lease(Use::Staging, bytes, what, "staging")?;
    staging.set_reusable(false);
    let mapped = Answer::default();
    let submission = driver.guarded(what, bytes, || {
        let mut encoder = driver.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(source, offset, staging.buffer(), 0, bytes);
        let submission = driver.queue.submit([encoder.finish()]);
        staging.buffer().map_async(wgpu::MapMode::Read, 0..bytes, mapped.callback());
        submission
    })?;
    Ok(Piece { staging, bytes, mapped, submission })
}

/// The values, once they are there: of one piece after the other, so that the host copies one out of its staging buffer
/// while the device copies the next.
pub(crate) async fn finish<T: Pod>(
    context: &Context,
    read: Read,
    waiting: Waiting,
) -> Result<Vec<T>> {
    let Read { pieces, what } = read;
    let driver = &context.driver;
    driver.settle().await?;
    let bytes: u64 = pieces.iter().map(|piece| piece.bytes).sum();
    let mut values: Vec<T> = Vec::with_capacity(bytes as usize / size_of::<T>());
    for Piece { staging, bytes, mapped, submission } in pieces {
        let mapped = driver.answer(&mapped, Some(submission), waiting).await?;
        mapped.map_err(|message| driver.refused(what, message))?;
        append(context, staging.buffer(), 0..bytes, what, &mut values)?;
        staging.buffer().unmap();
        staging.set_reusable(true);
    }
    Ok(values)
}

/// Adds the values of mapped bytes.
fn append<T: Pod>(
    context: &Context,
    buffer: &wgpu::Buffer,
    range: Range<u64>,
    what: &'static str,
    values: &mut Vec<T>,
) -> Result<()> {
    let view = buffer
        .get_mapped_range(range)
        .map_err(|error| context.driver.refused(what, error.to_string()))?;
    // Straight into memory that nobody has touched yet: its pages cost more than the copy.
    match bytemuck::try_cast_slice(&view) {
        Ok(piece) => values.extend_from_slice(piece),
        Err(_) => values.extend(bytemuck::pod_collect_to_vec::<u8, T>(&view)),
    }
    Ok(())
}

/// The values of mapped bytes.
fn mapped_values<T: Pod>(
    context: &Context,
    buffer: &wgpu::Buffer,
    range: Range<u64>,
) -> Result<Vec<T>> {
    let mut values = Vec::with_capacity((range.end - range.start) as usize / size_of::<T>());
    append(context, buffer, range, "download", &mut values)?;
    Ok(values)
}

/// A buffer that is mapped, or is about to be, for as long as this lives.
struct Mapping<'a> {
    buffer: &'a wgpu::Buffer,
    mapped: Answer,
}

impl Drop for Mapping<'_> {
    fn drop(&mut self) {
        // A request that was not answered yet is taken back; one that failed left nothing to take back.
        if !matches!(self.mapped.now(), Some(Err(_))) {
            self.buffer.unmap();
        }
    }
}

fn map<'a>(
    context: &Context,
    buffer: &'a wgpu::Buffer,
    mode: wgpu::MapMode,
    range: Range<u64>,
) -> Result<Mapping<'a>> {
    let mapped = Answer::default();
    context.driver.guarded("mapping", 0, || buffer.map_async(mode, range, mapped.callback()))?;
    Ok(Mapping { buffer, mapped })
}

fn fits_in_place(context: &Context, offset: u64, bytes: u64) -> bool {
    context.driver.in_place && bytes > 0 && offset.is_multiple_of(ALIGNMENT)
}

/// Fills part of a buffer where it lies. False where that cannot be done, or not without waiting: the device may
/// still be at work on what the buffer had before.
fn write_in_place(
    context: &Context,
    buffer: &wgpu::Buffer,
    offset: u64,
    bytes: &[u8],
) -> Result<bool> {
    if !fits_in_place(context, offset, bytes.len() as u64) {
        return Ok(false);
    }
    let driver = &context.driver;
    let range = offset..offset + bytes.len() as u64;
    let mapping = map(context, buffer, wgpu::MapMode::Write, range.clone())?;
    let polled = driver.device.poll(wgpu::PollType::Poll);
    if polled.is_err() || mapping.mapped.now() != Some(Ok(())) {
        return Ok(false);
    }
    let mut view = buffer
        .get_mapped_range_mut(range)
        .map_err(|error| driver.refused("upload", error.to_string()))?;
    view.copy_from_slice(bytes);
    Ok(true)
}

/// The values of a tensor that is about to be dropped or that is locked, once everything that was submitted before is
/// done: where they lie, or by a copy where that cannot be.
pub(crate) async fn take(
    context: &Context,
    tensor: &GpuTensor,
    waiting: Waiting,
) -> Result<Tensor> {
    let (offset, bytes) = (tensor.offset, tensor.bytes());
    if fits_in_place(context, offset, bytes) {
        let buffer = tensor.lease.buffer();
        let range = offset..offset + bytes;
        let mapping = map(context, buffer, wgpu::MapMode::Read, range.clone())?;
        if context.driver.answer(&mapping.mapped, None, waiting).await?.is_ok() {
            let values = match tensor.dtype {
                DType::F32 => mapped_values(context, buffer, range)?,
                dtype => dtype.decode(&mapped_values::<u8>(context, buffer, range)?),
            };
            return on_host(tensor, values);
        }
    }
    download(context, tensor, waiting).await
}

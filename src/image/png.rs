//! PNG, row by row: whatever its depth, no more is kept than the bytes that are asked for.

use std::io::{BufRead, ErrorKind, Seek};

use image::metadata::Orientation;
use png::{Decoder, DecodingError, InterlaceInfo, Transformations, expand_interlaced_row};

use super::decoded::{CUT_SHORT, Decoded, Limits, zeros};
use super::pixels::{colour, put};
use crate::models::Channels;

pub(super) fn decode(
    source: &mut (impl BufRead + Seek),
    channels: Channels,
    limits: &Limits,
) -> Result<Decoded, String> {
    let bytes = usize::try_from(limits.bytes).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(source, png::Limits { bytes });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Of 16 bits the upper eight, as Pillow and OpenCV take them, not the nearest.
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let header = decoder.read_header_info().map_err(said)?;
    let size = [header.height as usize, header.width as usize];
    let samples = channels.count();
    limits.check(size, samples as u64)?;
    let mut reader = decoder.read_info().map_err(said)?;
    let orientation = reader.info().exif_metadata.as_deref().and_then(Orientation::from_exif_chunk);
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    let from = reader.output_color_type().0.samples();
    let rows = if reader.info().interlaced { interlaced_rows(size) } else { size[0] };
    let stride = size[1] * samples;
    let mut data = zeros(size[0] * stride)?;
    let mut line = vec![0; stride];
    // What stands behind the last row may be missing, as it may for Pillow.
    for index in 0..rows {
        let Some(row) = reader.next_interlaced_row().map_err(said)? else { break };
        let pixels = line.chunks_exact_mut(samples).zip(row.data().chunks_exact(from));
        pixels.for_each(|(pixel, found)| put(colour(found), pixel));
        match row.interlace() {
            InterlaceInfo::Null(_) => {
                data[index * stride..][..stride].copy_from_slice(&line);
            }
            InterlaceInfo::Adam7(pass) => {
                let width = row.data().len() / from;
                let bits = 8 * samples as u8;
                expand_interlaced_row(&mut data, stride, &line[..width * samples], pass, bits);
            }
        }
    }
    Ok(Decoded { size, samples, data, orientation })
}

/// The rows of all passes of an interlaced picture.
fn interlaced_rows([height, width]: [usize; 2]) -> usize {
    // Where a pass begins in a row and in a column, and how many rows lie between its own.
    let passes = [[0, 0, 8], [4, 0, 8], [0, 4, 8], [2, 0, 4], [0, 2, 4], [1, 0, 2], [0, 1, 2]];
    let rows = |[x, y, step]: [usize; 3]| {
        if width > x { height.saturating_sub(y).div_ceil(step) } else { 0 }
    };
    passes.into_iter().map(rows).sum()
}

fn said(error: DecodingError) -> String {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            CUT_SHORT.to_owned()
        }
        error => error.to_string(),
    }
}

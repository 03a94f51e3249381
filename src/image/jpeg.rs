//! JPEG: what libjpeg does beyond the decoder's own, and what is refused before it begins.

use std::io::Read;

use image::metadata::Orientation;
use jpeg_decoder::{CodingProcess, ColorTransform, Decoder, Error, PixelFormat};

use super::decoded::{CUT_SHORT, Decoded, Limits};
use crate::models::Channels;

/// How a file begins that may go without its Huffman tables, as the pictures of Motion JPEG do: where one is
/// missing, the decoder takes that of the standard, as libjpeg does for all files.
const MOTION: &[u8] = b"\xff\xd8\xff\xe0\0\x10AVI1\0\0\0\0\0\0\0\0\0\0";

/// Scans of one picture. Each may walk over all of it, however few its bytes are; cameras and libjpeg write
/// ten.
const SCANS: usize = 100;

pub(super) fn decode(
    source: &mut impl Read,
    channels: Channels,
    limits: &Limits,
) -> Result<Decoded, String> {
    let mut file = Vec::new();
    let most = limits.bytes.saturating_add(1);
    source.take(most).read_to_end(&mut file).map_err(|error| error.to_string())?;
    if file.len() as u64 == most {
        return Err(format!("the file is above the limit of {} bytes", limits.bytes));
    }
    let after_start = file.get(2..).unwrap_or_default();
    let mut decoder = Decoder::new(MOTION.chain(after_start));
    decoder.read_info().map_err(said)?;
    let info = decoder.info().ok_or_else(|| CUT_SHORT.to_owned())?;
    if info.coding_process == CodingProcess::Lossless {
        return Err("lossless JPEG is not read; write it as PNG".to_owned());
    }
    let size = [info.height, info.width].map(usize::from);
    let bytes = info.pixel_format.pixel_bytes().max(channels.count());
    limits.check(size, bytes as u64)?;
    // A block of 8x8 pixels takes one bit at least: less is a claim, for which nothing should be allocated.
    if size[0].div_ceil(8) * size[1].div_ceil(8) > 8 * file.len() {
        return Err(CUT_SHORT.to_owned());
    }
    let scans = file.windows(2).filter(|pair| *pair == [0xff, 0xda]).count();
    if scans > SCANS {
        return Err(format!("{scans} scans are above the limit of {SCANS}"));
    }
    if let Some(transform) = transform(after_start) {
        decoder.set_color_transform(transform);
    }
    let mut data = decoder.decode().map_err(said)?;
    let samples = match info.pixel_format {
        PixelFormat::L8 => 1,
        PixelFormat::RGB24 => 3,
        PixelFormat::CMYK32 => {
            data.as_chunks_mut::<4>().0.iter_mut().for_each(to_rgb);
            4
        }
        PixelFormat::L16 => return Err("JPEG of 16 bits is not read".to_owned()),
    };
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk);
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    Ok(Decoded { size, samples, data, orientation })
}

fn said(error: Error) -> String {
    match error {
        Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            CUT_SHORT.to_owned()
        }
        error => error.to_string(),
    }
}

/// Ink to light, rounded as Pillow does; the fourth byte is of no use from there on.
fn to_rgb(pixel: &mut [u8; 4]) {
    let light = 255 - u32::from(pixel[3]);
    for ink in &mut pixel[..3] {
        let product = u32::from(*ink) * light + 128;
        *ink = (light - ((product + (product >> 8)) >> 8)) as u8;
    }
}

/// What the components stand for, by the rules of libjpeg: JFIF first, then Adobe's marker, then their names.
/// The segments begin behind the start of the image.
fn transform(mut segments: &[u8]) -> Option<ColorTransform> {
    let (mut jfif, mut adobe, mut names) = (false, None, Vec::new());
    loop {
        match *segments {
            [0xff, 0xff, ..] => segments = &segments[1..],
            [0xff, 0xda, ..] => break,
            [0xff, marker, high, low, ..] => {
                let end = 2 + usize::from(u16::from_be_bytes([high, low]));
                let body = segments.get(4..end)?;
                match marker {
                    0xe0 => jfif |= body.starts_with(b"JFIF\0"),
                    0xee if body.starts_with(b"Adobe") => adobe = body.get(11).copied(),
                    0xc0..=0xc2 => {
                        names = body.iter().skip(6).step_by(3).copied().collect();
                    }
                    _ => {}
                }
                segments = &segments[end..];
            }
            _ => return None,
        }
    }
    match (&names[..], adobe) {
        ([_, _, _], Some(0)) if !jfif => Some(ColorTransform::RGB),
        ([b'R', b'G', b'B'], None) if !jfif => Some(ColorTransform::RGB),
        ([_, _, _], _) => Some(ColorTransform::YCbCr),
        ([_, _, _, _], None | Some(0)) => Some(ColorTransform::CMYK),
        ([_, _, _, _], _) => Some(ColorTransform::YCCK),
        _ => None,
    }
}

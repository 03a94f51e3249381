//! Pictures from files: of which kind, within which limits, and as which pixels.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::codecs::bmp::BmpDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, RgbImage};

use super::decoded::{CUT_SHORT, Decoded, Limits, zeros};
use super::kinds::{self, Kind};
use super::pixels::{Pixels, in_place};
use super::{jpeg, png};
use crate::error::{Error, Result};
use crate::models::Channels;

/// Reads a picture from a file, whatever its name says it is; turned as its EXIF data wants it. Transparency
/// is dropped. The default limits hold.
pub fn open(path: &Path, channels: Channels) -> Result<Pixels> {
    open_within(path, channels, &Limits::default())
}

/// Reads a picture from a file, within these limits.
pub fn open_within(path: &Path, channels: Channels, limits: &Limits) -> Result<Pixels> {
    let name = path.display().to_string();
    let failed = |message| Error::Image { image: name.clone(), message };
    if path.is_dir() {
        return Err(failed("this is a folder; give the pictures in it".to_owned()));
    }
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    read(&name, BufReader::new(file), channels, limits)
}

/// Reads a picture from any source that can be read twice; errors call it by the name.
pub fn read(
    name: &str,
    mut source: impl BufRead + Seek,
    channels: Channels,
    limits: &Limits,
) -> Result<Pixels> {
    // A fault of a decoder is one picture's, and ends no other.
    let decode = AssertUnwindSafe(|| decode(&mut source, channels, limits));
    let decoded = catch_unwind(decode)
        .unwrap_or_else(|_| Err("the file is damaged: its decoder stopped at it".to_owned()));
    let decoded = decoded.map_err(|message| Error::Image { image: name.to_owned(), message })?;
    Ok(upright(decoded, channels))
}

fn decode(
    source: &mut (impl BufRead + Seek),
    channels: Channels,
    limits: &Limits,
) -> Result<Decoded, String> {
    match kinds::of(source).map_err(|error| error.to_string())? {
        Kind::Jpeg => jpeg::decode(source, channels, limits),
        Kind::Png => png::decode(source, channels, limits),
        Kind::Bmp => {
            let runs = runs(source).map_err(|error| error.to_string())?;
            let decoder = BmpDecoder::new(source).map_err(said)?;
            let (width, height) = decoder.dimensions();
            if runs.is_some_and(|most| u64::from(width) * u64::from(height) > most) {
                return Err(CUT_SHORT.to_owned());
            }
            whole(decoder, 0, channels, limits)
        }
        Kind::WebP => {
            let beside = webp(source)?;
            let decoder = WebPDecoder::new(source).map_err(said)?;
            whole(decoder, beside, channels, limits)
        }
        Kind::Unread(name) => Err(format!("{name}; images are read from PNG, JPEG, WebP and BMP")),
    }
}

/// The picture that a decoder makes in one piece, with so many bytes for each pixel beside it.
fn whole(
    mut decoder: impl ImageDecoder,
    beside: u64,
    channels: Channels,
    limits: &Limits,
) -> Result<Decoded, String> {
    let orientation = decoder.orientation().map_err(said)?;
    let samples = usize::from(decoder.color_type().bytes_per_pixel());
    let (width, height) = decoder.dimensions();
    let size = [height as usize, width as usize];
    limits.check(size, samples.max(channels.count()) as u64 + beside)?;
    let mut data = zeros(size[0] * size[1] * samples)?;
    decoder.read_image(&mut data).map_err(said)?;
    Ok(Decoded { size, samples, data, orientation })
}

fn said(error: image::ImageError) -> String {
    match error {
        image::ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            CUT_SHORT.to_owned()
        }
        error => error.to_string(),
    }
}

/// How many pixels a BMP may have whose data are runs, of 255 pixels in two bytes at most; nothing for another. Its
/// decoder fills what is missing, which is an error for Pillow.
fn runs(source: &mut (impl Read + Seek)) -> std::io::Result<Option<u64>> {
    let mut header = Vec::new();
    source.by_ref().take(34).read_to_end(&mut header)?;
    let length = source.seek(SeekFrom::End(0))?;
    source.rewind()?;
    Ok(matches!(header.get(30..), Some([1 | 2, 0, 0, 0])).then_some(length.saturating_mul(128)))
}

/// That every chunk of a WebP is there and every frame as large as it says, and how many bytes for each pixel its
/// decoder needs beside the picture.
fn webp(source: &mut (impl Read + Seek)) -> Result<u64, String> {
    let mut walk = || -> std::io::Result<Option<u64>> {
        let length = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(4))?;
        let mut word = [0; 4];
        source.read_exact(&mut word)?;
        let end = 8 + u64::from(u32::from_le_bytes(word));
        let (mut position, mut reach, mut beside, mut frame) = (12, 12, 2, None);
        while position + 8 <= end.min(length) {
            source.seek(SeekFrom::Start(position))?;
            let mut name = [0; 4];
            source.read_exact(&mut name)?;
            source.read_exact(&mut word)?;
            let mut body = Vec::new();
            source.by_ref().take(16).read_to_end(&mut body)?;
            match (&name, &body[..]) {
                (b"ANMF", &[_, _, _, _, _, _, w, width, wide, h, height, high, ..]) => {
                    beside = 12;
                    let sides = [[w, width, wide, 0], [h, height, high, 0]];
                    frame = Some(sides.map(|side| 1 + u32::from_le_bytes(side)));
                    // The chunks of a frame stand behind its sizes.
                    position += 8 + 16;
                    continue;
                }
                (b"VP8 ", &[_, _, _, _, _, _, w, width, h, height, ..]) => {
                    let sides = [[w, width & 0x3f], [h, height & 0x3f]];
                    let sides = sides.map(|side| u32::from(u16::from_le_bytes(side)));
                    if frame.is_some_and(|frame| frame != sides) {
                        return Err(std::io::Error::other("a frame has another size than it says"));
                    }
                }
                (b"VP8L" | b"ALPH", _) => beside = beside.max(8),
                _ => {}
            }
            // The byte that makes a chunk even may be missing at the end.
            reach = position + 8 + u64::from(u32::from_le_bytes(word));
            position = reach + reach % 2;
        }
        source.rewind()?;
        Ok((end.max(reach) <= length).then_some(beside))
    };
    walk().map_err(|error| error.to_string())?.ok_or_else(|| CUT_SHORT.to_owned())
}

/// The pixels of what was decoded, the right way up.
fn upright(decoded: Decoded, channels: Channels) -> Pixels {
    let Decoded { size, samples, data, orientation } = decoded;
    let data = in_place(data, samples, channels.count());
    if orientation == Orientation::NoTransforms {
        return Pixels { size, channels, data };
    }
    let [height, width] = size.map(|side| side as u32);
    // There are as many bytes as pixels and channels: neither conversion is empty.
    let picture = match channels {
        Channels::Rgb => RgbImage::from_raw(width, height, data).map(DynamicImage::from),
        Channels::Grey => GrayImage::from_raw(width, height, data).map(DynamicImage::from),
    };
    let mut picture = picture.unwrap_or_default();
    picture.apply_orientation(orientation);
    let size = [picture.height() as usize, picture.width() as usize];
    Pixels { size, channels, data: picture.into_bytes() }
}

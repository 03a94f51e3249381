//! What decoders have in common: their limits, and what they hand over.

use image::metadata::Orientation;

/// What reading a picture may ask for. It is refused before anything is allocated for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the picture as it is decoded, and of what decoders of PNG, BMP and WebP need beside it; 512 MiB
    /// unless set. For a while a JPEG takes up to three times as much beside the picture, in proportion to data
    /// that are there, and a picture that EXIF turns on its side takes twice its size.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: 512 << 20 }
    }
}

impl Limits {
    /// That so many bytes for each pixel are within the limit.
    pub(super) fn check(&self, [height, width]: [usize; 2], bytes: u64) -> Result<(), String> {
        let total = height as u128 * width as u128 * u128::from(bytes);
        if total <= u128::from(self.bytes) {
            return Ok(());
        }
        Err(format!(
            "{width}x{height} pixels take {total} bytes here, which is above the limit of {} bytes: make the \
             picture smaller",
            self.bytes
        ))
    }
}

/// A picture as its decoder hands it over.
pub(super) struct Decoded {
    pub(super) size: [usize; 2],
    /// Bytes of a pixel: 1 for grey, 3 for colour, 4 for colour and transparency.
    pub(super) samples: usize,
    pub(super) data: Vec<u8>,
    pub(super) orientation: Orientation,
}

/// What a reader says whose source ends too early.
pub(super) const CUT_SHORT: &str = "the file is cut short: its data end before the picture does";

/// So many zeros, or an error where memory is short. None is touched before it is written.
pub(super) fn zeros(bytes: usize) -> Result<Vec<u8>, String> {
    let room = Vec::<u8>::new().try_reserve_exact(bytes);
    room.map_err(|_| format!("there is no memory for {bytes} bytes"))?;
    Ok(vec![0; bytes])
}

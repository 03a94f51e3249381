//! Pixels, and how those of one kind become those of another.

use crate::models::Channels;

/// Pixels of one image as bytes, row by row, channels side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Height and width.
    pub size: [usize; 2],
    /// Colour or grey.
    pub channels: Channels,
    /// The values.
    pub data: Vec<u8>,
}

impl Pixels {
    /// Exchanges light and dark.
    pub fn inverted(mut self) -> Self {
        self.data.iter_mut().for_each(|value| *value = 255 - *value);
        self
    }

    /// Makes it grey: the lightness of ITU-R 601, as Pillow takes it.
    pub fn grey(self) -> Self {
        let channels = Channels::Grey;
        let data = in_place(self.data, self.channels.count(), channels.count());
        Pixels { channels, data, ..self }
    }
}

/// The colour of one pixel, of whose samples one or two are grey, and the last of two or four is transparency.
pub(super) fn colour(pixel: &[u8]) -> [u8; 3] {
    match *pixel {
        [red, green, blue, ..] => [red, green, blue],
        [grey, ..] => [grey; 3],
        [] => [0; 3],
    }
}

/// A colour as a pixel of one byte or three; grey is the lightness of ITU-R 601, as Pillow takes it.
pub(super) fn put(colour: [u8; 3], pixel: &mut [u8]) {
    if let [grey] = pixel {
        let [r, g, b] = colour.map(u32::from);
        *grey = ((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8;
    } else {
        pixel.copy_from_slice(&colour);
    }
}

/// Pixels of so many samples as pixels of one byte or three, where they lie.
pub(super) fn in_place(mut data: Vec<u8>, from: usize, to: usize) -> Vec<u8> {
    let pixels = data.len() / from;
    let convert = |data: &mut [u8], pixel: usize| {
        let colour = colour(&data[pixel * from..(pixel + 1) * from]);
        put(colour, &mut data[pixel * to..(pixel + 1) * to]);
    };
    if from < to {
        data.reserve_exact(pixels * (to - from));
        data.resize(pixels * to, 0);
        // From the end: a pixel lands on those behind it.
        (0..pixels).rev().for_each(|pixel| convert(&mut data, pixel));
    } else if from > to {
        (0..pixels).for_each(|pixel| convert(&mut data, pixel));
        data.truncate(pixels * to);
    }
    data
}

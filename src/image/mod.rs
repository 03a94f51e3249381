//! From an image file to the input of a network: decoded, turned upright, resized, cropped, normalised.
//!
//! Resizing is Pillow's bilinear filter with antialiasing, in Pillow's fixed-point arithmetic, so that a network sees
//! the pixels that it was trained on.

mod decoded;
mod jpeg;
mod kinds;
mod pixels;
mod png;
mod prepare;
mod read;
mod resize;

pub use decoded::Limits;
pub use pixels::Pixels;
pub use prepare::{batch, prepare};
pub use read::{open, open_within, read};

//! From an image file to the input of a network: decoded, turned upright, resized, cropped, normalised.
//!
//! Resizing is Pillow's bilinear filter with antialiasing, or OpenCV's without, each in its own fixed-point arithmetic,
//! so that a network sees the pixels that it was trained on.

mod antialiased;
mod bilinear;
mod decoded;
mod jpeg;
mod kinds;
mod pixels;
mod png;
mod prepare;
mod read;

pub use decoded::Limits;
pub use pixels::Pixels;
pub use prepare::{batch, fit, prepare};
pub use read::{open, open_within, read};

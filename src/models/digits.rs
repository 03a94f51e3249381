//! The small network that comes with the crate.

#[cfg(feature = "weights")]
use crate::{error::Result, tensor::StateDict};

/// The classes of [`RedNet::digits`](super::RedNet::digits).
pub const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The trained weights of [`RedNet::digits`](super::RedNet::digits): a RedNet for 8x8 images of handwritten
/// digits, light on dark. See `examples/digits/README.md` for how it was trained and how well it does.
#[cfg(feature = "weights")]
pub fn digits_weights() -> Result<StateDict> {
    const FILE: &[u8] = include_bytes!("../../examples/digits/rednet_digits.safetensors");
    let loaded = crate::weights::read(FILE, &crate::weights::Limits::default())?;
    Ok(crate::weights::strip_wrappers(loaded.tensors)?)
}

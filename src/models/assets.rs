//! Weights and names of classes that come with the crate.

/// The classes of [`RedNet::digits`](crate::models::RedNet::digits).
pub const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The trained weights of [`RedNet::digits`](crate::models::RedNet::digits): a RedNet for 8x8 images of handwritten
/// digits, light on dark. See `examples/digits/README.md` for how it was trained and how well it does.
#[cfg(feature = "weights")]
pub fn digits_weights() -> crate::error::Result<crate::tensor::StateDict> {
    const FILE: &[u8] = include_bytes!("../../examples/digits/rednet_digits.safetensors");
    let loaded = crate::weights::read(FILE, &crate::weights::Limits::default())?;
    Ok(crate::weights::strip_wrappers(loaded.tensors)?)
}

/// The 1000 classes of ImageNet in the order in which networks are trained on them.
pub fn imagenet_labels() -> Vec<&'static str> {
    include_str!("../../examples/imagenet/labels.txt").lines().collect()
}

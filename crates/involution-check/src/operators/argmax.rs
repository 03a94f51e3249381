//! The cases of `argmax`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, full, tensor};
use involution::ops::Argmax;
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, image) = draw.image();
    let channels = draw.extent(200);
    let axes = draw.one_of(&[2, 2, 1, 0]);
    (Argmax.into(), vec![[&[n, channels], &image[..axes]].concat()])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    vec![
        Case::new("labels of a map", Argmax, &[&[2, 19, 23, 21]]),
        Case::new("labels of a map of whole vec4s", Argmax, &[&[2, 19, 40, 44]]),
        Case::new("as many channels as half precision counts", Argmax, &[&[3, 2048, 2, 2]]),
        Case::new("rows, as of logits", Argmax, &[&[9, 1000]]),
        Case::new("one channel", Argmax, &[&[2, 1, 5, 4]]),
        Case::new("volumes", Argmax, &[&[2, 3, 3, 5, 7]]),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let [nan, inf] = [f32::NAN, f32::INFINITY];
    // Each column is a place: first of two equal ones, zero beside minus zero both ways, the only finite one, and NaN that
    // is first, last, between infinities and negative.
    let channels = [
        [1.0, -0.0, 0.0, -inf, nan, -1.0, inf, -3.0],
        [2.0, 0.0, -0.0, -2.0, inf, inf, nan, -nan],
        [2.0, -0.0, 0.0, -inf, nan, nan, inf, -1.0],
    ];
    let columns = [1.0, 0.0, 0.0, 1.0, 0.0, 2.0, 1.0, 1.0];
    // The largest is at each channel in turn.
    let [channels_of, places] = [37, 40];
    let value = |index: usize| {
        let (channel, place) = (index / places, index % places);
        if channel == place % channels_of { 7.0 } else { -(channel as f32) }
    };
    let peaks: Vec<f32> = (0..channels_of * places).map(value).collect();
    let indices: Vec<f32> = (0..places).map(|place| (place % channels_of) as f32).collect();
    Ok(vec![
        (
            Argmax.into(),
            vec![tensor(&[1, 3, 8], channels.as_flattened())?],
            tensor(&[1, 1, 8], &columns)?,
        ),
        (
            // Seven of the eight places, for kernels that take one at a time.
            Argmax.into(),
            vec![tensor(&[1, 3, 7], channels.map(|row| row[1..].to_vec()).concat().as_slice())?],
            tensor(&[1, 1, 7], &columns[1..])?,
        ),
        (
            Argmax.into(),
            vec![tensor(&[1, channels_of, places], &peaks)?],
            tensor(&[1, 1, places], &indices)?,
        ),
        (Argmax.into(), vec![full(&[2, 9, 3], 4.0)?], full(&[2, 1, 3], 0.0)?),
    ])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new("cut along the batch", Argmax, &[&[9, 64, 16, 8]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (Argmax.into(), vec![vec![batch, 64, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    ("reduce/argmax", "the last of equal values counts", "ranks > best);", "ranks >= best);"),
    (
        "reduce/argmax",
        "minus zero is less than zero",
        "select(key, SIGN_BIT, key == SIGN_BIT - 1u)",
        "key",
    ),
    ("reduce/argmax", "the first channel is left out", "var c = 0u", "var c = 1u"),
    (
        "reduce/argmax",
        "all samples are the first",
        "sample * params.channels * params.places + ",
        "",
    ),
];

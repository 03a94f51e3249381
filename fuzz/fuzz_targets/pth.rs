//! Reads any bytes, and an archive with these bytes as its pickle.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/weights/craft.rs"]
mod craft;

use involution::weights::{Limits, read};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = read(bytes, &Limits::default());
    let _ = read(&craft::archive(bytes.to_vec()), &Limits::default());
});

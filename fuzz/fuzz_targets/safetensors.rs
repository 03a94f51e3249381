//! Reads any bytes.

#![no_main]

use involution::weights::{Limits, read};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = read(bytes, &Limits::default());
});

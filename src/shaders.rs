//! The shaders, as `build.rs` found them below `shaders/`, and their text.

pub mod text;

include!(concat!(env!("OUT_DIR"), "/shaders.rs"));

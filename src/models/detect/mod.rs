//! What detectors need beside their network: boxes.

pub mod boxes;

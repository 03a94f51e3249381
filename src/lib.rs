//! GPU compute-shader backend for the involution family of operators.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod check;
pub mod error;
pub mod gpu;
pub mod kernel;
pub mod ops;
pub mod reference;
pub mod shape;
pub mod tensor;

pub use error::{Error, Limit, Result, ShapeError};
pub use gpu::Gpu;
pub use ops::Operator;
pub use shape::{Padding, Shape, Window};
pub use tensor::Tensor;
pub use wgpu;

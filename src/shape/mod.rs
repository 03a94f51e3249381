//! Shapes, sliding windows, and what can be wrong with them. This module imports from no other.

mod checks;
mod dims;
mod error;
mod window;

pub(crate) use checks::gcd;
pub use checks::{divide, product, to_u32};
pub use dims::Shape;
pub use error::ShapeError;
pub(crate) use error::by;
#[doc(hidden)]
pub use error::count;
pub(crate) use window::positive;
pub use window::{Padding, Window};

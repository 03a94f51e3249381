//! Values on the host: a [`Tensor`] owns them, a [`TensorView`] borrows them, and a [`StateDict`] has tensors by
//! name.

mod dtype;
mod owned;
mod state_dict;
mod view;

pub use dtype::DType;
pub use owned::Tensor;
pub use state_dict::StateDict;
pub use view::{AsView, TensorView};

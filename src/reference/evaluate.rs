//! One operator by its definition.

use super::array::Array;
use super::rounding::Rounding;
use crate::error::{Error, Result};
use crate::ops::{Op, Operator};
use crate::shape::Shape;
use crate::tensor::{AsView, Tensor, TensorView};

/// Runs an operator on host tensors and rounds the result once.
pub fn run(op: &Operator, inputs: &[impl AsView]) -> Result<Tensor> {
    let views: Vec<TensorView<'_>> = inputs.iter().map(AsView::view).collect();
    let shapes: Vec<&Shape> = views.iter().map(|view| view.shape()).collect();
    op.output_shape(&shapes).map_err(Error::at(op.name()))?;
    let values: Vec<_> = views.iter().map(|view| (view.shape(), view.data())).collect();
    op.check_values(&values).map_err(Error::at(op.name()))?;
    let arrays: Vec<Array> = inputs.iter().map(|input| Array::from(input.view())).collect();
    evaluate(op, &arrays)?.to_tensor()
}

/// Runs an operator in double precision throughout.
pub fn evaluate(op: &Operator, inputs: &[Array]) -> Result<Array> {
    let shapes: Vec<Shape> = inputs.iter().map(|input| Shape::new(input.shape.clone())).collect();
    let shapes: Vec<&Shape> = shapes.iter().collect();
    op.output_shape(&shapes).map_err(Error::at(op.name()))?;
    Ok(defined(op, inputs))
}

macro_rules! definitions {
    ($($module:ident :: $variant:ident),+ $(,)?) => {
        fn defined(op: &Operator, inputs: &[Array]) -> Array {
            match op { $(Operator::$variant(op) => super::$module::evaluate(op, inputs)),+ }
        }

        /// How far single precision may be off an operator's results `value`.
        pub(crate) fn rounding(op: &Operator, inputs: &[Array], value: &Array) -> Rounding {
            match op { $(Operator::$variant(op) => super::$module::rounding(op, inputs, value)),+ }
        }
    };
}

crate::each_operator!(definitions);

//! Any one of the operators, by value.

use super::epilogue::Activation;
use super::op::{Cost, Grouped, Op, Result};
use super::value::{Attributed, Done, Visitor};
use crate::shape::Shape;

/// Declares [`Operator`] and what follows from the list of operators.
macro_rules! declare {
    ($($module:ident :: $variant:ident),+ $(,)?) => {
        $(use super::$module::$variant;)+

        /// Any one of the operators, by value.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Operator {
            $(#[doc = concat!("See [`", stringify!($variant), "`].")] $variant($variant)),+
        }

        /// The names of all operators.
        pub const NAMES: &[&str] = &[$(stringify!($module)),+];

        impl Operator {
            fn op(&self) -> &dyn Op {
                match self { $(Operator::$variant(op) => op),+ }
            }

            fn op_mut(&mut self) -> &mut dyn Op {
                match self { $(Operator::$variant(op) => op),+ }
            }
        }

        $(impl From<$variant> for Operator {
            fn from(op: $variant) -> Self { Operator::$variant(op) }
        })+

        /// The operator of this name before its attributes are read; see [`Attributed::blank`].
        pub(super) fn blank(name: &str, optional: bool, apart: bool) -> Option<Operator> {
            match name {
                $(stringify!($module) => Some(<$variant>::blank(optional, apart).into()),)+
                _ => None,
            }
        }

        /// Shows every attribute of an operator to `v`.
        pub(super) fn visit<V: Visitor>(op: &mut Operator, v: &mut V) -> Done<V> {
            match op { $(Operator::$variant(op) => op.visit(v)),+ }
        }

        /// The tensors of the operator of this name that may be there without its other optional ones.
        pub(super) fn apart(name: &str) -> &'static [&'static str] {
            match name {
                $(stringify!($module) => <$variant>::APART,)+
                _ => &[],
            }
        }
    };
}

crate::each_operator!(declare);

impl Operator {
    /// Arithmetic and compulsory traffic; what is past a `u64` is given as its largest value.
    pub fn cost(&self, inputs: &[&Shape]) -> Result<Cost> {
        let mut elements = self.output_shape(inputs)?.elements()? as u64;
        for input in inputs {
            elements = elements.saturating_add(input.elements()? as u64);
        }
        Ok(Cost { flops: self.flops(inputs)?, bytes: elements.saturating_mul(4) })
    }
}

impl Op for Operator {
    fn name(&self) -> &'static str {
        self.op().name()
    }
    fn inputs(&self) -> Vec<&'static str> {
        self.op().inputs()
    }
    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let shape = self.op().output_shape(inputs)?;
        // An output that cannot be counted is refused here for all operators.
        shape.elements()?;
        Ok(shape)
    }
    fn check_values(&self, inputs: &[(&Shape, &[f32])]) -> Result<()> {
        self.op().check_values(inputs)
    }
    fn flops(&self, inputs: &[&Shape]) -> Result<u64> {
        self.output_shape(inputs)?;
        self.op().flops(inputs)
    }
    fn macs(&self, inputs: &[&Shape]) -> Result<u64> {
        self.output_shape(inputs)?;
        self.op().macs(inputs)
    }
    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        self.op().batched(inputs)
    }
    fn grouped(&mut self) -> Option<Grouped<'_>> {
        self.op_mut().grouped()
    }
    fn largest_index(&self, inputs: &[&Shape]) -> Result<usize> {
        self.output_shape(inputs)?;
        self.op().largest_index(inputs)
    }
    fn epilogue(&mut self) -> Option<&mut Activation> {
        self.op_mut().epilogue()
    }
    fn works_on_rows(&self) -> bool {
        self.op().works_on_rows()
    }
}

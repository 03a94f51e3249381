//! Cases as values: an operator, the shapes of its inputs, and the seed of their data.

use std::fmt;

use involution::ops::{Op, Operator};
use involution::shape::Shape;
use involution::tensor::{DType, Tensor};
use involution::tolerance::{Distribution, inputs};

/// One call of an operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The operator with its parameters.
    pub operator: Operator,
    /// The shapes of its inputs.
    pub shapes: Vec<Shape>,
    /// Where their data come from.
    pub seed: u64,
    /// How large the values of x may be.
    pub scale: f32,
    /// Whether no value is negative. Of sums of many values the bound is so wide that where they cancel out, it would not
    /// show that some are missing.
    pub positive: bool,
    /// Why it is there, for a fixed case.
    pub story: &'static str,
}

impl Case {
    /// A case with a story and a seed that follows from it.
    pub fn new(story: &'static str, operator: impl Into<Operator>, shapes: &[&[usize]]) -> Self {
        let shapes = shapes.iter().map(|&dims| Shape::new(dims)).collect();
        Case {
            operator: operator.into(),
            shapes,
            seed: story.len() as u64,
            scale: 1.0,
            positive: false,
            story,
        }
    }

    /// Has no negative values.
    pub fn positive(self) -> Self {
        Case { positive: true, ..self }
    }

    /// The input tensors: uniform in -1..1, or in 0..1 where all are to be positive, but x as far as its scale, variances
    /// positive, and attention a weight in 0..1.
    pub fn inputs(&self) -> Vec<Tensor> {
        self.inputs_in(DType::F32)
    }

    /// Those, rounded to values that this type has.
    pub fn inputs_in(&self, dtype: DType) -> Vec<Tensor> {
        let &Case { seed, scale, positive, .. } = self;
        inputs(&self.operator, &self.shapes, Distribution { seed, scale, positive, dtype })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operator.name())?;
        for (name, value) in self.operator.to_attributes() {
            write!(f, " {name}={value}")?;
        }
        for (name, shape) in self.operator.inputs().iter().zip(&self.shapes) {
            write!(f, " {name}:{shape}")?;
        }
        write!(f, " seed={}", self.seed)?;
        if self.scale != 1.0 {
            write!(f, " scale={}", self.scale)?;
        }
        if self.positive {
            write!(f, " positive")?;
        }
        if self.story.is_empty() { Ok(()) } else { write!(f, " ({})", self.story) }
    }
}

//! What a plan is: values, steps, weights, and the names of inputs and outputs.

use super::constant::Constant;
use crate::error::Result;
use crate::ops::Operator;
use crate::shape::Shape;
use crate::tensor::{DType, StateDict};

/// A tensor in a plan, by its place in [`Plan::values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub(crate) usize);

/// What is known of a value before anything runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueInfo {
    /// Its name, for people.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// The type of its elements.
    pub dtype: DType,
    /// Where it comes from.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// It is given at each run.
    Input,
    /// It is made of the weights once.
    Constant(Constant),
    /// A step writes it.
    Step,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Applies an operator to the inputs.
    Apply(Operator),
    /// Gives the one input another shape of as many elements; nothing is moved.
    Reshape,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The layer it belongs to and what it is there: `layer1.0.conv2.involution`.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// The values it reads, in the operator's order.
    pub inputs: Vec<Value>,
    /// The value it writes.
    pub output: Value,
}

/// A tensor of the state dict that a plan takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// Its name in the state dict.
    pub name: String,
    /// Its shape there.
    pub shape: Shape,
    /// Whether training learns it; statistics such as a running mean are not parameters.
    pub parameter: bool,
}

/// Values and steps in the order in which they run. A step reads only what stands before it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    pub(crate) name: String,
    pub(crate) values: Vec<ValueInfo>,
    pub(crate) steps: Vec<Step>,
    pub(crate) inputs: Vec<(String, Value)>,
    pub(crate) outputs: Vec<(String, Value)>,
    pub(crate) weights: Vec<Weight>,
}

impl Plan {
    /// The network or layer that it carries out.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every value.
    pub fn values(&self) -> &[ValueInfo] {
        &self.values
    }

    /// Name, shape and origin of a value.
    pub fn value(&self, value: Value) -> &ValueInfo {
        &self.values[value.0]
    }

    /// The shape of a value.
    pub fn shape(&self, value: Value) -> &Shape {
        &self.value(value).shape
    }

    /// The value whose memory a value lies in: itself, but for one that is another in a new shape.
    pub fn root(&self, value: Value) -> Value {
        let maker = self.steps.iter().find(|step| step.output == value);
        match maker {
            Some(step) if step.action == Action::Reshape => {
                step.inputs.first().map_or(value, |&input| self.root(input))
            }
            _ => value,
        }
    }

    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The values given at each run, by name.
    pub fn inputs(&self) -> &[(String, Value)] {
        &self.inputs
    }

    /// The results by name.
    pub fn outputs(&self) -> &[(String, Value)] {
        &self.outputs
    }

    /// The tensors of the state dict that it is made of.
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// Whether a state dict has exactly the tensors that the plan is made of; one error lists all that
    /// differs.
    pub fn check_weights(&self, weights: &StateDict) -> Result<()> {
        let expected = self.weights.iter().map(|weight| (weight.name.as_str(), &weight.shape));
        Ok(weights.check(&self.name, expected)?)
    }

    /// The constants that its steps read, with their values.
    pub fn constants(&self) -> impl Iterator<Item = (Value, &Constant)> {
        self.values.iter().enumerate().filter_map(|(index, info)| match &info.source {
            Source::Constant(constant) => Some((Value(index), constant)),
            _ => None,
        })
    }

    /// The shapes of a step's inputs.
    pub fn input_shapes(&self, step: &Step) -> Vec<&Shape> {
        step.inputs.iter().map(|&input| self.shape(input)).collect()
    }
}

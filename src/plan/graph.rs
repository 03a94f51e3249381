//! What a plan is: values, steps, weights, and the names of inputs and outputs.

use super::constant::Constant;
use crate::error::{Error, Result};
use crate::ops::Operator;
use crate::shape::Shape;
use crate::tensor::StateDict;

/// A tensor in a plan, by its place in [`Plan::values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub(crate) usize);

/// What is known of a value before anything runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ValueInfo {
    /// Its name, for people.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Where it comes from.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
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
#[non_exhaustive]
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

    /// The steps that apply an operator, each with the operator and the shapes of its inputs.
    pub fn calls(&self) -> impl Iterator<Item = (&Step, &Operator, Vec<&Shape>)> {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Apply(op) => Some((step, op, self.input_shapes(step))),
            Action::Reshape => None,
        })
    }

    /// Runs the steps in order on values of any kind, one for each input of the plan, and gives the outputs by name.
    /// `constant` makes the value of a constant for each step that reads it; `run` makes a step's result of its inputs.
    /// A value is dropped after the step that reads it last.
    pub fn walk<T: Clone>(
        &self,
        inputs: Vec<T>,
        constant: impl Fn(&Constant) -> Result<T>,
        mut run: impl FnMut(&Step, Vec<T>) -> Result<T>,
    ) -> Result<Vec<(String, T)>> {
        let mut values: Vec<Option<T>> = vec![None; self.values.len()];
        let mut readers = vec![0usize; self.values.len()];
        let read = self.steps.iter().flat_map(|step| &step.inputs);
        let kept = self.outputs.iter().map(|(_, output)| output);
        read.chain(kept).for_each(|value| readers[value.0] += 1);
        for ((_, input), given) in self.inputs.iter().zip(inputs) {
            values[input.0] = Some(given);
        }
        let mut load = |values: &mut [Option<T>], value: Value| {
            if let Source::Constant(of) = &self.value(value).source {
                return constant(of);
            }
            readers[value.0] -= 1;
            let slot = &mut values[value.0];
            let found = if readers[value.0] == 0 { slot.take() } else { slot.clone() };
            let unwritten =
                || format!("value {} of {} is read before it is written", value.0, self.name);
            found.ok_or_else(|| Error::Internal(unwritten()))
        };
        for step in &self.steps {
            let inputs = step.inputs.iter().map(|&input| load(&mut values, input));
            let inputs = inputs.collect::<Result<Vec<T>>>()?;
            values[step.output.0] = Some(run(step, inputs)?);
        }
        let outputs = self.outputs.iter();
        outputs.map(|(name, output)| Ok((name.clone(), load(&mut values, *output)?))).collect()
    }
}

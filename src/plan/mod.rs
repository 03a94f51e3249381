//! A network as data: values, and the steps that make one from another.
//!
//! A [`Layer`] puts its steps into a [`Builder`]; the [`Plan`] that comes out of it can be counted,
//! [fused](Plan::fuse), laid out in memory ([`Memory`]) and printed, all without a device and without
//! weights: a weight is known by its name and shape alone. A plan is for one shape of input and is made in
//! far less than a millisecond, so that another batch or image size is another plan, over the same weights
//! and, for the most part, the same pipelines.

mod builder;
mod constant;
mod count;
mod fuse;
mod layer;
mod memory;
mod table;

use crate::error::Result;
use crate::ops::Operator;
use crate::shape::Shape;
use crate::state_dict::StateDict;

pub use builder::Builder;
pub use constant::{Constant, Norm};
pub use layer::Layer;
pub use memory::{Memory, Place, Span, Ways};
pub use table::{Table, TableRow};

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
    pub(crate) inputs: Vec<Value>,
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

    /// The values given at each run, in order.
    pub fn inputs(&self) -> &[Value] {
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

    /// The same plan with only these results and the steps that lead to them; an error names those that
    /// it does not have.
    pub fn keep(mut self, outputs: &[&str]) -> Result<Plan> {
        for &wanted in outputs {
            if !self.outputs.iter().any(|(name, _)| name == wanted) {
                return Err(crate::Error::UnknownOutput {
                    network: self.name,
                    output: wanted.to_owned(),
                    known: self.outputs.into_iter().map(|(name, _)| name).collect(),
                });
            }
        }
        self.outputs.retain(|(name, _)| outputs.contains(&name.as_str()));
        self.drop_unread();
        Ok(self)
    }

    /// Takes out the steps whose result nobody reads, and the values that nobody has any more.
    pub(crate) fn drop_unread(&mut self) {
        let mut read = vec![false; self.values.len()];
        for (_, value) in &self.outputs {
            read[value.0] = true;
        }
        for step in self.steps.iter().rev() {
            if read[step.output.0] {
                for input in &step.inputs {
                    read[input.0] = true;
                }
            }
        }
        self.steps.retain(|step| read[step.output.0]);
        for input in &self.inputs {
            read[input.0] = true;
        }
        let mut kept = 0;
        let place: Vec<usize> = read
            .iter()
            .map(|&read| {
                kept += usize::from(read);
                kept.saturating_sub(1)
            })
            .collect();
        let mut reads = read.iter();
        self.values.retain(|_| reads.next() == Some(&true));
        let moved = |value: &mut Value| value.0 = place[value.0];
        self.inputs.iter_mut().for_each(moved);
        self.outputs.iter_mut().for_each(|(_, value)| moved(value));
        for step in &mut self.steps {
            step.inputs.iter_mut().for_each(moved);
            moved(&mut step.output);
        }
    }
}

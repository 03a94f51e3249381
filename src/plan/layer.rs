//! What can be put into a plan.

use super::builder::Builder;
use super::graph::{Plan, Value};
use crate::error::{Error, Result};
use crate::shape::{Shape, ShapeError};

/// A layer or a network: knows its parameters, and adds its steps to a plan.
pub trait Layer: std::fmt::Debug + Send + Sync {
    /// Its name, for people and errors.
    fn name(&self) -> String;

    /// Its inputs by name, each with a small shape that it takes, for counting where no input is at hand.
    fn example_inputs(&self) -> Vec<(&'static str, Shape)>;

    /// The names of the values that [`Layer::build`] gives back: the main result first, `out` alone unless a layer
    /// says otherwise.
    fn outputs(&self) -> Vec<&'static str> {
        vec!["out"]
    }

    /// Adds its steps to the plan, from the values of its inputs to those of its outputs. Weights are named within
    /// the present scope; further results may be [exposed](Builder::expose).
    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>>;

    /// Adds the steps of a layer that has one input and one output.
    fn build_one(&self, plan: &mut Builder, x: Value) -> Result<Value> {
        match self.build(plan, &[x])?[..] {
            [y] => Ok(y),
            ref built => Err(miscounted(plan, 1, built)),
        }
    }

    /// The name of its main result.
    fn output(&self) -> &'static str {
        self.outputs().first().copied().unwrap_or_default()
    }

    /// The plan for an input of this shape, step by step as the layer is defined; [`Plan::fuse`] makes it
    /// fast.
    fn plan(&self, x: &Shape) -> Result<Plan> {
        self.plan_for(std::slice::from_ref(x))
    }

    /// The plan for inputs of these shapes, in the order of [`Layer::example_inputs`].
    fn plan_for(&self, inputs: &[Shape]) -> Result<Plan> {
        let mut plan = Builder::new(&self.name());
        let expected: Vec<&str> = self.example_inputs().iter().map(|(name, _)| *name).collect();
        if inputs.len() != expected.len() {
            let found = inputs.len();
            return Err(plan.refuse("plan", ShapeError::InputCount { expected, found }));
        }
        let values = expected.into_iter().zip(inputs).map(|(name, shape)| plan.input(name, shape));
        let values: Vec<Value> = values.collect();
        let (built, names) = (self.build(&mut plan, &values)?, self.outputs());
        if built.len() != names.len() {
            return Err(miscounted(&plan, names.len(), &built));
        }
        for (name, value) in names.into_iter().zip(built) {
            if !plan.has_output(name) {
                plan.output(name, value);
            }
        }
        Ok(plan.finish())
    }

    /// The plan of its example inputs.
    fn example_plan(&self) -> Result<Plan> {
        let shapes: Vec<Shape> =
            self.example_inputs().into_iter().map(|(_, shape)| shape).collect();
        self.plan_for(&shapes)
    }

    /// The shape of its main result for an input of this shape.
    fn output_shape(&self, x: &Shape) -> Result<Shape> {
        let plan = self.plan(x)?.keep(&[self.output()])?;
        Ok(plan.outputs().first().map_or_else(|| x.clone(), |&(_, y)| plan.shape(y).clone()))
    }

    /// The number of learnt values.
    fn parameters(&self) -> Result<u64> {
        Ok(self.example_plan()?.parameters())
    }

    /// Multiply-adds for an input of this shape.
    fn macs(&self, x: &Shape) -> Result<u64> {
        self.plan(x)?.macs()
    }
}

fn miscounted(plan: &Builder, named: usize, built: &[Value]) -> Error {
    plan.refuse(
        "layer",
        ShapeError::Parameter {
            parameter: "the number of outputs",
            must: "that of their names",
            value: format!("{} where {named} are named", built.len()),
        },
    )
}

//! What can be put into a plan.

use super::{Builder, Plan, Value};
use crate::error::Result;
use crate::shape::Shape;

/// A layer or a network: knows its parameters, and adds its steps to a plan.
pub trait Layer: std::fmt::Debug + Send + Sync {
    /// Its name, for people and errors.
    fn name(&self) -> String;

    /// A small input that it takes, for counting where no input is at hand.
    fn example_input(&self) -> Shape;

    /// Adds its steps to the plan, from the value `x` to the value that is given back. Weights are named
    /// within the present scope; further results may be named as outputs.
    fn build(&self, plan: &mut Builder, x: Value) -> Result<Value>;

    /// The name of its result.
    fn output(&self) -> &'static str {
        "out"
    }

    /// The plan for an input of this shape, step by step as the layer is defined; [`Plan::fuse`] makes it
    /// fast.
    fn plan(&self, x: &Shape) -> Result<Plan> {
        let mut builder = Builder::new(&self.name());
        let input = builder.input("x", x);
        let output = self.build(&mut builder, input)?;
        if !builder.has_output(self.output()) {
            builder.output(self.output(), output);
        }
        Ok(builder.finish())
    }

    /// The shape of its result for an input of this shape.
    fn output_shape(&self, x: &Shape) -> Result<Shape> {
        let mut builder = Builder::new(&self.name());
        let input = builder.input("x", x);
        let output = self.build(&mut builder, input)?;
        Ok(builder.shape(output).clone())
    }

    /// The number of learnt values.
    fn parameters(&self) -> Result<u64> {
        Ok(self.plan(&self.example_input())?.parameters())
    }

    /// Multiply-adds for an input of this shape.
    fn macs(&self, x: &Shape) -> Result<u64> {
        self.plan(x)?.macs()
    }
}

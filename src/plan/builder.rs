//! A plan under construction. Every step's shapes are checked as it is added.

use std::collections::HashMap;

use super::constant::Constant;
use super::graph::{Action, Plan, Source, Step, Value, ValueInfo, Weight};
use crate::error::{Error, Result, ShapeError};
use crate::ops::{Op, Operator};
use crate::shape::Shape;

/// Collects the steps of a [`Plan`].
#[derive(Debug)]
pub struct Builder {
    plan: Plan,
    /// The layers that are being built, outermost first.
    scope: Vec<String>,
    /// The tensors of the state dict that were asked for.
    weights: HashMap<String, Value>,
}

impl Builder {
    /// An empty plan of this name.
    pub fn new(name: &str) -> Self {
        Builder {
            plan: Plan { name: name.to_owned(), ..Plan::default() },
            scope: Vec::new(),
            weights: HashMap::new(),
        }
    }

    /// A value that is given at each run under this name.
    pub fn input(&mut self, name: &str, shape: &Shape) -> Value {
        let value = self.value(name.to_owned(), shape.clone(), Source::Input);
        self.plan.inputs.push((name.to_owned(), value));
        value
    }

    /// The values that a layer is given, where they are as many as it has names for: `let [x] = plan.take(inputs,
    /// ["x"])?`.
    pub fn take<const N: usize>(
        &self,
        inputs: &[Value],
        names: [&'static str; N],
    ) -> Result<[Value; N]> {
        let (expected, found) = (names.to_vec(), inputs.len());
        let wrong = |_| self.refuse("layer", ShapeError::InputCount { expected, found });
        inputs.try_into().map_err(wrong)
    }

    /// The shape of a value.
    pub fn shape(&self, value: Value) -> &Shape {
        self.plan.shape(value)
    }

    /// What is built by `build` belongs to the layer of this name within the present one; errors say so.
    pub fn scope<T>(
        &mut self,
        name: &str,
        build: impl FnOnce(&mut Builder) -> Result<T>,
    ) -> Result<T> {
        self.scope.push(name.to_owned());
        let built = build(self);
        self.scope.pop();
        built
    }

    /// A learnt tensor of the state dict, by its name within the layer.
    pub fn weight(&mut self, name: &str, shape: impl Into<Shape>) -> Value {
        self.tensor(name, shape.into(), true)
    }

    /// A tensor of the state dict that is not learnt but measured, such as a running mean.
    pub fn statistic(&mut self, name: &str, shape: impl Into<Shape>) -> Value {
        self.tensor(name, shape.into(), false)
    }

    /// The tensor of the state dict of this name; one that is asked for again, by a layer that is used more than once, is the
    /// same value.
    fn tensor(&mut self, name: &str, shape: Shape, parameter: bool) -> Value {
        let name = self.path(name);
        let known = self.weights.get(&name).copied();
        if let Some(value) = known.filter(|&value| *self.shape(value) == shape) {
            return value;
        }
        self.plan.weights.push(Weight { name: name.clone(), shape: shape.clone(), parameter });
        let constant = Constant::Weight { name: name.clone(), shape: shape.clone() };
        let value = self.value(name.clone(), shape, Source::Constant(constant));
        self.weights.insert(name, value);
        value
    }

    /// A value that is known before any input and of no state dict.
    pub fn constant(&mut self, name: &str, shape: impl Into<Shape>, constant: Constant) -> Value {
        let name = self.path(name);
        self.value(name, shape.into(), Source::Constant(constant))
    }

    /// A value that is made of another constant; it takes that one's place.
    pub fn derive(
        &mut self,
        value: Value,
        shape: impl Into<Shape>,
        make: impl FnOnce(Constant) -> Constant,
    ) -> Value {
        let info = self.plan.value(value).clone();
        match info.source {
            Source::Constant(constant) => {
                self.value(info.name, shape.into(), Source::Constant(make(constant)))
            }
            // What is not a constant cannot be made beforehand.
            _ => value,
        }
    }

    /// Adds a step that applies an operator; `name` is its name within the layer, empty for the layer's own.
    pub fn apply(
        &mut self,
        name: &str,
        op: impl Into<Operator>,
        inputs: &[Value],
    ) -> Result<Value> {
        let op = op.into();
        let step = self.path(name);
        let shapes: Vec<&Shape> = inputs.iter().map(|&input| self.plan.shape(input)).collect();
        let at = |source| Error::Layer {
            layer: step.clone(),
            source: Box::new(Error::Shape { op: op.name(), source }),
        };
        let shape = op.output_shape(&shapes).map_err(at)?;
        Ok(self.step(step, Action::Apply(op), inputs, shape))
    }

    /// Gives values another shape; nothing is moved.
    pub fn reshape(&mut self, value: Value, shape: impl Into<Shape>) -> Result<Value> {
        let shape = shape.into();
        if self.shape(value) == &shape {
            return Ok(value);
        }
        let step = self.path("reshape");
        let at = |source| Error::Layer {
            layer: step.clone(),
            source: Box::new(Error::Shape { op: "reshape", source }),
        };
        self.shape(value).elements().and_then(|found| shape.holds(found)).map_err(at)?;
        Ok(self.step(step, Action::Reshape, &[value], shape))
    }

    /// An error of the layer that is being built.
    pub fn refuse(&self, op: &'static str, source: ShapeError) -> Error {
        Error::Layer { layer: self.path(""), source: Box::new(Error::Shape { op, source }) }
    }

    /// Gives a value the name of a result.
    pub fn output(&mut self, name: &str, value: Value) {
        self.plan.outputs.push((name.to_owned(), value));
    }

    /// Whether a result has this name.
    pub fn has_output(&self, name: &str) -> bool {
        self.plan.outputs.iter().any(|(known, _)| known == name)
    }

    /// Gives a value the name of a result below the layer that is being built: `layer1.0.conv2.kernel`.
    pub fn expose(&mut self, name: &str, value: Value) {
        let name = self.path(name);
        self.plan.outputs.push((name, value));
    }

    /// The plan.
    pub fn finish(self) -> Plan {
        self.plan
    }

    fn step(&mut self, name: String, action: Action, inputs: &[Value], shape: Shape) -> Value {
        let output = self.value(name.clone(), shape, Source::Step);
        self.plan.steps.push(Step { name, action, inputs: inputs.to_vec(), output });
        output
    }

    fn value(&mut self, name: String, shape: Shape, source: Source) -> Value {
        self.plan.values.push(ValueInfo { name, shape, source });
        Value(self.plan.values.len() - 1)
    }

    /// A name with the layers that it lies in before it.
    fn path(&self, name: &str) -> String {
        let parts = self.scope.iter().map(String::as_str).chain([name]);
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { self.plan.name.clone() } else { parts.join(".") }
    }
}

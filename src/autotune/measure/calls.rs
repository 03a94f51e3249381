//! The calls of a network, each once.

use std::collections::HashMap;

use crate::autotune::Key;
use crate::ops::Operator;
use crate::plan::Plan;
use crate::shape::Shape;

/// A call to be tuned.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What its choice is stored under.
    pub key: Key,
    /// The operator.
    pub op: Operator,
    /// The shapes of its inputs.
    pub shapes: Vec<Shape>,
    /// The first step of the plan that makes it.
    pub step: String,
    /// How many steps share its key.
    pub steps: usize,
}

impl Call {
    /// A call by itself.
    pub fn new(op: impl Into<Operator>, shapes: &[&Shape]) -> Self {
        let op = op.into();
        let shapes: Vec<Shape> = shapes.iter().map(|&shape| shape.clone()).collect();
        let key = Key::of(&op, &shapes.iter().collect::<Vec<_>>());
        Call { key, op, shapes, step: String::new(), steps: 1 }
    }
}

/// The calls of a plan in the order of its steps; steps with the same key are one, by the shapes of the first.
pub fn calls(plan: &Plan) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    for (step, op, shapes) in plan.calls() {
        let call = Call::new(op.clone(), &shapes);
        match places.get(&call.key) {
            Some(&place) => calls[place].steps += 1,
            None => {
                places.insert(call.key.clone(), calls.len());
                calls.push(Call { step: step.name.clone(), ..call });
            }
        }
    }
    calls
}

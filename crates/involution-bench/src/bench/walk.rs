//! A plan one step at a time, for what has to look or meddle between two steps.

use std::collections::HashMap;

use involution::plan::{Action, Plan, Source, Step, Value};
use involution::{Error, Operator, Result, StateDict, Tensor};

/// What runs an operator.
pub type Run<'a> = &'a dyn Fn(&Operator, &[&Tensor]) -> Result<Tensor>;

/// The values of a plan that a later step or its caller still needs.
#[derive(Debug)]
pub struct Walk<'a> {
    plan: &'a Plan,
    values: HashMap<Value, Tensor>,
    /// How often each value will still be read.
    readers: HashMap<Value, usize>,
}

impl<'a> Walk<'a> {
    /// Before the first step of a plan of one input.
    pub fn new(plan: &'a Plan, x: &Tensor) -> Self {
        let values = plan.inputs().first().map(|&(_, input)| (input, x.clone()));
        let read = plan.steps().iter().flat_map(|step| step.inputs.iter());
        let kept = plan.outputs().iter().map(|(_, value)| value);
        let mut readers = HashMap::new();
        for &value in read.chain(kept) {
            *readers.entry(value).or_default() += 1;
        }
        Walk { plan, values: values.into_iter().collect(), readers }
    }

    /// A value that was computed and is still needed.
    pub fn value(&self, value: Value) -> Option<&Tensor> {
        self.values.get(&value)
    }

    /// The same, for the last who needs it.
    pub fn take(&mut self, value: Value) -> Option<Tensor> {
        self.values.remove(&value)
    }

    /// Runs the next step.
    pub fn step(&mut self, step: &Step, weights: &StateDict, run: Run<'_>) -> Result<()> {
        let mut constants = HashMap::new();
        for &input in &step.inputs {
            if let Source::Constant(constant) = &self.plan.value(input).source {
                constants.insert(input, constant.evaluate(weights)?.into_owned());
            }
        }
        let find = |input: &Value| constants.get(input).or_else(|| self.values.get(input));
        let inputs: Vec<&Tensor> = step.inputs.iter().filter_map(find).collect();
        let output = match &step.action {
            Action::Apply(op) => run(op, &inputs)?,
            Action::Reshape => {
                let data = inputs.first().map_or_else(Vec::new, |input| input.data().to_vec());
                let shape = self.plan.shape(step.output).clone();
                Tensor::new(shape, data).map_err(Error::at("reshape"))?
            }
        };
        self.values.insert(step.output, output);
        for input in &step.inputs {
            if let Some(readers) = self.readers.get_mut(input) {
                *readers -= 1;
                if *readers == 0 {
                    self.values.remove(input);
                }
            }
        }
        Ok(())
    }
}

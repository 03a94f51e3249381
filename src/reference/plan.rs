//! A whole plan by the definitions of its operators, in double precision throughout.

use super::array::Array;
use super::evaluate::evaluate;
use crate::error::{Error, Result, ShapeError};
use crate::plan::{Action, Plan, Source, Value};
use crate::tensor::{AsView, StateDict, Tensor};

/// Runs a plan on host tensors, one for each of its inputs, and rounds each result once.
pub fn run_plan(
    plan: &Plan,
    weights: &StateDict,
    inputs: &[impl AsView],
) -> Result<Vec<(String, Tensor)>> {
    let wrong = |source| Error::Layer {
        layer: plan.name().to_owned(),
        source: Box::new(Error::Shape { op: "plan", source }),
    };
    if inputs.len() != plan.inputs().len() {
        let (expected, found) = (vec!["input"; plan.inputs().len()], inputs.len());
        return Err(wrong(ShapeError::InputCount { expected, found }));
    }
    let mut values: Vec<Option<Array>> = vec![None; plan.values().len()];
    for ((_, input), given) in plan.inputs().iter().zip(inputs) {
        let given = given.view();
        if given.shape() != plan.shape(*input) {
            let (shape, found) = (plan.shape(*input).clone(), given.data().len());
            let expected = shape.elements().map_err(wrong)?;
            return Err(wrong(ShapeError::DataLength { shape, expected, found }));
        }
        values[input.0] = Some(Array::from(given));
    }
    // A value is dropped after the step that reads it last.
    let mut last_read = vec![usize::MAX; plan.values().len()];
    for (index, step) in plan.steps().iter().enumerate() {
        step.inputs.iter().for_each(|input| last_read[input.0] = index);
    }
    plan.outputs().iter().for_each(|(_, output)| last_read[output.0] = usize::MAX);
    for (index, step) in plan.steps().iter().enumerate() {
        let arrays: Vec<Array> = step
            .inputs
            .iter()
            .enumerate()
            .map(|(place, input)| {
                // A step may read a value twice.
                let again = step.inputs[place + 1..].contains(input);
                let last = last_read[input.0] == index && !again;
                load(plan, weights, &mut values, *input, last)
            })
            .collect::<Result<_>>()?;
        let at = |error| Error::Layer { layer: step.name.clone(), source: Box::new(error) };
        let result = match (&step.action, arrays.into_iter()) {
            (Action::Apply(op), arrays) => evaluate(op, arrays.as_slice()).map_err(at)?,
            (Action::Reshape, mut arrays) => {
                let array = arrays.next().unwrap_or_else(|| Array::zeros(&[0]));
                Array { shape: plan.shape(step.output).dims().to_vec(), ..array }
            }
        };
        values[step.output.0] = Some(result);
    }
    plan.outputs()
        .iter()
        .map(|(name, output)| {
            let array = load(plan, weights, &mut values, *output, false)?;
            Ok((name.clone(), array.to_tensor()?))
        })
        .collect()
}

/// A value, taken out of the table where nobody reads it again.
fn load(
    plan: &Plan,
    weights: &StateDict,
    values: &mut [Option<Array>],
    value: Value,
    last: bool,
) -> Result<Array> {
    if let Source::Constant(constant) = &plan.value(value).source {
        return Ok(Array::from(&*constant.evaluate(weights)?));
    }
    let slot = &mut values[value.0];
    let array = if last { slot.take() } else { slot.clone() };
    let unwritten = || format!("value {} of {} is read before it is written", value.0, plan.name());
    array.ok_or_else(|| Error::Internal(unwritten()))
}

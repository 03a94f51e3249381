//! A whole plan by the definitions of its operators, in double precision throughout.

use std::sync::Arc;

use super::array::Array;
use super::evaluate::{evaluate, run};
use crate::error::{Error, Result, ShapeError};
use crate::ops::Operator;
use crate::plan::{Action, Layer, Loaded, Plan};
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
    let mut arrays = Vec::with_capacity(inputs.len());
    for ((_, input), given) in plan.inputs().iter().zip(inputs) {
        let given = given.view();
        if given.shape() != plan.shape(*input) {
            let (shape, found) = (plan.shape(*input).clone(), given.data().len());
            let expected = shape.elements().map_err(wrong)?;
            return Err(wrong(ShapeError::DataLength { shape, expected, found }));
        }
        arrays.push(Array::from(given));
    }
    let outputs = plan.walk(
        arrays,
        |constant| Ok(Array::from(&*constant.evaluate(weights)?)),
        |step, arrays| match &step.action {
            Action::Apply(op) => evaluate(op, &arrays).map_err(|error| Error::Layer {
                layer: step.name.clone(),
                source: Box::new(error),
            }),
            Action::Reshape => {
                let array = arrays.into_iter().next().unwrap_or_else(|| Array::zeros(&[0]));
                Ok(Array { shape: plan.shape(step.output).dims().to_vec(), ..array })
            }
        },
    )?;
    outputs.into_iter().map(|(name, array)| Ok((name, array.to_tensor()?))).collect()
}

/// A layer with its weights that runs by the definitions.
#[derive(Debug, Clone)]
pub struct Network {
    layer: Arc<dyn Layer>,
    weights: StateDict,
}

impl Network {
    /// A layer with its weights; an error lists all in which they are not those of the layer.
    pub fn new(layer: Arc<dyn Layer>, weights: StateDict) -> Result<Self> {
        layer.example_plan()?.check_weights(&weights)?;
        Ok(Network { layer, weights })
    }
}

impl Loaded for Network {
    type Tensor = Tensor;

    fn place(&self, tensor: &Tensor) -> Result<Tensor> {
        Ok(tensor.clone())
    }

    fn run_placed(&self, inputs: &[&Tensor], outputs: &[&str]) -> Result<Vec<Tensor>> {
        let shapes: Vec<_> = inputs.iter().map(|tensor| tensor.shape().clone()).collect();
        let plan = self.layer.plan_for(&shapes)?.keep(outputs)?;
        let results = run_plan(&plan, &self.weights, inputs)?;
        let find = |name: &&str| {
            results.iter().find(|(known, _)| known == name).map(|(_, tensor)| tensor.clone())
        };
        Ok(outputs.iter().filter_map(find).collect())
    }

    fn apply(&self, op: Operator, inputs: &[&Tensor]) -> Result<Tensor> {
        run(&op, inputs)
    }

    fn fetch(&self, tensor: &Tensor) -> Result<Tensor> {
        Ok(tensor.clone())
    }
}

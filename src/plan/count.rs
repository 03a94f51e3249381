//! Parameters and arithmetic of a plan.

use super::graph::{Action, Plan, Step, Value};
use crate::error::{Error, Result};
use crate::ops::{Activation, Op, Operator};
use crate::tensor::DType;

impl Plan {
    /// The number of learnt values.
    pub fn parameters(&self) -> u64 {
        let learnt = self.weights.iter().filter(|weight| weight.parameter);
        learnt.map(|weight| count(weight.shape.elements().unwrap_or(0))).sum()
    }

    /// Bytes of a value in a buffer of elements of this type.
    pub fn bytes(&self, value: Value, dtype: DType) -> Result<u64> {
        let elements = self.shape(value).elements().map_err(Error::at("plan"))?;
        Ok(dtype.bytes(count(elements)))
    }

    /// Multiply-adds of the convolutions, involutions and linear layers, as papers count them.
    pub fn macs(&self) -> Result<u64> {
        self.steps.iter().map(|step| self.step_macs(step)).sum()
    }

    /// Multiply-adds of one step.
    pub fn step_macs(&self, step: &Step) -> Result<u64> {
        match &step.action {
            Action::Apply(op) => op.macs(&self.input_shapes(step)).map_err(Error::at(op.name())),
            Action::Reshape => Ok(0),
        }
    }

    /// Operations as mmclassification's `get_flops` counts them, which is how RedNet's figures were made:
    /// a multiply-add counts one, so does each bias, activation and value that is pooled, a normalised
    /// value two; of the network from its input to the last global pooling.
    ///
    /// Meaningful for a plan that was not fused.
    pub fn mmcls_flops(&self) -> Result<u64> {
        let mut total = 0;
        let is_pool =
            |step: &Step| matches!(step.action, Action::Apply(Operator::GlobalAvgPool(_)));
        let last_pool = self.steps.iter().rposition(is_pool);
        for (index, step) in self.steps.iter().enumerate() {
            let Action::Apply(op) = &step.action else { continue };
            let outputs = count(self.shape(step.output).elements().map_err(Error::at(op.name()))?);
            let read = step.inputs.first().map(|&x| self.shape(x).elements());
            let read = count(read.transpose().map_err(Error::at(op.name()))?.unwrap_or(0));
            total += self.step_macs(step)?;
            total += match op {
                Operator::Conv2d(conv) if conv.bias => outputs,
                Operator::Conv3d(conv) if conv.bias => outputs,
                Operator::BatchNorm(_) => 2 * outputs,
                Operator::Activate(activate) if activate.activation != Activation::None => outputs,
                Operator::AvgPool2d(_) | Operator::MaxPool2d(_) => read,
                Operator::AvgPool3d(_) | Operator::MaxPool3d(_) => read,
                Operator::GlobalAvgPool(_) if Some(index) == last_pool => return Ok(total + read),
                Operator::GlobalAvgPool(_) => read,
                _ => 0,
            };
        }
        Ok(total)
    }
}

fn count(elements: usize) -> u64 {
    elements as u64
}

//! Convolutions of tensors one behind the other, as sums of the convolutions of each.

use crate::ops::{Activation, Conv2d, Operator};
use crate::plan::constant::Constant;
use crate::plan::graph::{Action, Plan, Source, Step, Value, ValueInfo};
use crate::shape::Shape;

impl Plan {
    /// Makes of each convolution that alone reads a concatenation one convolution for each of the parts, with their columns of
    /// the weight, of which every one adds the result of the one before: what is concatenated is never stored.
    pub(super) fn split_concats(&mut self) {
        let mut index = 0;
        while index < self.steps.len() {
            if let Some(parts) = self.convolutions_of_parts(index) {
                let added = parts.len();
                self.steps.splice(index..=index, parts);
                index += added;
            } else {
                index += 1;
            }
        }
        self.drop_unread();
    }

    /// The convolutions of the parts of what a step reads; nothing where that is no concatenation, or where its channels are
    /// in groups.
    fn convolutions_of_parts(&mut self, index: usize) -> Option<Vec<Step>> {
        let step = self.steps[index].clone();
        let Action::Apply(Operator::Conv2d(conv)) = &step.action else { return None };
        let [x, weight, ref more @ ..] = *step.inputs.as_slice() else { return None };
        let parts = self.parts(x);
        if parts.len() < 2 || conv.groups != 1 {
            return None;
        }
        let of = self.constant(weight)?;
        let (bias, residual) = more.split_at(usize::from(conv.bias));
        let mut sum = residual.first().copied();
        let mut steps = Vec::new();
        let mut start = 0;
        for (place, &part) in parts.iter().enumerate() {
            let length = *self.shape(part).dims().get(1)?;
            let name = format!("{}[{start}..{}]", step.name, start + length);
            let mut dims = self.shape(weight).dims().to_vec();
            *dims.get_mut(1)? = length;
            let columns = Constant::Slice { of: Box::new(of.clone()), axis: 1, start, length };
            let columns = self.new_constant(format!("{name}.weight"), Shape::new(dims), columns);
            let is_last = place + 1 == parts.len();
            let op = Conv2d {
                bias: conv.bias && is_last,
                residual: sum.is_some(),
                activation: if is_last { conv.activation } else { Activation::None },
                ..*conv
            };
            let bias = bias.iter().copied().filter(|_| is_last);
            let inputs = [part, columns].into_iter().chain(bias).chain(sum).collect();
            let output = if is_last {
                step.output
            } else {
                let shape = self.shape(step.output).clone();
                self.new_value(ValueInfo { name: name.clone(), shape, source: Source::Step })
            };
            sum = Some(output);
            start += length;
            steps.push(Step { name, action: Action::Apply(op.into()), inputs, output });
        }
        Some(steps)
    }

    /// What a value is concatenated of, in order, where nothing else reads it; else the value alone.
    fn parts(&self, value: Value) -> Vec<Value> {
        let maker = self.only_maker(value).map(|maker| &self.steps[maker]);
        match maker {
            Some(Step { action: Action::Apply(Operator::Concat(_)), inputs, .. }) => {
                inputs.iter().flat_map(|&input| self.parts(input)).collect()
            }
            _ => vec![value],
        }
    }
}

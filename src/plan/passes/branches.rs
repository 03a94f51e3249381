//! Layers that read one input, and whose results are summed, are one layer with the sum of their weights.

use crate::ops::{Activation, Conv2d, Operator};
use crate::plan::constant::Constant;
use crate::plan::graph::{Action, Plan, Step, Value};
use crate::shape::{Shape, Window};

impl Plan {
    /// Makes one convolution, or one linear layer, of each two whose results are summed, and of each convolution and its
    /// input. A smaller kernel, such as that of a 1x1 convolution, lies in the middle of the larger one.
    pub(super) fn merge_branches(&mut self) {
        for index in 0..self.steps.len() {
            let Some(merged) = self.merged(index) else { continue };
            self.steps[index] = merged;
        }
        self.drop_unread();
    }

    /// The one layer whose result is the sum of a step.
    fn merged(&mut self, index: usize) -> Option<Step> {
        let step = &self.steps[index];
        let Action::Apply(Operator::Add(add)) = &step.action else { return None };
        let (activation, output) = (add.activation, step.output);
        let &[x, y] = step.inputs.as_slice() else { return None };
        if self.shape(x) != self.shape(y) {
            return None;
        }
        let layers = [x, y].map(|value| Some(self.steps[self.only_maker(value)?].clone()));
        let mut merged = match layers {
            [Some(first), Some(second)] => self.sum_of(first, second)?,
            [Some(layer), None] => self.with_identity(layer, y)?,
            [None, Some(layer)] => self.with_identity(layer, x)?,
            [None, None] => return None,
        };
        match &mut merged.action {
            Action::Apply(Operator::Conv2d(conv)) => conv.activation = activation,
            Action::Apply(Operator::Linear(linear)) => linear.activation = activation,
            _ => return None,
        }
        merged.output = output;
        Some(merged)
    }

    /// Two layers of one input as the first of them.
    fn sum_of(&mut self, first: Step, second: Step) -> Option<Step> {
        if first.inputs.first()? != second.inputs.first()? {
            return None;
        }
        let (Action::Apply(a), Action::Apply(b)) = (&first.action, &second.action) else {
            return None;
        };
        let kernels = [&first, &second].map(|step| step.inputs.get(1).map(|&w| self.shape(w)));
        let [Some(one), Some(other)] = kernels else { return None };
        let shape = match (a, b) {
            (Operator::Linear(a), Operator::Linear(b)) => {
                let plain = [a.activation, b.activation] == [Activation::None; 2];
                (plain && one == other).then(|| one.clone())?
            }
            (Operator::Conv2d(a), Operator::Conv2d(b)) => {
                let plain = |conv: &Conv2d| !conv.residual && conv.activation == Activation::None;
                let alike = (a.stride, a.dilation, a.groups) == (b.stride, b.dilation, b.groups);
                if !plain(a) || !plain(b) || !alike {
                    return None;
                }
                let larger = [0, 1].map(|axis| kernel_size(one)[axis] >= kernel_size(other)[axis]);
                match larger {
                    [true, true] => lies_within((b, other), (a, one)).then(|| one.clone())?,
                    [false, false] => lies_within((a, one), (b, other)).then(|| other.clone())?,
                    _ => return None,
                }
            }
            _ => return None,
        };
        // Windows and padding are those of the layer with the larger kernel.
        let (base, added) = if *one == shape { (first, second) } else { (second, first) };
        let weights = [&base, &added].map(|step| self.constant(step.inputs[1]));
        let [Some(weight), Some(other)] = weights else { return None };
        let biases: Vec<Constant> = [&base, &added]
            .iter()
            .filter_map(|step| step.inputs.get(2))
            .map(|&bias| self.constant(bias))
            .collect::<Option<_>>()?;
        self.with_weights(base, shape, vec![weight, other], biases)
    }

    /// A convolution that adds its input to its result.
    fn with_identity(&mut self, layer: Step, input: Value) -> Option<Step> {
        let Action::Apply(Operator::Conv2d(conv)) = &layer.action else { return None };
        let (&x, &weight) = (layer.inputs.first()?, layer.inputs.get(1)?);
        let shape = self.shape(weight).clone();
        let identity =
            shape.dims().get(1).map(|&inputs| Shape::from([shape.dims()[0], inputs, 1, 1]))?;
        let itself = Conv2d { groups: conv.groups, bias: false, ..Conv2d::default() };
        let plain = !conv.residual && conv.activation == Activation::None;
        let steps_alike = (conv.stride, conv.dilation) == (itself.stride, itself.dilation);
        if x != input
            || !plain
            || !steps_alike
            || !lies_within((&itself, &identity), (conv, &shape))
        {
            return None;
        }
        let weights = vec![self.constant(weight)?, Constant::Identity { shape: identity }];
        let bias = layer.inputs.get(2).map(|&bias| self.constant(bias));
        let biases = bias.into_iter().collect::<Option<_>>()?;
        self.with_weights(layer, shape, weights, biases)
    }

    /// A layer with the sum of these weights and of these biases instead of its own.
    fn with_weights(
        &mut self,
        mut layer: Step,
        shape: Shape,
        weights: Vec<Constant>,
        mut biases: Vec<Constant>,
    ) -> Option<Step> {
        match &mut layer.action {
            Action::Apply(Operator::Conv2d(conv)) => conv.bias = !biases.is_empty(),
            Action::Apply(Operator::Linear(linear)) => linear.bias = !biases.is_empty(),
            _ => return None,
        }
        let rows = Shape::from([*shape.dims().first()?]);
        let sum = Constant::Sum { of: weights, shape: shape.clone() };
        let weight = self.new_constant(format!("{}.weight", layer.name), shape, sum);
        layer.inputs = vec![*layer.inputs.first()?, weight];
        let bias = match biases.len() {
            0 => return Some(layer),
            1 => biases.remove(0),
            _ => Constant::Sum { of: biases, shape: rows.clone() },
        };
        layer.inputs.push(self.new_constant(format!("{}.bias", layer.name), rows, bias));
        Some(layer)
    }
}

/// Height and width of the kernels of a weight.
fn kernel_size(weight: &Shape) -> [usize; 2] {
    match *weight.dims() {
        [_, _, height, width] => [height, width],
        _ => [1, 1],
    }
}

/// Whether the taps of a convolution are those in the middle of the taps of another, which has the strides, the dilation and
/// the groups of it.
fn lies_within((inner, kernel): (&Conv2d, &Shape), (outer, larger): (&Conv2d, &Shape)) -> bool {
    let padding = |conv: &Conv2d, weight| {
        let window = Window::new(kernel_size(weight)).dilation(conv.dilation);
        window.padding(conv.padding).resolve_padding()
    };
    let (Ok(small), Ok(large)) = (padding(inner, kernel), padding(outer, larger)) else {
        return false;
    };
    kernel.dims().get(..2) == larger.dims().get(..2)
        && [0, 1].into_iter().all(|axis| {
            let more = kernel_size(larger)[axis] - kernel_size(kernel)[axis];
            let margin = more / 2 * outer.dilation[axis];
            more.is_multiple_of(2)
                && [0, 1].into_iter().all(|side| large[axis][side] == small[axis][side] + margin)
        })
}

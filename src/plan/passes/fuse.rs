//! Passes that make a plan faster and leave its results as they are, up to rounding.

use crate::ops::{Activation, BatchNorm, Op, Operator, SpanInvolution};
use crate::plan::constant::{Constant, Norm};
use crate::plan::graph::{Action, Plan, Source, Step, Value, ValueInfo};
use crate::shape::{Shape, Window};

/// What a convolution does besides its sum.
struct Switches<'a> {
    bias: &'a mut bool,
    residual: &'a mut bool,
    activation: &'a mut Activation,
}

impl<'a> Switches<'a> {
    /// Those of an operator that is a convolution.
    fn of(op: &'a mut Operator) -> Option<Self> {
        let (bias, residual, activation) = match op {
            Operator::Conv2d(op) => (&mut op.bias, &mut op.residual, &mut op.activation),
            Operator::Conv3d(op) => (&mut op.bias, &mut op.residual, &mut op.activation),
            _ => return None,
        };
        Some(Switches { bias, residual, activation })
    }
}

impl Plan {
    /// Applies every pass: normalisations folded into the convolutions and involutions before them and the linear layers
    /// after them, layers that read one input and are summed made one, sums done by the convolution that makes one of the operands, kernels made by the involution that uses them,
    /// activations by the step that makes their input, and convolutions of concatenations as sums over the parts.
    pub fn fuse(mut self) -> Plan {
        // What is merged may be a convolution before a normalisation, and what is folded a branch.
        let mut before = usize::MAX;
        while self.steps.len() < before {
            before = self.steps.len();
            self.fold_batch_norms();
            self.fold_into_linear();
            self.merge_branches();
        }
        self.fuse_residuals();
        self.fuse_spans();
        self.fuse_activations();
        self.split_concats();
        self.drop_unread();
        self
    }

    /// Folds each batch normalisation that alone reads a convolution into its weight and bias, and each that
    /// alone reads an involution into its scale and shift.
    fn fold_batch_norms(&mut self) {
        for index in 0..self.steps.len() {
            let Some((before, folded)) = self.folded(index) else { continue };
            let output = self.steps[index].output;
            self.steps[before] = Step { output, ..folded };
            // What is left is a step that nobody needs: it goes with the value it wrote.
            let unread = self.new_value(self.values[output.0].clone());
            self.steps[index].output = unread;
        }
        self.drop_unread();
    }

    /// The step before a batch normalisation, with it folded in, where that is possible.
    fn folded(&mut self, index: usize) -> Option<(usize, Step)> {
        let step = &self.steps[index];
        let Action::Apply(Operator::BatchNorm(norm)) = &step.action else { return None };
        let (norm, inputs) = (*norm, step.inputs.clone());
        let before = self.only_maker(*inputs.first()?)?;
        let constants = Box::new(self.norm(&norm, &inputs)?);
        let mut step = self.steps[before].clone();
        let Action::Apply(op) = &mut step.action else { return None };
        if let Some(Switches { bias, residual, activation }) = Switches::of(op) {
            if *activation != Activation::None || *residual {
                return None;
            }
            *activation = norm.activation;
            let had_bias = std::mem::replace(bias, true);
            self.fold_into_conv(&mut step, had_bias, constants)?;
        } else {
            let (affine, activation) = match op {
                Operator::Involution(op) => (&mut op.affine, &mut op.activation),
                Operator::Involution3d(op) => (&mut op.affine, &mut op.activation),
                _ => return None,
            };
            if *activation != Activation::None || *affine {
                return None;
            }
            (*affine, *activation) = (true, norm.activation);
            self.fold_into_involution(&mut step, constants)?;
        }
        Some((before, step))
    }

    fn fold_into_conv(&mut self, conv: &mut Step, had_bias: bool, norm: Box<Norm>) -> Option<()> {
        let bias =
            if had_bias { Some(Box::new(self.constant(*conv.inputs.get(2)?)?)) } else { None };
        let weight = Box::new(self.constant(*conv.inputs.get(1)?)?);
        let shape = self.shape(*conv.inputs.get(1)?).clone();
        let channels = Shape::from([shape.dims().first().copied()?]);
        let name = &conv.name;
        let weight = Constant::FoldedWeight { weight, norm: norm.clone() };
        let weight = self.new_constant(format!("{name}.weight"), shape, weight);
        let bias = Constant::FoldedBias { bias, norm };
        let bias = self.new_constant(format!("{name}.bias"), channels, bias);
        conv.inputs = vec![*conv.inputs.first()?, weight, bias];
        Some(())
    }

    fn fold_into_involution(&mut self, involution: &mut Step, norm: Box<Norm>) -> Option<()> {
        let channels = Shape::from([self.shape(involution.output).dims().get(1).copied()?]);
        let name = &involution.name;
        let scale = Constant::Scale { norm: norm.clone() };
        let scale = self.new_constant(format!("{name}.scale"), channels.clone(), scale);
        let shift = Constant::FoldedBias { bias: None, norm };
        let shift = self.new_constant(format!("{name}.shift"), channels, shift);
        involution.inputs.extend([scale, shift]);
        Some(())
    }

    /// Folds each batch normalisation of rows that a linear layer alone reads into that one's weight and bias.
    fn fold_into_linear(&mut self) {
        for index in 0..self.steps.len() {
            let Some(folded) = self.with_norm(index) else { continue };
            self.steps[index] = folded;
        }
        self.drop_unread();
    }

    /// The linear layer of a step with the normalisation before it.
    fn with_norm(&mut self, index: usize) -> Option<Step> {
        let mut step = self.steps[index].clone();
        let Action::Apply(Operator::Linear(linear)) = &mut step.action else { return None };
        let [x, weight, bias @ ..] = step.inputs.as_slice() else { return None };
        let before = &self.steps[self.only_maker(*x)?];
        let Action::Apply(Operator::BatchNorm(norm)) = &before.action else { return None };
        if norm.activation != Activation::None || self.shape(*x).rank() != 2 {
            return None;
        }
        let (x, inputs) = (*before.inputs.first()?, before.inputs.clone());
        let norm = Box::new(self.norm(norm, &inputs)?);
        let bias = match bias {
            [bias] => Some(Box::new(self.constant(*bias)?)),
            _ => None,
        };
        linear.bias = true;
        let shape = self.shape(*weight).clone();
        let rows = Shape::from([*shape.dims().first()?]);
        let weight = Box::new(self.constant(*weight)?);
        let bias = Constant::NormedBias { bias, weight: weight.clone(), norm: norm.clone() };
        let weight = Constant::NormedWeight { weight, norm };
        let weight = self.new_constant(format!("{}.weight", step.name), shape, weight);
        let bias = self.new_constant(format!("{}.bias", step.name), rows, bias);
        step.inputs = vec![x, weight, bias];
        Some(step)
    }

    /// The normalisation's tensors as constants; nothing where one is computed.
    fn norm(&self, op: &BatchNorm, inputs: &[Value]) -> Option<Norm> {
        let at = |index: usize| self.constant(*inputs.get(index)?);
        Some(Norm {
            mean: at(1)?,
            variance: at(2)?,
            affine: if op.affine { Some((at(3)?, at(4)?)) } else { None },
            eps: op.eps.to_bits(),
        })
    }

    /// Lets a convolution add what is added to it alone, the end of a residual block: it then runs where the
    /// sum was, and its own result is never stored.
    fn fuse_residuals(&mut self) {
        for index in 0..self.steps.len() {
            let Some((before, fused)) = self.with_residual(index) else { continue };
            let unread = self.new_value(self.values[self.steps[before].output.0].clone());
            self.steps[before].output = unread;
            self.steps[index] = fused;
        }
        self.drop_unread();
    }

    /// The convolution that makes an operand of the sum of a step, and the same with the other operand as its
    /// residual.
    fn with_residual(&self, index: usize) -> Option<(usize, Step)> {
        let step = &self.steps[index];
        let Action::Apply(Operator::Add(add)) = &step.action else { return None };
        let [x, y] = *step.inputs.as_slice() else { return None };
        if self.shape(x) != self.shape(y) {
            return None;
        }
        [(x, y), (y, x)].into_iter().find_map(|(made, other)| {
            let before = self.only_maker(made)?;
            let mut fused = self.steps[before].clone();
            let Action::Apply(op) = &mut fused.action else { return None };
            let Switches { residual, activation, .. } = Switches::of(op)?;
            if *residual || *activation != Activation::None {
                return None;
            }
            (*residual, *activation) = (true, add.activation);
            fused.inputs.push(other);
            fused.output = step.output;
            Some((before, fused))
        })
    }

    /// Lets an involution make its kernel, where that is a 1x1 convolution for it alone: it need not be stored.
    fn fuse_spans(&mut self) {
        for index in 0..self.steps.len() {
            let Some((before, fused)) = self.with_span(index) else { continue };
            let unread = self.new_value(self.values[self.steps[before].output.0].clone());
            self.steps[before].output = unread;
            self.steps[index] = fused;
        }
        self.drop_unread();
    }

    /// The convolution that makes the kernel of an involution, and the involution that does so itself.
    fn with_span(&self, index: usize) -> Option<(usize, Step)> {
        let step = &self.steps[index];
        let Action::Apply(Operator::Involution(involution)) = &step.action else { return None };
        if !involution.is_plain() {
            return None;
        }
        let (&x, &kernel) = (step.inputs.first()?, step.inputs.get(1)?);
        let before = self.only_maker(kernel)?;
        let span = &self.steps[before];
        let Action::Apply(Operator::Conv2d(conv)) = &span.action else { return None };
        let padding = Window { padding: conv.padding, ..Window::new([1, 1]) }.resolve_padding();
        let is_pointwise = self.shape(*span.inputs.get(1)?).dims().ends_with(&[1, 1])
            && (conv.stride, conv.groups) == ([1, 1], 1)
            && padding == Ok([[0, 0], [0, 0]]);
        if !is_pointwise || conv.residual || conv.activation != Activation::None {
            return None;
        }
        let op = SpanInvolution { involution: *involution, bias: conv.bias };
        let inputs = std::iter::once(&x).chain(&span.inputs).chain(&step.inputs[2..]);
        let inputs = inputs.copied().collect();
        Some((before, Step { action: Action::Apply(op.into()), inputs, ..step.clone() }))
    }

    /// Lets each step do the activation that alone reads it.
    fn fuse_activations(&mut self) {
        for index in 0..self.steps.len() {
            let step = &self.steps[index];
            let Action::Apply(Operator::Activate(activate)) = &step.action else { continue };
            let (activation, input) = (activate.activation, step.inputs.first().copied());
            let Some(before) = input.and_then(|input| self.only_maker(input)) else { continue };
            let Action::Apply(op) = &mut self.steps[before].action else { continue };
            let Some(epilogue) = op.epilogue() else { continue };
            if *epilogue != Activation::None {
                continue;
            }
            *epilogue = activation;
            let output = self.steps[index].output;
            let unread = self.new_value(self.values[output.0].clone());
            self.steps[index].output = unread;
            self.steps[before].output = output;
        }
        self.drop_unread();
    }

    /// The step that makes a value, where only one step reads it and it is no result.
    pub(super) fn only_maker(&self, value: Value) -> Option<usize> {
        let readers = self.steps.iter().flat_map(|step| &step.inputs).filter(|&&v| v == value);
        let is_output = self.outputs.iter().any(|(_, output)| *output == value);
        if is_output || readers.count() != 1 {
            return None;
        }
        self.steps.iter().position(|step| step.output == value)
    }

    pub(super) fn constant(&self, value: Value) -> Option<Constant> {
        match &self.value(value).source {
            Source::Constant(constant) => Some(constant.clone()),
            _ => None,
        }
    }

    pub(super) fn new_constant(&mut self, name: String, shape: Shape, constant: Constant) -> Value {
        self.new_value(ValueInfo { name, shape, source: Source::Constant(constant) })
    }

    pub(super) fn new_value(&mut self, info: ValueInfo) -> Value {
        self.values.push(info);
        Value(self.values.len() - 1)
    }
}

//! What networks share: the residual bottleneck of RedNet and ResNet, which differ in its middle, and the head.

use crate::error::Result;
use crate::nn::{ConvSpec, EPS, activate, batch_norm, conv};
use crate::ops::{Activation, Add, GlobalAvgPool, Linear};
use crate::plan::{Builder, Value};
use crate::tensor::StateDict;

/// What the middle of a bottleneck has fewer channels by.
pub(super) const EXPANSION: usize = 4;

/// A stage: blocks of so many output channels, the first with this stride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stage {
    pub blocks: usize,
    pub width: usize,
    pub stride: usize,
}

/// The blocks of the four stages by depth.
pub(super) const DEPTHS: [(usize, [usize; 4]); 5] = [
    (26, [1, 2, 4, 1]),
    (38, [2, 3, 5, 2]),
    (50, [3, 4, 6, 3]),
    (101, [3, 4, 23, 3]),
    (152, [3, 8, 36, 3]),
];

/// Four stages of so many blocks, each after the first at half the size.
pub(super) fn stages(blocks: [usize; 4]) -> Vec<Stage> {
    let stage = |(index, blocks): (usize, usize)| {
        let stride = if index == 0 { 1 } else { 2 };
        Stage { blocks, width: 256 << index, stride }
    };
    blocks.into_iter().enumerate().map(stage).collect()
}

/// `relu(identity + bn3(conv3(relu(bn2(middle(relu(bn1(conv1(x)))))))))`, the identity through a 1x1
/// convolution in the first block of a stage. `middle` gets its input, and the stride that it has to do.
pub(super) fn stage(
    plan: &mut Builder,
    name: &str,
    mut x: Value,
    stage: Stage,
    middle: impl Fn(&mut Builder, Value, usize) -> Result<Value>,
) -> Result<Value> {
    plan.scope(name, |plan| {
        for block in 0..stage.blocks {
            let stride = if block == 0 { stage.stride } else { 1 };
            x = plan.scope(&block.to_string(), |plan| {
                let reduced = ConvSpec::pointwise(stage.width / EXPANSION);
                let y = normed(plan, ["conv1", "bn1"], x, reduced)?;
                let y = relu(plan, "bn1", y)?;
                let y = middle(plan, y, stride)?;
                let y = batch_norm(plan, "bn2", y, EPS)?;
                let y = relu(plan, "bn2", y)?;
                let y = normed(plan, ["conv3", "bn3"], y, ConvSpec::pointwise(stage.width))?;
                let identity = if block > 0 {
                    x
                } else {
                    let spec = ConvSpec::pointwise(stage.width);
                    let spec = ConvSpec { stride: [stride; 2], ..spec };
                    normed(plan, ["downsample.0", "downsample.1"], x, spec)?
                };
                let sum = plan.apply("add", Add::default(), &[y, identity])?;
                activate(plan, sum, Activation::Relu)
            })?;
        }
        Ok(x)
    })
}

/// A convolution and the normalisation after it.
pub(super) fn normed(
    plan: &mut Builder,
    [conv_name, norm]: [&str; 2],
    x: Value,
    spec: ConvSpec,
) -> Result<Value> {
    let y = conv(plan, conv_name, x, spec)?;
    batch_norm(plan, norm, y, EPS)
}

fn relu(plan: &mut Builder, name: &str, x: Value) -> Result<Value> {
    plan.scope(name, |plan| activate(plan, x, Activation::Relu))
}

/// The number of classes of the head whose weight has this name; nothing where there is none.
pub(super) fn classes_of(weights: &StateDict, name: &str) -> Option<usize> {
    weights.shape(name)?.dims().first().copied()
}

/// Ends a network: global pooling and a linear layer, where it has classes.
pub(super) fn head(
    plan: &mut Builder,
    x: Value,
    name: &str,
    classes: Option<usize>,
) -> Result<Value> {
    let Some(classes) = classes else { return Ok(x) };
    let pooled = plan.apply("pool", GlobalAvgPool, &[x])?;
    let dims = plan.shape(pooled).dims();
    let [batch, features] = [dims[0], dims[1]];
    let flat = plan.reshape(pooled, [batch, features])?;
    plan.scope(name, |plan| {
        let weight = plan.weight("weight", [classes, features]);
        let bias = plan.weight("bias", [classes]);
        let op = Linear { bias: true, ..Default::default() };
        plan.apply("", op, &[flat, weight, bias])
    })
}

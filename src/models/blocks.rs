//! The residual bottleneck that RedNet and ResNet are made of; they differ in its middle.

use crate::error::Result;
use crate::nn::{ConvSpec, EPS, activate, batch_norm, conv};
use crate::ops::{Activation, Add};
use crate::plan::{Builder, Value};

/// What the middle of a bottleneck has fewer channels by.
pub(crate) const EXPANSION: usize = 4;

/// A stage: blocks of so many output channels, the first with this stride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stage {
    pub blocks: usize,
    pub width: usize,
    pub stride: usize,
}

/// `relu(identity + bn3(conv3(relu(bn2(middle(relu(bn1(conv1(x)))))))))`, the identity through a 1x1
/// convolution in the first block of a stage. `middle` gets its input, and the stride that it has to do.
pub(crate) fn stage(
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
pub(crate) fn normed(
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

//! The involution layer for volumes: an [`Involution3d`](crate::ops::Involution3d) with the branch that makes its kernels.
//!
//! `kernel = span(sigma(reduce(pool(x))))`, all of it convolutions of one tap, pooled by the stride;
//! `y = involution(initial(x), kernel)`, where `initial` is such a convolution if the channels change.
//! x `[N, Ci, D, H, W]` -> `[N, Co, D', H', W']`. The kernels are a result, too, named `kernel`.
//!
//! Arguments and weights are those of `Involution3d` of ChristophReich1996/Involution: `initial_mapping.weight` (absent if the
//! channels stay), `reduce_mapping.weight`, `sigma_mapping.0.{weight, bias, running_mean, running_var}`,
//! `span_mapping.weight`, and a `bias` beside each of the three weights if there are any.
//!
//! As released, that layer takes the windows of a volume, laid out one after another, for taps laid out one after another,
//! and so multiplies most values with weights of other places. Networks that were trained with it need that:
//! [`Involution3d::compatible_with_released`].

use super::conv3d::{Conv3d, example, expect_channels};
use super::involution2d::{PoolTo, Sigma};
use super::parts::{EPS, dims_of, setters};
use crate::error::{Error, Result, ShapeError};
use crate::ops::{Activation, AdaptiveAvgPool2d, AvgPool3d, Involution, Unfold3d};
use crate::plan::{Builder, Layer, Value};
use crate::shape::{Padding, Shape, Window, by, divide};
use crate::tensor::StateDict;

/// An involution of volumes with its kernel branch. Sizes are depth, height, width.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Involution3d {
    /// Channels of x.
    pub in_channels: usize,
    /// Channels of the result.
    pub out_channels: usize,
    /// Kernel size, stride, padding and dilation.
    pub window: Window<3>,
    /// Groups of channels that share a kernel.
    pub groups: usize,
    /// The middle of the kernel branch has so many times fewer channels than the result.
    pub reduction_ratio: usize,
    /// What is done in the middle of the kernel branch.
    pub sigma: Sigma,
    /// Whether the convolutions have a bias.
    pub bias: bool,
    /// What the kernel branch is pooled to.
    pub pool_to: PoolTo,
    /// Whether windows and taps are mixed up as in the released layer.
    pub compatible_with_released: bool,
}

impl Involution3d {
    /// 7x7x7 with padding 3, one group, no reduction, batch normalisation and ReLU, no bias.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Involution3d {
            in_channels,
            out_channels,
            window: Window::new([7; 3]).padding(3),
            groups: 1,
            reduction_ratio: 1,
            sigma: Sigma::BatchNormRelu(EPS),
            bias: false,
            pool_to: PoolTo::default(),
            compatible_with_released: false,
        }
    }

    /// The layer with the channels, biases and middle of these weights, otherwise as in [`Involution3d::new`]; the
    /// activation of a middle without weights is a sigmoid.
    pub fn from_weights(weights: &StateDict) -> Result<Self> {
        let dims = |name| {
            let [out, inner, ..] =
                dims_of::<5>("involution3d", weights, name, "[Co, Ci, 1, 1, 1]")?;
            Ok::<_, Error>([out, inner])
        };
        let [reduced, in_channels] = dims("reduce_mapping.weight")?;
        let out_channels = match weights.get("initial_mapping.weight") {
            Some(_) => dims("initial_mapping.weight")?[0],
            None => in_channels,
        };
        let sigma = match weights.has_prefix("sigma_mapping.0.") {
            true => Sigma::BatchNormRelu(EPS),
            false => Sigma::Activation(Activation::Sigmoid),
        };
        Ok(Involution3d {
            sigma,
            bias: weights.get("reduce_mapping.bias").is_some(),
            reduction_ratio: out_channels / reduced.max(1),
            ..Involution3d::new(in_channels, out_channels)
        })
    }

    /// Sets the kernel size, with the padding that keeps the size of x where the kernel is odd.
    pub fn kernel_size(self, kernel_size: [usize; 3]) -> Self {
        let padding = kernel_size.map(|size| size.saturating_sub(1) / 2);
        let window = Window { kernel_size, ..self.window };
        self.window(window.padding(padding))
    }

    /// Sets the stride.
    pub fn stride(self, stride: [usize; 3]) -> Self {
        let window = self.window.stride(stride);
        self.window(window)
    }

    /// Sets the padding.
    pub fn padding(self, padding: impl Into<Padding<3>>) -> Self {
        let window = self.window.padding(padding);
        self.window(window)
    }

    /// Sets the dilation.
    pub fn dilation(self, dilation: [usize; 3]) -> Self {
        let window = self.window.dilation(dilation);
        self.window(window)
    }

    setters! {
        /// Sets kernel size, stride, padding and dilation.
        window: Window<3>,
        /// Sets the number of groups.
        groups: usize,
        /// Sets the reduction ratio.
        reduction_ratio: usize,
        /// Sets the middle of the kernel branch.
        sigma: Sigma,
        /// Sets whether the convolutions have a bias.
        bias: bool,
        /// Sets what the kernel branch is pooled to.
        pool_to: PoolTo,
        /// Sets whether windows and taps are mixed up as in the released layer, for weights that were trained with it. The
        /// padding must then be the same along each axis, and the dilation 1.
        compatible_with_released: bool,
    }

    /// The kernel branch's input, at the size of the output.
    fn pooled(&self, plan: &mut Builder, x: Value) -> Result<Value> {
        let refuse = |plan: &Builder, source| plan.refuse("involution3d", source);
        let (outer, input) =
            plan.shape(x).planes::<3>("x").map_err(|source| refuse(plan, source))?;
        let output = self.window.output_size(input).map_err(|source| refuse(plan, source))?;
        let stride = self.window.stride;
        let strided = [0, 1, 2].map(|axis| input[axis] / stride[axis]);
        let divides = (0..3).all(|axis| input[axis].is_multiple_of(stride[axis]));
        if self.pool_to == PoolTo::Stride && strided != output {
            let (kernels, positions) = (strided.to_vec(), output.to_vec());
            return Err(refuse(plan, ShapeError::KernelPositions { kernels, positions }));
        }
        if input == output {
            return Ok(x);
        }
        if strided == output && (divides || self.pool_to == PoolTo::Stride) {
            return plan.apply("pool", AvgPool3d::new(Window::new(stride).stride(stride)), &[x]);
        }
        // Along the depth, and then over the slices.
        let [depth, height, width] = input;
        let [n, c] = outer;
        let pixels = height.saturating_mul(width);
        let x = plan.reshape(x, [n, c, depth, pixels])?;
        let over_depth = AdaptiveAvgPool2d { output_size: [output[0], pixels] };
        let y = plan.apply("pool.depth", over_depth, &[x])?;
        let y = plan.reshape(y, [n, c.saturating_mul(output[0]), height, width])?;
        let over_slices = AdaptiveAvgPool2d { output_size: [output[1], output[2]] };
        let y = plan.apply("pool", over_slices, &[y])?;
        plan.reshape(y, Shape::of_planes(outer, &output))
    }

    /// The kernels `[N, G*Kd*Kh*Kw, D', H', W']`, group by group.
    fn kernels(&self, plan: &mut Builder, x: Value) -> Result<Value> {
        let pooled = self.pooled(plan, x)?;
        let reduced = self.out_channels / self.reduction_ratio.max(1);
        if reduced == 0 || self.reduction_ratio == 0 {
            let (parameter, must) = ("reduction_ratio", "at least 1 and at most the channels");
            let value = self.reduction_ratio.to_string();
            let source = ShapeError::Parameter { parameter, must, value };
            return Err(plan.refuse("involution3d", source));
        }
        let y = self.pointwise(plan, "reduce_mapping", pooled, [self.in_channels, reduced])?;
        let y = self.sigma.build(plan, "sigma_mapping.0", y)?;
        let rows = self.groups.saturating_mul(self.window.taps());
        self.pointwise(plan, "span_mapping", y, [reduced, rows])
    }

    fn pointwise(
        &self,
        plan: &mut Builder,
        name: &str,
        x: Value,
        [inner, out]: [usize; 2],
    ) -> Result<Value> {
        let conv = Conv3d::new(inner, out, [1; 3]).bias(self.bias);
        plan.scope(name, |plan| conv.build_one(plan, x))
    }

    /// The involution of the released layer. It takes the windows `[N, C, P, T]` of P places and T taps for `[N, C, T, P]`:
    /// `y[n,c,q] = sum_t kernel[n,g,t,q] * windows[n,c,(t*P+q)/T,(t*P+q)%T]`, and pads the width as far as the depth was to
    /// be padded.
    fn released(&self, plan: &mut Builder, value: Value, kernel: Value) -> Result<Value> {
        let refuse = |plan: &Builder, parameter, must, value| {
            plan.refuse("involution3d", ShapeError::Parameter { parameter, must, value })
        };
        let failed = |plan: &Builder, source| plan.refuse("involution3d", source);
        if self.window.dilation != [1; 3] {
            let dilation = by(&self.window.dilation);
            return Err(refuse(plan, "dilation", "1 as the released layer has it", dilation));
        }
        let sides = self.window.resolve_padding().map_err(|source| failed(plan, source))?;
        if sides.as_flattened().iter().any(|&side| side != sides[0][0]) {
            let must = "the same along each axis as the released layer has it";
            return Err(refuse(plan, "padding", must, format!("{:?}", self.window.padding)));
        }
        let ([n, c], _) =
            plan.shape(value).planes::<3>("x").map_err(|source| failed(plan, source))?;
        let (outer, output) =
            plan.shape(kernel).planes::<3>("kernel").map_err(|source| failed(plan, source))?;
        let places = output.iter().product::<usize>();
        let [depth, height, width] = output;
        let taps = self.window.taps();
        let columns = plan.apply("unfold", Unfold3d { window: self.window }, &[value])?;
        // A window that covers all places of a tap transposes places and taps.
        let columns = plan.reshape(columns, [n, c, taps, depth * height, width])?;
        let whole = Unfold3d { window: Window::new([1, depth * height, width]) };
        let windows = plan.apply("transpose", whole, &[columns])?;
        let windows = plan.reshape(windows, [n, c, taps, places])?;
        let kernel = plan.reshape(kernel, [n, outer[1], 1, places])?;
        let op = Involution::new(Window::new([taps, 1]), self.groups);
        let y = plan.apply("involution", op, &[windows, kernel])?;
        plan.reshape(y, Shape::of_planes([n, c], &output))
    }
}

impl Layer for Involution3d {
    fn name(&self) -> String {
        "involution3d".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        let Window { kernel_size, stride, dilation, .. } = self.window;
        example(self.in_channels, kernel_size, dilation, stride)
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        expect_channels(plan, x, self.in_channels)?;
        divide("in_channels", self.in_channels, "groups", self.groups)
            .and_then(|_| divide("out_channels", self.out_channels, "groups", self.groups))
            .map_err(|source| plan.refuse("involution3d", source))?;
        let mut value = x;
        if self.in_channels != self.out_channels {
            let channels = [self.in_channels, self.out_channels];
            value = self.pointwise(plan, "initial_mapping", x, channels)?;
        }
        let kernel = self.kernels(plan, x)?;
        plan.expose("kernel", kernel);
        if self.compatible_with_released {
            return Ok(vec![self.released(plan, value, kernel)?]);
        }
        let op = crate::ops::Involution3d::new(self.window, self.groups);
        Ok(vec![plan.apply("involution", op, &[value, kernel])?])
    }
}

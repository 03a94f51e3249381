//! Cases as values: an operator, the shapes of its inputs, and the seed of their data. One generator
//! serves `verify`, where choices are drawn from a seeded stream, and the property tests, where they come
//! from a script that shrinks: the smallest choice is always the plainest case.

use std::fmt;

use involution::ops::{
    Activate, Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, ChannelOrder, Conv2d,
    DynamicConv2d, Fold, GlobalAvgPool, Involution, Linear, MaxPool2d, Op, Operator, Softmax,
    SpanInvolution, Unfold,
};
use involution::shape::{Padding, Shape, Window};
use involution::tensor::Tensor;
use involution::tolerance::{Distribution, inputs};

/// One call of an operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The operator with its parameters.
    pub operator: Operator,
    /// The shapes of its inputs.
    pub shapes: Vec<Shape>,
    /// Where their data come from.
    pub seed: u64,
    /// How large the values of x may be.
    pub scale: f32,
    /// Whether no value is negative. Of sums of many values the bound is so wide that where they cancel out, it would not
    /// show that some are missing.
    pub positive: bool,
    /// Why it is there, for a fixed case.
    pub story: &'static str,
}

impl Case {
    /// A case with a story and a seed that follows from it.
    pub fn new(story: &'static str, operator: impl Into<Operator>, shapes: &[&[usize]]) -> Self {
        let shapes = shapes.iter().map(|&dims| Shape::new(dims)).collect();
        Case {
            operator: operator.into(),
            shapes,
            seed: story.len() as u64,
            scale: 1.0,
            positive: false,
            story,
        }
    }

    /// Has no negative values.
    pub fn positive(self) -> Self {
        Case { positive: true, ..self }
    }

    /// The input tensors: uniform in -1..1, or in 0..1 where all are to be positive, but x as far as its scale, variances
    /// positive, and attention a weight in 0..1.
    pub fn inputs(&self) -> Vec<Tensor> {
        let of = Distribution { seed: self.seed, scale: self.scale, positive: self.positive };
        inputs(&self.operator, &self.shapes, of)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operator.name())?;
        for (name, value) in self.operator.to_attributes() {
            write!(f, " {name}={value}")?;
        }
        for (name, shape) in self.operator.inputs().iter().zip(&self.shapes) {
            write!(f, " {name}:{shape}")?;
        }
        write!(f, " seed={}", self.seed)?;
        if self.scale != 1.0 {
            write!(f, " scale={}", self.scale)?;
        }
        if self.positive {
            write!(f, " positive")?;
        }
        if self.story.is_empty() { Ok(()) } else { write!(f, " ({})", self.story) }
    }
}

/// A stream of choices.
pub trait Choices {
    /// A number below `count`.
    fn below(&mut self, count: usize) -> usize;
}

impl Choices for fastrand::Rng {
    fn below(&mut self, count: usize) -> usize {
        self.usize(..count.max(1))
    }
}

/// Choices written down beforehand; zeros once they are used up.
#[derive(Debug, Clone)]
pub struct Script(std::vec::IntoIter<u32>);

impl Script {
    /// A stream that plays these choices.
    pub fn new(choices: Vec<u32>) -> Self {
        Script(choices.into_iter())
    }
}

impl Choices for Script {
    fn below(&mut self, count: usize) -> usize {
        self.0.next().unwrap_or(0) as usize % count.max(1)
    }
}

/// Draws a legal case of the operator of this name; `None` where there is no such operator.
pub fn generate(operator: &str, choices: &mut dyn Choices) -> Option<Case> {
    let mut draw = Draw(choices);
    let (operator, shapes) = match operator {
        "unfold" => draw.unfold(),
        "fold" => draw.fold(),
        "conv2d" => draw.conv2d(),
        "dynamic_conv2d" => draw.dynamic_conv2d(),
        "involution" => draw.involution(),
        "span_involution" => draw.span_involution(),
        "batch_norm" => draw.batch_norm(),
        "activation" => draw.activation(),
        "avg_pool2d" => draw.avg_pool2d(),
        "max_pool2d" => draw.max_pool2d(),
        "global_avg_pool" => draw.global_avg_pool(),
        "adaptive_avg_pool2d" => draw.adaptive_avg_pool2d(),
        "softmax" => draw.softmax(),
        "linear" => draw.linear(),
        "add" => draw.add(),
        _ => return None,
    };
    let shapes = shapes.into_iter().map(Shape::new).collect();
    let seed = draw.0.below(1 << 30) as u64;
    // Past the upper bound of relu6 and into the tails of the others; the error bounds follow.
    let scale = draw.one_of(&[1.0, 1.0, 8.0]);
    Some(Case { operator, shapes, seed, scale, positive: false, story: "" })
}

/// Draws parameters from choices; in each range the first value is the plainest.
struct Draw<'a>(&'a mut dyn Choices);

type Drawn = (Operator, Vec<Vec<usize>>);

impl Draw<'_> {
    /// 1 to `largest`.
    fn size(&mut self, largest: usize) -> usize {
        1 + self.0.below(largest)
    }

    /// 1 to `largest`: half of them drawn evenly, the others where tiles end, at a multiple of one or one more.
    fn extent(&mut self, largest: usize) -> usize {
        let tiles = [4, 8, 16, 32, 128].into_iter().filter(|&tile| tile <= largest);
        let tiles: Vec<usize> = tiles.collect();
        if tiles.is_empty() || !self.yes() {
            return self.size(largest);
        }
        let tile = self.one_of(&tiles);
        (tile * self.size(largest / tile) + self.0.below(2)).min(largest)
    }

    fn yes(&mut self) -> bool {
        self.0.below(2) == 1
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.0.below(values.len())]
    }

    fn activated(&mut self) -> Activation {
        self.one_of(&Activation::ALL).1
    }

    /// Batch, height and width of an image: mostly small, sometimes wide enough for several workgroups.
    fn image(&mut self) -> (usize, [usize; 2]) {
        let batch = self.size(3);
        let largest = self.one_of(&[9, 17, 33]);
        (batch, [self.extent(largest), self.extent(17)])
    }

    fn padding(&mut self) -> Padding {
        match self.0.below(5) {
            0 => Padding::Valid,
            1 => Padding::symmetric(self.0.below(4), self.0.below(4)),
            2 => Padding::Explicit {
                top: self.0.below(4),
                left: self.0.below(4),
                bottom: self.0.below(4),
                right: self.0.below(4),
            },
            3 => Padding::Same,
            _ => Padding::Full,
        }
    }

    /// A window that fits into the image.
    fn window(&mut self, image: [usize; 2]) -> Window {
        let mut window = Window::new([self.size(5), self.size(7)])
            .stride([self.size(3), self.size(3)])
            .dilation([self.size(3), self.size(3)]);
        window.padding = self.padding();
        if window.output_size(image).is_err() {
            window.padding = Padding::Full;
        }
        window
    }

    /// The windows of most layers: square, odd and centred, moving by one or two pixels, often over rows of whole
    /// fours. Kernels are made for them that other windows never reach; at times one number of one axis is another, which
    /// these kernels must not take for theirs. Changes the width of the image.
    fn centred_window(&mut self, image: &mut [usize; 2]) -> Window {
        let taps = self.one_of(&[3, 7, 3, 5]);
        let stride = self.one_of(&[1, 1, 2]);
        if self.yes() {
            image[1] = 4 * stride * self.size(10);
        }
        let mut window = Window::new([taps; 2]).stride([stride; 2]);
        let axis = self.0.below(2);
        let mut around = [taps / 2; 2];
        let mut missing = [0; 4];
        match self.0.below(8) {
            4 => {
                window.kernel_size[axis] = 8 - taps;
                around[axis] = (8 - taps) / 2;
            }
            5 => window.stride[axis] = 3 - stride,
            6 => {
                window.dilation[axis] = 2;
                around[axis] = taps - 1;
            }
            7 if image[axis] > 1 => missing[axis + self.one_of(&[0, 2])] = 1,
            _ => {}
        }
        window.padding(Padding::Explicit {
            top: around[0] - missing[0],
            left: around[1] - missing[1],
            bottom: around[0] - missing[2],
            right: around[1] - missing[3],
        })
    }

    /// A pooling window that fits, with less padding than window.
    fn pool_window(&mut self, image: [usize; 2], dilation: [usize; 2]) -> Window {
        let kernel_size = [self.size(4).min(image[0]), self.size(4).min(image[1])];
        let stride = [self.size(3), self.size(3)];
        let mut window = Window::new(kernel_size).stride(stride).dilation(dilation);
        let extent = window.extent().unwrap_or([1, 1]);
        window.padding = Padding::Explicit {
            top: self.0.below(extent[0]),
            left: self.0.below(extent[1]),
            bottom: self.0.below(extent[0]),
            right: self.0.below(extent[1]),
        };
        if window.output_size(image).is_err() {
            window.padding = Padding::Full;
        }
        window
    }

    fn unfold(&mut self) -> Drawn {
        let (n, [h, w]) = self.image();
        let window = self.window([h, w]);
        (Unfold { window }.into(), vec![vec![n, self.size(5), h, w]])
    }

    fn fold(&mut self) -> Drawn {
        let (n, output_size) = self.image();
        let window = self.window(output_size);
        let [h, w] = window.output_size(output_size).unwrap_or([1, 1]);
        let channels = self.size(5) * window.taps();
        (Fold { window, output_size }.into(), vec![vec![n, channels, h * w]])
    }

    /// A convolution, the shape of its input, and the shape of its weight.
    fn convolution(&mut self) -> (Conv2d, Vec<usize>, Vec<usize>) {
        let (n, mut image) = self.image();
        let groups = self.one_of(&[1, 1, 2, 3, 5]);
        // One channel is the depthwise case; multiples of four, with many outputs, suit subgroups.
        let group_in = self.one_of(&[1, 3, 8, 13, 1, 12]);
        let group_out = self.extent(19) + self.one_of(&[0, 0, 24, 16]);
        let window = match self.0.below(3) {
            0 => self.window(image),
            1 => Window::new([1, 1]),
            _ => self.centred_window(&mut image),
        };
        let [h, w] = image;
        let conv = Conv2d {
            stride: window.stride,
            padding: window.padding,
            dilation: window.dilation,
            groups,
            bias: self.yes(),
            residual: false,
            activation: self.activated(),
        };
        let [kh, kw] = window.kernel_size;
        (conv, vec![n, groups * group_in, h, w], vec![groups * group_out, group_in, kh, kw])
    }

    fn conv2d(&mut self) -> Drawn {
        let (conv, x, weight) = self.convolution();
        let bias = conv.bias.then(|| vec![weight[0]]);
        let mut shapes: Vec<Vec<usize>> = [x, weight].into_iter().chain(bias).collect();
        let views: Vec<Shape> = shapes.iter().cloned().map(Shape::new).collect();
        let output = conv.output_shape(&views.iter().collect::<Vec<_>>());
        // What cannot be carried out is drawn again by the caller.
        let residual = output.ok().filter(|_| self.one_of(&[false, false, true]));
        let conv = Conv2d { residual: residual.is_some(), ..conv };
        shapes.extend(residual.map(|shape| shape.dims().to_vec()));
        (conv.into(), shapes)
    }

    fn dynamic_conv2d(&mut self) -> Drawn {
        let (conv, x, weight) = self.convolution();
        let kernels = self.size(5);
        let attention = vec![x[0], kernels];
        let bias = conv.bias.then(|| vec![kernels, weight[0]]);
        let weight = [vec![kernels], weight].concat();
        (DynamicConv2d { conv }.into(), [x, attention, weight].into_iter().chain(bias).collect())
    }

    fn involution(&mut self) -> Drawn {
        let (involution, shapes) = self.involving();
        (involution.into(), shapes)
    }

    /// An involution and the shapes of its inputs.
    fn involving(&mut self) -> (Involution, Vec<Vec<usize>>) {
        let (n, mut image) = self.image();
        let window = if self.yes() { self.window(image) } else { self.centred_window(&mut image) };
        let [h, w] = image;
        let groups = self.size(4);
        let channels = groups * self.extent(18);
        let [oh, ow] = window.output_size([h, w]).unwrap_or([1, 1]);
        let channel_order = self.one_of(&ChannelOrder::ALL).1;
        let activation = self.activated();
        let kernel = vec![n, groups * window.taps(), oh, ow];
        let affine = self.yes();
        let involution = Involution { window, groups, channel_order, affine, activation };
        let mut shapes = vec![vec![n, channels, h, w], kernel];
        shapes.extend(vec![vec![channels]; if affine { 2 } else { 0 }]);
        (involution, shapes)
    }

    /// Draws an involution whose kernel is made by a 1x1 convolution.
    fn span_involution(&mut self) -> Drawn {
        let (involution, mut shapes) = self.involving();
        let (bias, reduced) = (self.yes(), self.extent(9));
        let kernel = shapes[1].clone();
        shapes[1][1] = reduced;
        shapes.insert(2, vec![kernel[1], reduced, 1, 1]);
        if bias {
            shapes.insert(3, vec![kernel[1]]);
        }
        (SpanInvolution { involution, bias }.into(), shapes)
    }

    fn batch_norm(&mut self) -> Drawn {
        let affine = self.yes();
        let eps = self.one_of(&[1e-5, 0.0, 1e-3]);
        let activation = self.activated();
        let channels = self.extent(20);
        let mut x = vec![self.size(3), channels];
        for _ in 0..self.0.below(4) {
            x.push(self.extent(12));
        }
        let vectors = if affine { 4 } else { 2 };
        let shapes = [x].into_iter().chain(vec![vec![channels]; vectors]).collect();
        (BatchNorm { eps, affine, activation }.into(), shapes)
    }

    /// Any shape of one to `rank` dimensions.
    fn any_shape(&mut self, rank: usize) -> Vec<usize> {
        let rank = self.size(rank);
        (0..rank).map(|_| self.extent(9)).collect()
    }

    fn activation(&mut self) -> Drawn {
        let x = if self.yes() { self.any_shape(5) } else { vec![self.extent(5000)] };
        (Activate { activation: self.activated() }.into(), vec![x])
    }

    fn avg_pool2d(&mut self) -> Drawn {
        let (n, [h, w]) = self.image();
        let window = self.pool_window([h, w], [1, 1]);
        let (ceil_mode, count_include_pad) = (self.yes(), self.yes());
        let x = vec![n, self.size(6), h, w];
        (AvgPool2d { window, ceil_mode, count_include_pad }.into(), vec![x])
    }

    fn max_pool2d(&mut self) -> Drawn {
        let (n, [h, w]) = self.image();
        let dilation = [self.size(2), self.size(3)];
        let window = self.pool_window([h, w], dilation);
        let ceil_mode = self.yes();
        (MaxPool2d { window, ceil_mode }.into(), vec![vec![n, self.size(6), h, w]])
    }

    fn global_avg_pool(&mut self) -> Drawn {
        let (n, [h, w]) = self.image();
        (GlobalAvgPool.into(), vec![vec![n, self.extent(20), h, w]])
    }

    fn adaptive_avg_pool2d(&mut self) -> Drawn {
        let (n, [h, w]) = self.image();
        // Fewer windows than pixels for the most part, at times more.
        let output_size = [self.size(h + 3), self.size(w + 3)];
        (AdaptiveAvgPool2d { output_size }.into(), vec![vec![n, self.size(6), h, w]])
    }

    fn softmax(&mut self) -> Drawn {
        let mut x = self.any_shape(4);
        let axis = self.0.below(x.len());
        if self.yes() {
            x[axis] = self.extent(300);
        }
        let temperature = self.one_of(&[1.0, 0.1, 34.0]);
        let from_end = self.yes();
        let axis = axis as isize - if from_end { x.len() as isize } else { 0 };
        (Softmax { axis, temperature }.into(), vec![x])
    }

    fn linear(&mut self) -> Drawn {
        // Few rows, or a vector alone, are a case of their own.
        let mut x = match self.0.below(4) {
            0 => Vec::new(),
            1 => vec![self.size(4)],
            _ => self.any_shape(3),
        };
        let features = self.one_of(&[1, 7, 64, 130, 300]) + self.0.below(3);
        x.push(features);
        let outputs = self.extent(40);
        let bias = self.yes();
        let linear = Linear { bias, activation: self.activated() };
        let bias = bias.then(|| vec![outputs]);
        (linear.into(), [x, vec![outputs, features]].into_iter().chain(bias).collect())
    }

    fn add(&mut self) -> Drawn {
        let x = self.any_shape(6);
        let mut y = x.clone();
        if self.yes() {
            // Sizes of 1 on either side, and leading dimensions left out.
            for size in &mut y {
                if self.0.below(2) == 1 {
                    *size = 1;
                }
            }
            y.drain(..self.0.below(x.len()));
        }
        let operands = if self.yes() { vec![y, x] } else { vec![x, y] };
        (Add { activation: self.activated() }.into(), operands)
    }
}

//! Choices that cases are drawn from.

use involution::ops::{Activation, Operator};
use involution::shape::{Padding, Window};

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

/// Draws parameters from choices; in each range the first value is the plainest.
pub struct Draw<'a>(&'a mut dyn Choices);

/// An operator and the sizes of its inputs.
pub type Drawn = (Operator, Vec<Vec<usize>>);

impl<'a> Draw<'a> {
    /// Draws from these choices.
    pub fn new(choices: &'a mut dyn Choices) -> Self {
        Draw(choices)
    }

    /// A number below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.below(count)
    }

    /// 1 to `largest`.
    pub fn size(&mut self, largest: usize) -> usize {
        1 + self.0.below(largest)
    }

    /// 1 to `largest`: half of them drawn evenly, the others where tiles end, at a multiple of one or one more.
    pub fn extent(&mut self, largest: usize) -> usize {
        let tiles = [4, 8, 16, 32, 128].into_iter().filter(|&tile| tile <= largest);
        let tiles: Vec<usize> = tiles.collect();
        if tiles.is_empty() || !self.yes() {
            return self.size(largest);
        }
        let tile = self.one_of(&tiles);
        (tile * self.size(largest / tile) + self.0.below(2)).min(largest)
    }

    /// One of two.
    pub fn yes(&mut self) -> bool {
        self.0.below(2) == 1
    }

    /// One of these values.
    pub fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.0.below(values.len())]
    }

    /// An activation.
    pub fn activated(&mut self) -> Activation {
        self.one_of(&Activation::ALL).1
    }

    /// Batch, height and width of an image: mostly small, sometimes wide enough for several workgroups.
    pub fn image(&mut self) -> (usize, [usize; 2]) {
        let batch = self.size(3);
        let largest = self.one_of(&[9, 17, 33]);
        (batch, [self.extent(largest), self.extent(17)])
    }

    /// Batch, depth, height and width of a volume: small, as there are many places in it.
    pub fn volume(&mut self) -> (usize, [usize; 3]) {
        let batch = self.size(2);
        (batch, [self.extent(5), self.extent(6), self.extent(13)])
    }

    /// A padding.
    pub fn padding<const AXES: usize>(&mut self) -> Padding<AXES> {
        match self.0.below(5) {
            0 => Padding::Valid,
            1 => Padding::from([0; AXES].map(|_| self.0.below(4))),
            2 => Padding::Explicit([[0; 2]; AXES].map(|sides| sides.map(|_| self.0.below(4)))),
            3 => Padding::Same,
            _ => Padding::Full,
        }
    }

    /// A window that fits into the image.
    pub fn window(&mut self, image: [usize; 2]) -> Window {
        self.window_within(image, [5, 7])
    }

    /// A window that fits into these sizes, with at most so many taps along each axis.
    pub fn window_within<const AXES: usize>(
        &mut self,
        sizes: [usize; AXES],
        taps: [usize; AXES],
    ) -> Window<AXES> {
        let mut window = Window::new(taps.map(|most| self.size(most)))
            .stride([3; AXES].map(|most| self.size(most)))
            .dilation([3; AXES].map(|most| self.size(most)));
        window.padding = self.padding();
        if window.output_size(sizes).is_err() {
            window.padding = Padding::Full;
        }
        window
    }

    /// The windows of most layers: square, odd and centred, moving by one or two pixels, often over rows of whole
    /// fours. Kernels are made for them that other windows never reach; at times one number of one axis is another, which
    /// these kernels must not take for theirs. Changes the width of the image.
    pub fn centred_window(&mut self, image: &mut [usize; 2]) -> Window {
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
        window.padding(Padding::Explicit([
            [around[0] - missing[0], around[0] - missing[2]],
            [around[1] - missing[1], around[1] - missing[3]],
        ]))
    }

    /// A pooling window that fits, with less padding than window.
    pub fn pool_window<const AXES: usize>(
        &mut self,
        sizes: [usize; AXES],
        dilation: [usize; AXES],
    ) -> Window<AXES> {
        let kernel_size = sizes.map(|size| self.size(4).min(size));
        let stride = [3; AXES].map(|most| self.size(most));
        let mut window = Window::new(kernel_size).stride(stride).dilation(dilation);
        let extent = window.extent().unwrap_or([1; AXES]);
        let sides = extent.map(|extent| [extent; 2].map(|most| self.0.below(most)));
        window.padding = Padding::Explicit(sides);
        if window.output_size(sizes).is_err() {
            window.padding = Padding::Full;
        }
        window
    }

    /// Any shape of one to `rank` dimensions.
    pub fn any_shape(&mut self, rank: usize) -> Vec<usize> {
        let rank = self.size(rank);
        (0..rank).map(|_| self.extent(9)).collect()
    }
}

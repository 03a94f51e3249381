//! What convolution and involution share on software adapters: kernels whose lanes hold neighbouring pixels of
//! a row and hear from each other what lies under the window (`shaders/software/neighbours.wgsl`).

use super::call::VEC4;
use crate::shaders::{Kernel, Variant};
use crate::shape::Window;

/// The variants of such a kernel for a window, from rows of `width` to rows of `out_width`: the window is odd and centred, and
/// moves by one or two pixels. The aligned ones where both are whole `vec4`s, else those that read scalars, over rows that
/// end in the last four pixels, or before.
pub fn row_variants(
    kernel: &Kernel,
    window: &Window,
    width: usize,
    out_width: usize,
) -> impl Iterator<Item = Variant> {
    let [taps, stride] = [window.kernel_size[1], window.stride[1]];
    let left = window.resolve_padding().map(|[_, [left, _]]| left);
    let aligned = out_width.is_multiple_of(VEC4) && out_width.checked_mul(stride) == Some(width);
    let covered = out_width.next_multiple_of(VEC4).saturating_mul(stride) >= width;
    let fits = window.dilation[1] == 1 && left == Ok(taps / 2) && covered;
    let wanted = [("K", taps), ("S", stride)];
    kernel.variants.iter().copied().filter(move |variant| {
        let is =
            |(name, value): &(&str, usize)| variant.get(name).map(|of| of as usize) == Some(*value);
        fits && wanted.iter().all(is) && variant.defines("ALIGNED") == aligned
    })
}

/// The first of them.
pub fn row_variant(
    kernel: &Kernel,
    window: &Window,
    width: usize,
    out_width: usize,
) -> Option<Variant> {
    row_variants(kernel, window, width, out_width).next()
}

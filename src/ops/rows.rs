//! What convolution and involution share on software adapters: kernels whose lanes hold neighbouring pixels of
//! a row and hear from each other what lies under the window (`shaders/common/neighbours.wgsl`).

use super::conv2d::PIXELS;
use crate::kernel::{AdapterClass, Kernel, Tile};
use crate::shape::Window;

/// A kernel whose lanes hear from their neighbours what lies under the window, by taps and stride.
pub(crate) const fn of_rows(kernel: Kernel) -> Kernel {
    let tiles: &[Tile] = &[
        &[("K", 3), ("S", 1)],
        &[("K", 3), ("S", 2)],
        &[("K", 5), ("S", 1)],
        &[("K", 5), ("S", 2)],
        &[("K", 7), ("S", 1)],
        &[("K", 7), ("S", 2)],
    ];
    Kernel { tiles, ..kernel }.made_for(AdapterClass::Software).with_subgroups()
}

/// Such a kernel for a window of 3x3, whose rows are all held at once.
pub(crate) const fn of_pairs(kernel: Kernel) -> Kernel {
    let tiles: &[Tile] = &[&[("K", 3), ("S", 1)], &[("K", 3), ("S", 2)]];
    Kernel { tiles, ..kernel }.made_for(AdapterClass::Software).with_subgroups()
}

/// The first tile (`K`, `S`, perhaps more) of a kernel whose lanes hear from their neighbours what lies under the window: odd and
/// at most seven wide, centred, moving by one or two pixels.
fn centred_tile(kernel: &Kernel, window: &Window) -> Option<Tile> {
    let [taps, stride] = [window.kernel_size[1], window.stride[1]];
    let [_, [left, _]] = window.resolve_padding().ok()?;
    let fits = window.dilation[1] == 1 && left == taps / 2;
    let tile: [(&str, u32); 2] =
        [("K", u32::try_from(taps).ok()?), ("S", u32::try_from(stride).ok()?)];
    kernel.tiles.iter().copied().find(|&known| fits && known.starts_with(&tile))
}

/// The tile of such a kernel over rows that are whole fours on both sides.
pub(crate) fn row_tile(
    kernel: &Kernel,
    window: &Window,
    width: usize,
    out_width: usize,
) -> Option<Tile> {
    let whole =
        out_width.is_multiple_of(PIXELS) && out_width.checked_mul(window.stride[1]) == Some(width);
    centred_tile(kernel, window).filter(|_| whole)
}

/// The tile of such a kernel that reads single values: over rows that end in the last four pixels, or before.
pub(crate) fn singles_tile(
    kernel: &Kernel,
    window: &Window,
    width: usize,
    out_width: usize,
) -> Option<Tile> {
    let covered = out_width.next_multiple_of(PIXELS).saturating_mul(window.stride[1]);
    centred_tile(kernel, window).filter(|_| covered >= width)
}

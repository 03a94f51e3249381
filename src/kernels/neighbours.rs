//! What convolution and involution share on software adapters: kernels whose lanes hold neighbouring pixels of
//! a row and hear from each other what lies under the window (`shaders/common/neighbours.wgsl`).

use super::call::{Kernel, Tile, VEC4};
use crate::shape::Window;

/// A kernel whose lanes hear from their neighbours what lies under the window, by taps and stride.
pub const fn of_rows(kernel: Kernel) -> Kernel {
    let tiles: &[Tile] = &[
        &[("K", 3), ("S", 1)],
        &[("K", 3), ("S", 2)],
        &[("K", 5), ("S", 1)],
        &[("K", 5), ("S", 2)],
        &[("K", 7), ("S", 1)],
        &[("K", 7), ("S", 2)],
    ];
    Kernel { tiles, ..kernel }.with_subgroups()
}

/// Such a kernel for a window of 3x3, which holds all rows of it at once.
pub const fn of_pairs(kernel: Kernel) -> Kernel {
    let tiles: &[Tile] = &[&[("K", 3), ("S", 1)], &[("K", 3), ("S", 2)]];
    Kernel { tiles, ..kernel }.with_subgroups()
}

/// The first tile (`K`, `S`, perhaps more) of such a kernel: the window is odd and at most seven wide, centred, and moves by
/// one or two pixels.
fn centred_tile(kernel: &Kernel, window: &Window) -> Option<Tile> {
    let [taps, stride] = [window.kernel_size[1], window.stride[1]];
    let [_, [left, _]] = window.resolve_padding().ok()?;
    let fits = window.dilation[1] == 1 && left == taps / 2;
    let tile: [(&str, u32); 2] =
        [("K", u32::try_from(taps).ok()?), ("S", u32::try_from(stride).ok()?)];
    kernel.tiles.iter().copied().find(|&known| fits && known.starts_with(&tile))
}

/// The tile of such a kernel over rows that are whole `vec4`s on both sides.
pub fn aligned_tile(
    kernel: &Kernel,
    window: &Window,
    width: usize,
    out_width: usize,
) -> Option<Tile> {
    let aligned =
        out_width.is_multiple_of(VEC4) && out_width.checked_mul(window.stride[1]) == Some(width);
    centred_tile(kernel, window).filter(|_| aligned)
}

/// The tile of such a kernel that reads scalars: over rows that end in the last four pixels, or before.
fn scalar_tile(kernel: &Kernel, window: &Window, width: usize, out_width: usize) -> Option<Tile> {
    let covered = out_width.next_multiple_of(VEC4).saturating_mul(window.stride[1]);
    centred_tile(kernel, window).filter(|_| covered >= width)
}

/// The aligned kernel of two where rows allow it, or else the scalar one, and its first tile.
pub fn either_tile(
    [aligned, scalar]: [&'static Kernel; 2],
    window: &Window,
    width: usize,
    out_width: usize,
) -> Option<(&'static Kernel, Tile)> {
    let tile = aligned_tile(aligned, window, width, out_width).map(|tile| (aligned, tile));
    tile.or_else(|| Some((scalar, scalar_tile(scalar, window, width, out_width)?)))
}

// Winograd's convolution F(4x4, 3x3) (Lavin and Gray, "Fast algorithms for convolutional neural networks",
// 2015): 36 products give 16 outputs, where the definition takes 144. The points are 0, 3/4, -3/4, 3/2, -3/2
// and infinity: with 1 and 2, as they are usual, results are three times as far off. A tile of 6x6 inputs and the 3x3 taps are brought to 36 places each, multiplied there place by place and
// summed over the channels, and the sums are brought back to 4x4 outputs.
//
// An invocation of the transforms has four tiles, which follow each other along the rows of tiles: a component
// of each vector for each tile.
#import common/vec4

// The points of the odd powers, and what follows from them; all are exact.
const NEAR: f32 = 0.75; const FAR: f32 = 1.5;
const NEAR_2: f32 = 0.5625; const FAR_2: f32 = 2.25;
const NEAR_3: f32 = 0.421875; const FAR_3: f32 = 3.375;

// Places of a tile after the transforms.
const PLACES: u32 = 36u;

// Which tiles an invocation has: in each component one.
struct Tiles {
    column: vec4<u32>, // in units of four pixels
    row: vec4<u32>,    // of the first of their outputs
    valid: vec4<bool>, // false past the last tile: that one is done again
}

fn tiles_of(vec4_index: u32, height: u32, width: u32) -> Tiles {
    let columns = (width + 3u) / 4u;
    let count = columns * ((height + 3u) / 4u);
    let number = vec4<u32>(vec4_index * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let tile = min(number, vec4<u32>(count - 1u));
    return Tiles(tile % columns, tile / columns * 4u, number == tile);
}

// The one of six of this number. As in common/eight_sums.wgsl: what stands in a loop is compiled once.
fn picked6(values: ptr<function, array<vec4<f32>, 6>>, number: u32) -> vec4<f32> {
    let odd = (number & 1u) != 0u;
    let low = select(select((*values)[0], (*values)[1], odd), select((*values)[2], (*values)[3], odd), number >= 2u);
    return select(low, select((*values)[4], (*values)[5], odd), number >= 4u);
}

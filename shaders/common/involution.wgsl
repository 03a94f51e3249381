// What the involution kernels share: tensors, and which pixels and channels an item covers.
// requires: activate
#import common/involution_params

@group(0) @binding(1) var<storage, read> x: array<f32>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read> kernel: array<f32>;    // [N, G*Kh*Kw, H', W']
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [N, C, H', W']

// Four neighbouring pixels of an output row, for a tile of channels of one group.
struct Item {
    sample: u32,
    group: u32,
    first: u32, // first channel of the tile, within the group
    oy: u32,
    ox: u32,
}

// item = (((sample * groups + group) * blocks + block) * out_height + oy) * columns + column
fn item_of(index: u32, tile: u32) -> Item {
    let columns = (params.out_width + 3u) / 4u;
    let blocks = (params.channels / params.groups + tile - 1u) / tile;
    var rest = index;
    var item: Item;
    item.ox = (rest % columns) * 4u;
    rest /= columns;
    item.oy = rest % params.out_height;
    rest /= params.out_height;
    item.first = (rest % blocks) * tile;
    rest /= blocks;
    item.group = rest % params.groups;
    item.sample = rest / params.groups;
    return item;
}

// The input at a place of one row; places left of the row have wrapped around 0. The load is
// unconditional: a branch costs more than a read in vain.
fn in_row(row: u32, inside: bool, ix: u32) -> f32 {
    let valid = inside && ix < params.width;
    return select(0.0, x[select(0u, row + ix, valid)], valid);
}

// The weights of one tap at four neighbouring pixels; past the end of the row the last is repeated.
fn weights(first: u32, tap: u32, last: vec4<u32>) -> vec4<f32> {
    let at = last + vec4<u32>(first + tap * params.out_height * params.out_width);
    return vec4<f32>(kernel[at.x], kernel[at.y], kernel[at.z], kernel[at.w]);
}

// Scale, shift, activation and store of up to four neighbouring pixels of a channel of the group.
fn finish(sum: vec4<f32>, item: Item, own: u32) {
    let channel = item.group * params.group_stride + own * params.channel_stride;
    let first = ((item.sample * params.channels + channel) * params.out_height + item.oy) * params.out_width + item.ox;
    let pixels = min(params.out_width - item.ox, 4u);
    let value = affine4(sum, channel);
    for (var p = 0u; p < 4u; p++) {
        if p < pixels {
            out[first + p] = activate(value[p], params.activation);
        }
    }
}

// Involution with any window. One invocation computes C channels of one group at four neighbouring pixels; the channels share
// the weights: 4 + 4 C loads for 4 C multiply-adds per tap. With SLIDING the window slides by one column (stride and dilation
// 1 along the width): the four pixels then read four neighbouring inputs, and the next tap needs one more of them: 4 + C loads.
#variant C=4
#variant C=4,8 SLIDING
#import common/real
#import common/grid
#import common/activation
#import involution/params

@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read> kernel: array<real>;    // [N, G*Kh*Kw, H', W']
@group(0) @binding(3) var<storage, read_write> out: array<real>; // [N, C, H', W']

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
    return select(0.0, f32(x[select(0u, row + ix, valid)]), valid);
}

// The weights of one tap at four neighbouring pixels; past the end of the row the last is repeated.
fn weights(first: u32, tap: u32, last: vec4<u32>) -> vec4<f32> {
    let at = last + vec4<u32>(first + tap * params.out_height * params.out_width);
    return vec4<f32>(real4(kernel[at.x], kernel[at.y], kernel[at.z], kernel[at.w]));
}

// Scale, shift, activation and store of up to four neighbouring pixels of a channel of the group.
fn finish(sum: vec4<f32>, item: Item, own: u32) {
    let channel = item.group * params.group_stride + own * params.channel_stride;
    let first = ((item.sample * params.channels + channel) * params.out_height + item.oy) * params.out_width + item.ox;
    let pixels = min(params.out_width - item.ox, 4u);
    let value = affine4(sum, channel);
    for (var p = 0u; p < 4u; p++) {
        if p < pixels {
            out[first + p] = real(activate(value[p], params.activation));
        }
    }
}

const C: u32 = 4u; // channels

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let item = item_of(linear_workgroup(thread) * 64u + thread.local_index, C);
    if item.sample >= params.batch {
        return;
    }
    let group_channels = params.channels / params.groups;
    let plane = params.height * params.width;
    let x_first = (item.sample * params.channels + item.group * params.group_stride) * plane;
    let step = params.channel_stride * plane; // from one channel of the group to the next
    let taps = params.window.kernel_height * params.window.kernel_width;
    let out_plane = params.out_height * params.out_width;
    let kernel_first = (item.sample * params.groups + item.group) * taps * out_plane + item.oy * params.out_width;
    let place = min(vec4<u32>(item.ox) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.out_width - 1u));
#ifdef SLIDING
    let ix0 = item.ox - params.window.padding_left;

    var sum: array<vec4<f32>, C>;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        let iy = item.oy * params.window.stride_y + ky * params.window.dilation_y - params.window.padding_top;
        let inside = iy < params.height;

        // The inputs under the tap to come, less the last of the four.
        var window: array<vec4<f32>, C>;
        for (var c = 0u; c < C; c++) {
            let channel = min(item.first + c, group_channels - 1u);
            let row = x_first + channel * step + iy * params.width;
            window[c] = vec4<f32>(
                0.0,
                in_row(row, inside, ix0),
                in_row(row, inside, ix0 + 1u),
                in_row(row, inside, ix0 + 2u),
            );
        }
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let weight = weights(kernel_first, ky * params.window.kernel_width + kx, place);
            for (var c = 0u; c < C; c++) {
                // A tile that overhangs the group repeats its last channel and drops the result.
                let channel = min(item.first + c, group_channels - 1u);
                let row = x_first + channel * step + iy * params.width;
                window[c] = vec4<f32>(window[c].yzw, in_row(row, inside, ix0 + kx + 3u));
                sum[c] += weight * window[c];
            }
        }
    }
#else
    let iy0 = item.oy * params.window.stride_y - params.window.padding_top;
    let ix0 = item.ox * params.window.stride_x - params.window.padding_left;

    var sum: array<vec4<f32>, C>;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        let iy = iy0 + ky * params.window.dilation_y;
        let inside = iy < params.height;
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let weight = weights(kernel_first, ky * params.window.kernel_width + kx, place);
            let ix = ix0 + kx * params.window.dilation_x;
            for (var c = 0u; c < C; c++) {
                // A tile that overhangs the group repeats its last channel and drops the result.
                let channel = min(item.first + c, group_channels - 1u);
                let row = x_first + channel * step + iy * params.width;
                let s = params.window.stride_x;
                sum[c] += weight * vec4<f32>(
                    in_row(row, inside, ix),
                    in_row(row, inside, ix + s),
                    in_row(row, inside, ix + 2u * s),
                    in_row(row, inside, ix + 3u * s),
                );
            }
        }
    }
#endif
    for (var c = 0u; c < C; c++) {
        if item.first + c < group_channels {
            finish(sum[c], item, item.first + c);
        }
    }
}

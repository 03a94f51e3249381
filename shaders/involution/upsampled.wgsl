// Involution whose output is larger than the positions of the window, by two or by a multiple of four: four neighbouring
// pixels of the output read the windows of two positions, or all that of one, and so do those of the next row. One invocation
// computes four channels of one group at four pixels of two rows: eight multiply-adds, of which R * 2 have the same factor,
// for each weight.
#variant K=7,5,3 R=2,4
#import common/real
#import common/grid
#import common/activation
#import involution/params

@group(0) @binding(1) var<storage, read> x: array<real>;          // [N, C, H, W]
@group(0) @binding(2) var<storage, read> kernel: array<real4>;    // [N, G*Kh*K, H', W']
@group(0) @binding(3) var<storage, read_write> out: array<real4>; // [N, C, H', W']

const K: u32 = 7u; // taps of a kernel row
const R: u32 = 2u; // neighbouring pixels that share a position: two, or four
const C: u32 = 4u; // channels of a tile
const COLUMNS: u32 = 8u; // of x, at most: those under the positions are K + 4 / R - 1

#import involution/tile

// The columns of x under the positions, and whether they lie on the image.
struct Under {
    at: array<u32, COLUMNS>,
    inside: array<bool, COLUMNS>,
}

// A row of taps at four pixels.
fn taps_of(first: u32, step: u32) -> array<vec4<f32>, K> {
    var taps: array<vec4<f32>, K>;
    for (var kx = 0u; kx < K; kx++) {
        taps[kx] = vec4<f32>(kernel[first + kx * step]);
    }
    return taps;
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let columns = params.out_width / 4u;
    let plane = params.height * params.width;
    let out_plane = params.out_height * columns;
    let tile = tile_of(linear_workgroup(thread) * 64u + thread.local_index, params.out_height / 2u * columns);
    if tile.matrix >= params.batch * params.groups {
        return;
    }
    let pair = tile.place / columns;
    let oy = pair * 2u;
    let column = tile.place - pair * columns;
    let window = params.window;
    // Places above or left of the image have wrapped around 0.
    let iy0 = oy / params.upsample * window.stride_y - window.padding_top;
    let ix0 = column * 4u / params.upsample * window.stride_x - window.padding_left;
    let kernel_first = tile.matrix * window.kernel_height * K * out_plane + oy * columns + column;

    var channels: array<u32, C>;
    for (var c = 0u; c < C; c++) {
        channels[c] = (tile.channel + channels_to(c)) * plane;
    }
    var across: Under;
    for (var i = 0u; i < K + 4u / R - 1u; i++) {
        let ix = ix0 + i * window.dilation_x;
        across.inside[i] = ix < params.width;
        across.at[i] = min(ix, params.width - 1u);
    }
    var upper: array<vec4<f32>, C>;
    var lower: array<vec4<f32>, C>;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        let iy = iy0 + ky * window.dilation_y;
        let on_image = iy < params.height;
        let row = min(iy, params.height - 1u) * params.width;
        let upper_taps = taps_of(kernel_first + ky * K * out_plane, out_plane);
        let lower_taps = taps_of(kernel_first + ky * K * out_plane + columns, out_plane);
        for (var c = 0u; c < C; c++) {
            var values: array<f32, COLUMNS>;
            for (var i = 0u; i < K + 4u / R - 1u; i++) {
                // Outside of the image there are zeros.
                values[i] = select(0.0, f32(x[channels[c] + row + across.at[i]]), across.inside[i] && on_image);
            }
            for (var kx = 0u; kx < K; kx++) {
                let next = values[kx + 2u / R];
                let value = vec4<f32>(values[kx], values[kx], next, next);
                upper[c] += upper_taps[kx] * value;
                lower[c] += lower_taps[kx] * value;
            }
        }
    }
    for (var c = 0u; c < C; c++) {
        if stores(tile, c) {
            let channel = tile.channel % params.channels + channels_to(c);
            let to = (tile.channel + channels_to(c)) * out_plane + oy * columns + column;
            out[to] = real4(activate4(affine4(upper[c], channel), params.activation));
            out[to + columns] = real4(activate4(affine4(lower[c], channel), params.activation));
        }
    }
}

// Involution with the 1x1 convolution that makes its kernel, by a window that moves by one column, over rows of whole vec4s.
// Two invocations share four neighbouring pixels of a group, of which each computes eight channels. Row by row of the
// window, each makes the taps of two of the pixels, from weights that the whole workgroup reads, and hands them to the
// other through workgroup memory; no kernel is ever stored.
#variant K=7,5,3
#import common/real
#import common/grid
#import common/activation
#import common/row
#import involution/params

@group(0) @binding(1) var<storage, read> x: array<real4>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read> reduced: array<real2>;   // [N, Cr, H', W], Cr a multiple of STEP
@group(0) @binding(3) var<storage, read_write> out: array<real4>; // [N, C, H', W]
@group(0) @binding(6) var<storage, read> weight: array<real4>;    // [G*Kh, Cr, K, and zeros]: gemm/prepack.wgsl
@group(0) @binding(7) var<storage, read> bias: array<real>;       // [G*Kh*K]

const K: u32 = 7u; // taps of a kernel row, odd; the padding is half of it
const C: u32 = 8u; // channels of a tile
const BORDER: u32 = 0u; // zeros
const K4: u32 = (K + 3u) / 4u;
const STEP: u32 = 8u; // channels of `reduced` in an iteration
const PLACES: u32 = 32u; // of a workgroup

#import involution/tile
#import involution/beneath

var<workgroup> made: array<array<vec2<f32>, K>, 2u * PLACES>;

alias Pairs = array<vec2<f32>, K>;     // the taps of a row at two pixels
alias Values = array<vec2<f32>, STEP>; // what they are made of

// Adds what a channel of `reduced` makes of a row of taps.
fn add_products(taps: ptr<function, Pairs>, own: vec2<f32>, at: u32) {
    for (var i = 0u; i < K4; i++) {
        let w = vec4<f32>(weight[at + i]);
        for (var j = 0u; j < 4u; j++) {
            if i * 4u + j < K {
                (*taps)[i * 4u + j] += w[j] * own;
            }
        }
    }
}

// Makes a row of taps, counted over all groups, at the two pixels whose first reduced channel is at `first`.
fn make(row: u32, first: u32, plane: u32) -> Pairs {
    var taps: Pairs;
    if params.has_bias != 0u {
        for (var kx = 0u; kx < K; kx++) {
            taps[kx] = vec2<f32>(f32(bias[row * K + kx]));
        }
    }
    var own = first;
    var at = row * params.reduced_channels * K4;
    for (var k = 0u; k < params.reduced_channels; k += STEP) {
        var values: Values;
        for (var i = 0u; i < STEP; i++) {
            values[i] = vec2<f32>(reduced[own + i * plane]);
        }
        for (var i = 0u; i < STEP; i++) {
            add_products(&taps, values[i], at + i * K4);
        }
        own += STEP * plane;
        at += STEP * K4;
    }
    return taps;
}

// Hands two pixels' taps to the other invocation of the pair.
fn hand_over(taps: Pairs, local_index: u32) {
    var pairs = taps;
    for (var kx = 0u; kx < K; kx++) {
        made[local_index][kx] = pairs[kx];
    }
}

fn taps_of(first: u32) -> array<vec4<f32>, K> {
    var taps: array<vec4<f32>, K>;
    for (var kx = 0u; kx < K; kx++) {
        taps[kx] = vec4<f32>(made[first][kx], made[first + 1u][kx]);
    }
    return taps;
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let columns = params.width / 4u;
    let plane = params.height * columns;
    let out_plane = params.out_height * columns;
    let parts = (out_plane + PLACES - 1u) / PLACES;
    let blocks = (params.channels / params.groups + 2u * C - 1u) / (2u * C);

    // workgroup = ((sample * groups + group) * blocks + block) * parts + part
    let workgroup = linear_workgroup(thread);
    let rest = workgroup / parts;
    let matrix = rest / blocks;
    if matrix >= params.batch * params.groups {
        return;
    }
    let local_index = thread.local_index;
    let half = local_index % 2u;
    // Past the last place it is computed again, and not stored.
    let item = (workgroup - rest * parts) * PLACES + local_index / 2u;
    let place = min(item, out_plane - 1u);
    var tile = tile_at(place, matrix, (rest - matrix * blocks) * 2u + half);
    tile.kept = select(C, tile.kept, item < out_plane);
    let oy = place / columns;
    let column = place - oy * columns;
    let x_first = tile.channel * plane + column;
    let sample = matrix / params.groups;
    let own = (sample * params.reduced_channels * out_plane + place) * 2u + half;
    let first_row = (matrix - sample * params.groups) * params.window.kernel_height;
    // Rows above the image have wrapped around 0.
    let iy0 = oy * params.window.stride_y - params.window.padding_top;

    var channels: array<u32, C>;
    for (var c = 0u; c < C; c++) {
        channels[c] = channels_to(c) * plane;
    }
    // What lies outside of the image is zero, and zero times a tap is not where that is NaN or infinite. The compiler does
    // not know that the window moves by one column.
    let zero = f32(params.window.stride_x - 1u);
    var outside = vec4<f32>();
    var sums: array<vec4<f32>, C>;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        hand_over(make(first_row + ky, own, out_plane * 2u), local_index);
        workgroupBarrier();
        let taps = taps_of(local_index - half);
        workgroupBarrier();
        let iy = iy0 + ky * params.window.dilation_y;
        if iy < params.height {
            let beneath = place_of(x_first + iy * columns, column, columns);
            for (var c = 0u; c < C; c++) {
                sums[c] = along(sums[c], taps, channels[c], beneath);
            }
        } else {
            for (var kx = 0u; kx < K; kx++) {
                outside += zero * taps[kx];
            }
        }
    }
    for (var c = 0u; c < C; c++) {
        if stores(tile, c) {
            let sum = affine4(sums[c] + outside, tile.channel % params.channels + channels_to(c));
            let at = (tile.channel + channels_to(c)) * out_plane + place;
            out[at] = real4(activate4(sum, params.activation));
        }
    }
}

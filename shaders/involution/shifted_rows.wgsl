// Involution whose window is kept inside of the image, over rows of two or more whole vec4s. One invocation computes eight
// channels of one group at four neighbouring pixels, and reads a row of the kernel once for all of them. The pixels whose
// windows would begin or end outside are the first and the last four of a row. They are counted after all others, so that
// neighbouring invocations either slide a window or do not.
#variant K=7,5,3 BORDER=3
#import common/real
#import common/grid
#import common/activation
#import common/row
#import involution/params

@group(0) @binding(1) var<storage, read> x: array<real4>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read> kernel: array<real4>;    // [N, G*Kh*K, H, W]
@group(0) @binding(3) var<storage, read_write> out: array<real4>; // [N, C, H, W]

const K: u32 = 7u; // taps of a kernel row, odd
const C: u32 = 8u; // channels of a tile
const BORDER: u32 = 3u;

#import common/border
#import involution/tile

// A row of taps at four pixels.
fn taps_of(first: u32, step: u32) -> array<vec4<f32>, K> {
    var taps: array<vec4<f32>, K>;
    for (var kx = 0u; kx < K; kx++) {
        taps[kx] = vec4<f32>(kernel[first + kx * step]);
    }
    return taps;
}

// Adds what lies under a row of taps at the vec4 of this place to the sum of a channel.
fn along(sum: vec4<f32>, taps: array<vec4<f32>, K>, at: u32) -> vec4<f32> {
    var row: Row;
    row.left = vec4<f32>(x[at - 1u]);
    row.own = vec4<f32>(x[at]);
    row.right = vec4<f32>(x[at + 1u]);
    var s = sum;
    for (var kx = 0u; kx < K; kx++) {
        s += taps[kx] * under(row, kx + 3u - K / 2u, 1u);
    }
    return s;
}

// Adds what lies under a row of taps to the sum of a channel at the first four pixels of a row, or the last four: two vec4s
// from `at` on have the windows of all of them.
fn at_end(sum: vec4<f32>, taps: array<vec4<f32>, K>, at: u32, is_last: bool) -> vec4<f32> {
    let low = vec4<f32>(x[at]);
    let high = vec4<f32>(x[at + 1u]);
    var values = array<f32, 8>(low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w);
    var s = sum;
    for (var kx = 0u; kx < K; kx++) {
        var under_tap: vec4<f32>;
        for (var p = 0u; p < 4u; p++) {
            let first = max(p, K / 2u) - K / 2u;
            let last = min(4u + p - K / 2u, 8u - K);
            under_tap[p] = select(values[kx + first], values[kx + last], is_last);
        }
        s += taps[kx] * under_tap;
    }
    return s;
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let columns = params.width / 4u;
    let plane = params.height * columns;
    let tile = tile_of(linear_workgroup(thread) * 64u + thread.local_index, plane);
    if tile.matrix >= params.batch * params.groups {
        return;
    }
    let inner = columns - 2u;
    let slides = tile.place < params.height * inner;
    let number = tile.place - select(params.height * inner, 0u, slides);
    let divisor = select(2u, inner, slides);
    let oy = number / divisor;
    let rest = number - oy * divisor;
    let is_last = !slides && rest == 1u;
    let column = select(select(0u, columns - 1u, is_last), 1u + rest, slides);
    let place = oy * columns + column;
    let window = params.window;
    let down = Axis(window.kernel_height, window.stride_y, window.padding_top, window.dilation_y, params.height);
    let iy0 = u32(begin(vec4<u32>(oy), down).x);
    let kernel_first = tile.matrix * window.kernel_height * K * plane + place;
    var at = tile.channel * plane + iy0 * columns + select(select(0u, columns - 2u, is_last), column, slides);

    var channels: array<u32, C>;
    for (var c = 0u; c < C; c++) {
        channels[c] = channels_to(c) * plane;
    }
    var sums: array<vec4<f32>, C>;
    if slides {
        for (var ky = 0u; ky < params.window.kernel_height; ky++) {
            let taps = taps_of(kernel_first + ky * K * plane, plane);
            for (var c = 0u; c < C; c++) {
                sums[c] = along(sums[c], taps, channels[c] + at);
            }
            at += window.dilation_y * columns;
        }
    } else {
        for (var ky = 0u; ky < params.window.kernel_height; ky++) {
            let taps = taps_of(kernel_first + ky * K * plane, plane);
            for (var c = 0u; c < C; c++) {
                sums[c] = at_end(sums[c], taps, channels[c] + at, is_last);
            }
            at += window.dilation_y * columns;
        }
    }
    for (var c = 0u; c < C; c++) {
        if stores(tile, c) {
            let sum = affine4(sums[c], tile.channel % params.channels + channels_to(c));
            let to = (tile.channel + channels_to(c)) * plane + place;
            out[to] = real4(activate4(sum, params.activation));
        }
    }
}

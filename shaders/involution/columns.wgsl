// Involution with any window that moves down by one or two rows, over rows of any width. One invocation computes eight channels
// of one group at four pixels below each other, so that neighbouring invocations read neighbouring values, and reads a
// column of the kernel once for all channels: for K = 7 and S = 1, 28 values of the kernel and ten of x for each channel, for 28
// multiply-adds a channel.
#variant K=7,5,3 S=1,2
#variant K=7,5,3 S=1 BORDER=1,2,3
#import common/real
#import common/grid
#import common/activation
#import involution/params

@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read> kernel: array<real>;    // [N, G*K*Kw, H', W']
@group(0) @binding(3) var<storage, read_write> out: array<real>; // [N, C, H', W']

const K: u32 = 7u; // taps of a kernel column
const C: u32 = 8u; // channels of a tile
const S: u32 = 1u; // stride down the rows
const ROWS: u32 = 13u; // of x, at most: those under the four pixels are 3 * S + K
const BORDER: u32 = 0u; // by the codes of `Border` in src/ops/involution.rs: zero, reflect, replicate, shift

#import common/border
#import involution/tile

// Where the rows of x begin that lie under four pixels, and whether they lie on the image.
struct Place {
    at: array<u32, ROWS>,
    inside: array<bool, ROWS>,
}

// A column of taps, for each of the four pixels.
fn taps_of(first: u32, step: u32, pixels: vec4<u32>) -> array<vec4<f32>, K> {
    var taps: array<vec4<f32>, K>;
    for (var ky = 0u; ky < K; ky++) {
        let at = vec4<u32>(first + ky * step) + pixels;
        taps[ky] = vec4<f32>(real4(kernel[at.x], kernel[at.y], kernel[at.z], kernel[at.w]));
    }
    return taps;
}

// Adds what lies under a column of taps to the sum of a channel, at four pixels whose windows begin in these rows.
fn apart(sum: vec4<f32>, taps: array<vec4<f32>, K>, first: u32, rows: vec4<u32>) -> vec4<f32> {
    var s = sum;
    var at = rows + first;
    for (var ky = 0u; ky < K; ky++) {
        s += taps[ky] * vec4<f32>(real4(x[at.x], x[at.y], x[at.z], x[at.w]));
        at += params.width;
    }
    return s;
}

// Adds what lies under a column of taps to the sums of a channel. Above and below the image there are zeros.
fn down(sum: vec4<f32>, taps: array<vec4<f32>, K>, first: u32, place: Place) -> vec4<f32> {
    var values: array<f32, ROWS>;
    for (var row = 0u; row < 3u * S + K; row++) {
        values[row] = select(0.0, f32(x[first + place.at[row]]), place.inside[row]);
    }
    var s = sum;
    for (var ky = 0u; ky < K; ky++) {
        s += taps[ky] * vec4<f32>(values[ky], values[ky + S], values[ky + 2u * S], values[ky + 3u * S]);
    }
    return s;
}

// What columns of taps outside of the image add to the sums of any channel: their weights times zero, which is not zero where
// they are NaN or infinite. The compiler does not know that the stride is S.
fn outside_of(ix0: u32, first: u32, step: u32, out_plane: u32, pixels: vec4<u32>) -> vec4<f32> {
    let zero = f32(params.window.stride_y - S);
    var outside = vec4<f32>();
    for (var kx = 0u; kx < params.window.kernel_width; kx++) {
        if ix0 + kx * params.window.dilation_x >= params.width {
            let taps = taps_of(first + kx * out_plane, step, pixels);
            for (var ky = 0u; ky < K; ky++) {
                outside += zero * taps[ky];
            }
        }
    }
    return outside;
}

// Stores the results of the channels and pixels that the tile has.
fn finish(sums: array<vec4<f32>, C>, tile: Tile, oy: vec4<u32>, pixels: vec4<u32>) {
    let out_plane = params.out_height * params.out_width;
    var of_channels = sums;
    for (var c = 0u; c < C; c++) {
        if stores(tile, c) {
            let sum = affine4(of_channels[c], tile.channel % params.channels + channels_to(c));
            let values = activate4(sum, params.activation);
            let first = (tile.channel + channels_to(c)) * out_plane;
            for (var r = 0u; r < 4u; r++) {
                if oy[r] < params.out_height {
                    out[first + pixels[r]] = real(values[r]);
                }
            }
        }
    }
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let plane = params.height * params.width;
    let out_plane = params.out_height * params.out_width;
    let bands = (params.out_height + 3u) / 4u;
    let tile = tile_of(linear_workgroup(thread) * 64u + thread.local_index, bands * params.out_width);
    if tile.matrix >= params.batch * params.groups {
        return;
    }
    let band = tile.place / params.out_width;
    let ox = tile.place - band * params.out_width;
    let oy = vec4<u32>(band * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    // Below the last row of the output that is computed again and dropped.
    let rows = min(oy, vec4<u32>(params.out_height - 1u));
    let pixels = rows * params.out_width + vec4<u32>(ox);
    let x_first = tile.channel * plane;
    let step = params.window.kernel_width * out_plane;
    let kernel_first = tile.matrix * K * step;

    let window = params.window;
    let vertical = Axis(K, S, window.padding_top, 1u, params.height);
    let horizontal = Axis(window.kernel_width, window.stride_x, window.padding_left, window.dilation_x, params.width);
    let starts = begin(rows, vertical);
    // Places above or left of the image have wrapped around 0, where they are not read from elsewhere.
    var place: Place;
    for (var row = 0u; row < 3u * S + K; row++) {
        let iy = source_of(vec4<i32>(starts.x + i32(row)), params.height).x;
        place.inside[row] = BORDER != 0u || iy < params.height;
        place.at[row] = x_first + min(iy, params.height - 1u) * params.width;
    }
    let ix0 = u32(begin(vec4<u32>(ox), horizontal).x);

    var sums: array<vec4<f32>, C>;
    if BORDER == 3u && any(vec4<u32>(starts - starts.x) != vec4<u32>(0u, 1u, 2u, 3u)) {
        // At the upper and at the lower end of the image windows do not slide.
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let taps = taps_of(kernel_first + kx * out_plane, step, pixels);
            let first = x_first + ix0 + kx * window.dilation_x;
            for (var c = 0u; c < C; c++) {
                sums[c] = apart(sums[c], taps, channels_to(c) * plane + first, vec4<u32>(starts) * params.width);
            }
        }
        finish(sums, tile, oy, pixels);
        return;
    }
    for (var kx = 0u; kx < params.window.kernel_width; kx++) {
        let ix = source_of(vec4<i32>(i32(ix0 + kx * window.dilation_x)), params.width).x;
        if BORDER != 0u || ix < params.width {
            let taps = taps_of(kernel_first + kx * out_plane, step, pixels);
            for (var c = 0u; c < C; c++) {
                sums[c] = down(sums[c], taps, channels_to(c) * plane + ix, place);
            }
        }
    }

    if BORDER == 0u {
        let outside = outside_of(ix0, kernel_first, step, out_plane, pixels);
        for (var c = 0u; c < C; c++) {
            sums[c] += outside;
        }
    }
    finish(sums, tile, oy, pixels);
}

// Involution of volumes, with any window, any border, and taps as they are or normalised. One invocation computes C channels
// of one group at four neighbouring pixels of an output row, which share the weights. With SLIDING the window slides by one
// column (stride and dilation 1 along the width): the four pixels then read four neighbouring inputs, and the next tap needs
// one more of them.
#variant C=4 BORDER=0,1,2,3 SOFTMAX?
#variant C=8 BORDER=0,1,2 SLIDING SOFTMAX?
#define DEPTH
#import common/real
#import common/grid
#import common/activation
#import common/window

const C: u32 = 4u;      // channels
const BORDER: u32 = 0u; // by the codes of `Border` in src/ops/involution.rs: zero, reflect, replicate, shift

#import common/border

struct Params {
    window: Window,
    batch: u32,
    channels: u32,
    depth: u32,
    height: u32,
    width: u32,
    out_depth: u32,
    out_height: u32,
    out_width: u32,
    groups: u32,
    group_stride: u32,   // channels from one group to the next
    channel_stride: u32, // and from one of its channels to the next
    has_affine: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, D, H, W]
@group(0) @binding(2) var<storage, read> kernel: array<real>;    // [N, G*Kd*Kh*Kw, D', H', W']
@group(0) @binding(3) var<storage, read_write> out: array<real>; // [N, C, D', H', W']
@group(0) @binding(4) var<storage, read> scale: array<real>;     // [C]
@group(0) @binding(5) var<storage, read> shift: array<real>;     // [C]

// The values of four places of a row.
fn four_of(row: u32, columns: vec4<u32>, inside: vec4<bool>) -> vec4<f32> {
    let at = select(vec4<u32>(), row + columns, inside);
    return select(vec4<f32>(), vec4<f32>(real4(x[at.x], x[at.y], x[at.z], x[at.w])), inside);
}

// The value of one place of a row.
fn value_at(row: u32, place: i32, inside_row: bool) -> f32 {
    let column = source_of(vec4<i32>(place), params.width).x;
    let inside = inside_row && column < params.width;
    return select(0.0, f32(x[select(0u, row + column, inside)]), inside);
}

// The weights of one tap at four neighbouring pixels.
fn weights(first: u32, tap: u32, pixels: vec4<u32>) -> vec4<f32> {
    let at = pixels + (first + tap * params.out_depth * params.out_height * params.out_width);
    return vec4<f32>(real4(kernel[at.x], kernel[at.y], kernel[at.z], kernel[at.w]));
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let window = params.window;
    let group_channels = params.channels / params.groups;
    let columns = (params.out_width + 3u) / 4u;
    let rows = params.out_depth * params.out_height;
    let blocks = (group_channels + C - 1u) / C;

    // item = (((sample * groups + group) * blocks + block) * rows + row) * columns + column
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let ox = item % columns * 4u;
    item /= columns;
    let row = item % rows;
    item /= rows;
    let first = item % blocks * C;
    item /= blocks;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }
    let tap_rows = window.kernel_depth * window.kernel_height;
    let taps = tap_rows * window.kernel_width;
    let kernel_first = ((sample * params.groups + group) * taps * rows + row) * params.out_width;
    // Past the end of the row the last pixel is repeated.
    let pixels = min(vec4<u32>(ox) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.out_width - 1u));
    let deep = Axis(window.kernel_depth, window.stride_z, window.padding_front, window.dilation_z, params.depth);
    let down = Axis(window.kernel_height, window.stride_y, window.padding_top, window.dilation_y, params.height);
    let across = Axis(window.kernel_width, window.stride_x, window.padding_left, window.dilation_x, params.width);
    let iz0 = begin(vec4<u32>(row / params.out_height), deep);
    let iy0 = begin(vec4<u32>(row % params.out_height), down);
#ifdef SLIDING
    let ix0 = i32(ox) - i32(window.padding_left);
#else
    let ix0 = begin(pixels, across);
#endif
    let plane = params.depth * params.height * params.width;
    let base = sample * params.channels + group * params.group_stride;

#ifdef SOFTMAX
    // The largest is taken away, so that no exponential overflows. `max` may lose a NaN; the sum does not.
    var largest = weights(kernel_first, 0u, pixels);
    for (var tap = 1u; tap < taps; tap++) {
        largest = max(largest, weights(kernel_first, tap, pixels));
    }
    var total = vec4<f32>();
#endif
    var sums: array<vec4<f32>, C>;
    for (var tap_row = 0u; tap_row < tap_rows; tap_row++) {
        let dz = i32(tap_row / window.kernel_height * window.dilation_z);
        let dy = i32(tap_row % window.kernel_height * window.dilation_y);
        let iz = source_of(iz0 + dz, params.depth).x;
        let iy = source_of(iy0 + dy, params.height).x;
        let inside_row = iz < params.depth && iy < params.height;
        let source_row = (iz * params.height + iy) * params.width;
#ifdef SLIDING
        // The inputs under the tap to come, less the last of the four.
        var under: array<vec4<f32>, C>;
        for (var c = 0u; c < C; c++) {
            let channel = base + min(first + c, group_channels - 1u) * params.channel_stride;
            let own_row = channel * plane + source_row;
            under[c] = vec4<f32>(
                0.0,
                value_at(own_row, ix0, inside_row),
                value_at(own_row, ix0 + 1, inside_row),
                value_at(own_row, ix0 + 2, inside_row),
            );
        }
#endif
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
#ifdef SLIDING
            let place = ix0 + i32(kx) + 3;
#else
            let ix = source_of(ix0 + i32(kx * window.dilation_x), params.width);
            let inside = (ix < vec4<u32>(params.width)) & vec4<bool>(inside_row);
#endif
            var weight = weights(kernel_first, tap_row * window.kernel_width + kx, pixels);
#ifdef SOFTMAX
            // Never above 0, or NaN, of which `exp` is a number on some adapters.
            let exponent = weight - largest;
            weight = select(exponent, exp(exponent), exponent <= vec4<f32>());
            total += weight;
#endif
            for (var c = 0u; c < C; c++) {
                // A tile that overhangs the group repeats its last channel and drops the result.
                let channel = base + min(first + c, group_channels - 1u) * params.channel_stride;
                let own_row = channel * plane + source_row;
#ifdef SLIDING
                under[c] = vec4<f32>(under[c].yzw, value_at(own_row, place, inside_row));
                sums[c] += weight * under[c];
#else
                sums[c] += weight * four_of(own_row, ix, inside);
#endif
            }
        }
    }
    for (var c = 0u; c < C; c++) {
        if first + c < group_channels {
            let channel = base + (first + c) * params.channel_stride;
            var sum = sums[c];
#ifdef SOFTMAX
            sum /= total;
#endif
            if params.has_affine != 0u {
                let own = channel - sample * params.channels;
                sum = sum * f32(scale[own]) + f32(shift[own]);
            }
            sum = activate4(sum, params.activation);
            let at = (channel * rows + row) * params.out_width + ox;
            for (var p = 0u; p < 4u; p++) {
                if ox + p < params.out_width {
                    out[at + p] = real(sum[p]);
                }
            }
        }
    }
}

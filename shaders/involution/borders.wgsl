// Involution whose window reads past the image in any way, or is kept inside, with taps that are normalised, or with an
// output larger than the positions of the window, and a kernel in any layout. One invocation computes C channels of one group at four neighbouring
// pixels of the output, which share the weights.
#variant C=4 BORDER=0,1,2,3 SOFTMAX?
#import common/real
#import common/grid
#import common/activation
#import involution/params
#import common/border
#import involution/layout

@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read> kernel: array<real>;    // in the layout of its code
@group(0) @binding(3) var<storage, read_write> out: array<real>; // [N, C, H', W']

const C: u32 = 4u;      // channels
const BORDER: u32 = 0u; // by the codes of `Border` in src/ops/involution.rs: zero, reflect, replicate, shift

// The values of four places of a row.
fn four_of(row: u32, columns: vec4<u32>, inside: vec4<bool>) -> vec4<f32> {
    let at = select(vec4<u32>(), row + columns, inside);
    return select(vec4<f32>(), vec4<f32>(real4(x[at.x], x[at.y], x[at.z], x[at.w])), inside);
}

// The weights of one tap at four neighbouring pixels, counted from their places.
fn weights(tap: u32, places: vec4<u32>) -> vec4<f32> {
    let at = places + tap * tap_step(params.out_height, params.out_width);
    return vec4<f32>(real4(kernel[at.x], kernel[at.y], kernel[at.z], kernel[at.w]));
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let window = params.window;
    let group_channels = params.channels / params.groups;
    let columns = (params.out_width + 3u) / 4u;
    let blocks = (group_channels + C - 1u) / C;

    // item = (((sample * groups + group) * blocks + block) * out_height + oy) * columns + column
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let ox = item % columns * 4u;
    item /= columns;
    let oy = item % params.out_height;
    item /= params.out_height;
    let first = item % blocks * C;
    item /= blocks;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }
    let taps = window.kernel_height * window.kernel_width;
    // Past the end of the row the last pixel is repeated.
    let pixels = min(vec4<u32>(ox) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.out_width - 1u));
    let kernel_first = (sample * params.groups + group) * taps * params.out_height * params.out_width;
    let places = pixels_of(oy, pixels, params.out_height, params.out_width, taps) + kernel_first;
    let down = Axis(window.kernel_height, window.stride_y, window.padding_top, window.dilation_y, params.height);
    let across = Axis(window.kernel_width, window.stride_x, window.padding_left, window.dilation_x, params.width);
    let iy0 = begin(vec4<u32>(oy / params.upsample), down);
    let ix0 = begin(pixels / params.upsample, across);
    let plane = params.height * params.width;
    let base = sample * params.channels + group * params.group_stride;

#ifdef SOFTMAX
    // The largest is taken away, so that no exponential overflows. `max` may lose a NaN; the sum does not.
    var largest = weights(0u, places);
    for (var tap = 1u; tap < taps; tap++) {
        largest = max(largest, weights(tap, places));
    }
    var total = vec4<f32>();
#endif
    var sums: array<vec4<f32>, C>;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        let iy = source_of(iy0 + i32(ky * window.dilation_y), params.height).x;
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let ix = source_of(ix0 + i32(kx * window.dilation_x), params.width);
            let inside = (ix < vec4<u32>(params.width)) & vec4<bool>(iy < params.height);
            var weight = weights(ky * window.kernel_width + kx, places);
#ifdef SOFTMAX
            // Never above 0, or NaN, of which `exp` is a number on some adapters.
            let exponent = weight - largest;
            weight = select(exponent, exp(exponent), exponent <= vec4<f32>());
            total += weight;
#endif
            for (var c = 0u; c < C; c++) {
                // A tile that overhangs the group repeats its last channel and drops the result.
                let channel = base + min(first + c, group_channels - 1u) * params.channel_stride;
                sums[c] += weight * four_of(channel * plane + iy * params.width, ix, inside);
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
            sum = activate4(affine4(sum, channel - sample * params.channels), params.activation);
            let at = (channel * params.out_height + oy) * params.out_width + ox;
            for (var p = 0u; p < 4u; p++) {
                if ox + p < params.out_width {
                    out[at + p] = real(sum[p]);
                }
            }
        }
    }
}

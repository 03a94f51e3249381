// Products of queries with the keys of their windows. One invocation computes T taps of one head at four neighbouring
// pixels. Where keys are is worked out before the loop over the channels, for all of these.
#variant T=4 BORDER=0,1,2,3
#import common/real
#import common/grid
#import attention/params
#import common/border

@group(0) @binding(1) var<storage, read> query: array<real>;     // [N, heads*d, H, W]
@group(0) @binding(2) var<storage, read> key: array<real>;       // [N, heads*d, H, W]
@group(0) @binding(3) var<storage, read> bias: array<real>;      // [heads, 2*Kh-1, 2*Kw-1]
@group(0) @binding(4) var<storage, read_write> out: array<real>; // [N, heads*Kh*Kw, H, W]

const T: u32 = 4u;      // taps
const BORDER: u32 = 0u; // by the codes of `Border` in src/ops/involution.rs: zero, reflect, replicate, shift

// Four values of a tensor.
fn queries(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(real4(query[at.x], query[at.y], query[at.z], query[at.w]));
}

fn keys(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(real4(key[at.x], key[at.y], key[at.z], key[at.w]));
}

// The bias at four distances.
fn biases(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(real4(bias[at.x], bias[at.y], bias[at.z], bias[at.w]));
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let window = params.window;
    let taps = window.kernel_height * window.kernel_width;
    let columns = (params.width + 3u) / 4u;
    let blocks = (taps + T - 1u) / T;

    // item = (((sample * heads + head) * blocks + block) * height + y) * columns + column
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let ox = item % columns * 4u;
    item /= columns;
    let oy = item % params.height;
    item /= params.height;
    let first = item % blocks * T;
    item /= blocks;
    let head = item % params.heads;
    let sample = item / params.heads;
    if sample >= params.batch {
        return;
    }
    // Past the end of the row the last pixel is repeated.
    let pixels = min(vec4<u32>(ox) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.width - 1u));
    let down = Axis(window.kernel_height, 1u, window.padding_top, window.dilation_y, params.height);
    let across = Axis(window.kernel_width, 1u, window.padding_left, window.dilation_x, params.width);
    let iy0 = begin(vec4<u32>(oy), down).x;
    let ix0 = begin(pixels, across);

    // What is outside of the image reads the first key, and is left out at the end.
    var places: array<vec4<u32>, T>;
    var all_inside: array<vec4<bool>, T>;
    var distances: array<vec4<u32>, T>;
    var sums: array<vec4<f32>, T>;
    let last_distance = vec4<i32>(vec4<u32>(window.kernel_width - 1u));
    for (var t = 0u; t < T; t++) {
        // A block that overhangs the window repeats its last tap and drops the result.
        let tap = min(first + t, taps - 1u);
        let ky = iy0 + i32(tap / window.kernel_width * window.dilation_y);
        let kx = ix0 + i32(tap % window.kernel_width * window.dilation_x);
        let iy = source_of(vec4<i32>(ky), params.height).x;
        let ix = source_of(kx, params.width);
        let inside = (ix < vec4<u32>(params.width)) & vec4<bool>(iy < params.height);
        places[t] = select(vec4<u32>(), iy * params.width + ix, inside);
        all_inside[t] = inside;
        let row = (ky - i32(oy)) / i32(window.dilation_y) + i32(window.kernel_height) - 1i;
        let column = (kx - vec4<i32>(pixels)) / i32(window.dilation_x) + last_distance;
        distances[t] = vec4<u32>(row * (2i * i32(window.kernel_width) - 1i) + column);
    }
    let plane = params.height * params.width;
    let base = (sample * params.heads + head) * params.head_channels * plane;
    let middle = oy * params.width + pixels;
    for (var c = 0u; c < params.head_channels; c++) {
        let channel = base + c * plane;
        let q = queries(channel + middle);
        for (var t = 0u; t < T; t++) {
            sums[t] += q * keys(channel + places[t]);
        }
    }
    let distances_of_head = (2u * window.kernel_height - 1u) * (2u * window.kernel_width - 1u);
    for (var t = 0u; t < T; t++) {
        if first + t < taps {
            let inside = all_inside[t];
            var sum = select(vec4<f32>(), params.scale * sums[t], inside);
            if params.has_bias != 0u {
                sum += biases(head * distances_of_head + distances[t]);
            }
            sum = select(sum, vec4<f32>(MASKED), vec4<bool>(params.mask != 0u) & !inside);
            let at = (((sample * params.heads + head) * taps + first + t) * params.height + oy) * params.width + ox;
            for (var p = 0u; p < 4u; p++) {
                if ox + p < params.width {
                    out[at + p] = real(sum[p]);
                }
            }
        }
    }
}

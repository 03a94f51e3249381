// Transposed convolution. Each output pixel gathers the taps that reach it, so that no two invocations add to the same place.
// One invocation computes T output channels of one group at four pixels of a row that are a stride apart: the same taps reach
// these, from four neighbouring pixels of the input. The taps that reach a pixel repeat after `step`, and each lies `hop`
// pixels of the input before the last, so that nothing is divided in the loops over them.
#variant T=8,1
#import common/real
#import common/grid
#import common/activation
#import common/window

struct Params {
    window: Window,
    batch: u32,
    in_channels: u32,
    height: u32,
    width: u32,
    out_channels: u32,
    out_height: u32,
    out_width: u32,
    groups: u32,
    step_y: u32, // stride / gcd(stride, dilation)
    step_x: u32,
    has_bias: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, Ci, H, W]
@group(0) @binding(2) var<storage, read> weight: array<real>;    // [Ci, Co/g, Kh, Kw]
@group(0) @binding(3) var<storage, read> bias: array<real>;      // [Co]
@group(0) @binding(4) var<storage, read_write> out: array<real>; // [N, Co, H', W']

const T: u32 = 8u; // output channels

// The taps of an axis that reach a place, from the first on, and the place in the input of the first.
struct Reach {
    first: u32,
    count: u32,
    source: u32,
}

// `place` counts from the first place of the output before anything is cut off.
fn reach(place: u32, taps: u32, step: u32, stride: u32, dilation: u32) -> Reach {
    let end = min(step, taps);
    let phase = place % stride;
    var first = taps;
    for (var tap = 0u; tap < end; tap++) {
        first = select(first, tap, (tap * dilation) % stride == phase);
    }
    // Places left of or above the input wrap around 0 and so lie outside of it too.
    let source = u32((i32(place) - i32(first * dilation)) / i32(stride));
    return Reach(first, (taps - first + step - 1u) / step, source);
}

fn value(plane: u32, iy: u32, ix: u32) -> f32 {
    let inside = iy < params.height && ix < params.width;
    return select(0.0, f32(x[select(0u, plane + iy * params.width + ix, inside)]), inside);
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let window = params.window;
    let group_in = params.in_channels / params.groups;
    let group_out = params.out_channels / params.groups;
    let blocks = (group_out + T - 1u) / T;
    let runs = (params.out_width + 4u * window.stride_x - 1u) / (4u * window.stride_x);

    // item = ((((sample * groups + group) * blocks + block) * out_height + oy) * runs + run) * stride_x + phase
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let phase = item % window.stride_x;
    item /= window.stride_x;
    let ox = item % runs * 4u * window.stride_x + phase;
    item /= runs;
    let oy = item % params.out_height;
    item /= params.out_height;
    let block = item % blocks * T; // channel within the group
    item /= blocks;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }

    let down = reach(oy + window.padding_top, window.kernel_height, params.step_y, window.stride_y, window.dilation_y);
    let across = reach(ox + window.padding_left, window.kernel_width, params.step_x, window.stride_x, window.dilation_x);
    let hop_y = window.dilation_y * params.step_y / window.stride_y;
    let hop_x = window.dilation_x * params.step_x / window.stride_x;
    let rows = down.count;
    let columns = across.count;
    let taps = window.kernel_height * window.kernel_width;

    var sum: array<vec4<f32>, T>;
    for (var c = 0u; c < group_in; c++) {
        let channel = group * group_in + c;
        let plane = (sample * params.in_channels + channel) * params.height * params.width;
        for (var row = 0u; row < rows; row++) {
            let iy = down.source - row * hop_y;
            let tap_row = (down.first + row * params.step_y) * window.kernel_width + across.first;
            for (var column = 0u; column < columns; column++) {
                let ix = across.source - column * hop_x;
                let values = vec4<f32>(
                    value(plane, iy, ix),
                    value(plane, iy, ix + 1u),
                    value(plane, iy, ix + 2u),
                    value(plane, iy, ix + 3u),
                );
                let tap = channel * group_out * taps + tap_row + column * params.step_x;
                for (var t = 0u; t < T; t++) {
                    // A tile that overhangs the group repeats its last channel and drops the result.
                    sum[t] += f32(weight[tap + min(block + t, group_out - 1u) * taps]) * values;
                }
            }
        }
    }

    for (var t = 0u; t < T; t++) {
        if block + t < group_out {
            let channel = group * group_out + block + t;
            var shift = 0.0;
            if params.has_bias != 0u {
                shift = f32(bias[channel]);
            }
            let first = ((sample * params.out_channels + channel) * params.out_height + oy) * params.out_width;
            for (var p = 0u; p < 4u; p++) {
                let column = ox + p * window.stride_x;
                if column < params.out_width {
                    out[first + column] = real(activate(sum[t][p] + shift, params.activation));
                }
            }
        }
    }
}

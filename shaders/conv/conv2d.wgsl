// The general convolution: any window, any groups. One invocation computes T output channels of one
// group at four neighbouring pixels of an output row: 4 + T loads for 4 T multiply-adds. Long sums are split over
// dispatches, each of which adds some of the input channels to what the one before has left as its residual.
#variant T=8,2,1
#define PARTIAL
#import common/real
#import common/grid
#import common/activation
#import conv/tensors

@group(0) @binding(2) var<storage, read> weight: array<real>;

const T: u32 = 8u; // output channels

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let group_in = params.in_channels / params.groups;
    let group_out = params.out_channels / params.groups;
    let blocks = (group_out + T - 1u) / T;
    let columns = (params.out_width + 3u) / 4u;

    // item = (((sample * groups + group) * blocks + block) * out_height + oy) * columns + column
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let ox = (item % columns) * 4u;
    item /= columns;
    let oy = item % params.out_height;
    item /= params.out_height;
    let first = (item % blocks) * T; // channel within the group
    item /= blocks;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }

    let taps = params.window.kernel_height * params.window.kernel_width;
    let weight_row = group_in * taps; // elements of the weight per output channel
    let weight_first = sample * params.weight_sample_stride + group * group_out * weight_row;
    let iy0 = oy * params.window.stride_y - params.window.padding_top;
    let ix0 = ox * params.window.stride_x - params.window.padding_left;

    var sum: array<vec4<f32>, T>;
    for (var ci = params.first_in; ci < params.last_in; ci++) {
        let plane = (sample * params.in_channels + group * group_in + ci) * params.height * params.width;
        for (var ky = 0u; ky < params.window.kernel_height; ky++) {
            for (var kx = 0u; kx < params.window.kernel_width; kx++) {
                let value = padded4(plane, iy0 + ky * params.window.dilation_y, ix0 + kx * params.window.dilation_x);
                let tap = weight_first + ci * taps + ky * params.window.kernel_width + kx;
                for (var t = 0u; t < T; t++) {
                    // A tile that overhangs the group repeats its last channel and drops the result.
                    sum[t] += f32(weight[tap + min(first + t, group_out - 1u) * weight_row]) * value;
                }
            }
        }
    }

    let pixels = min(params.out_width - ox, 4u);
    for (var t = 0u; t < T; t++) {
        if first + t < group_out {
            finish(sum[t], sample, group * group_out + first + t, oy * params.out_width + ox, pixels);
        }
    }
}

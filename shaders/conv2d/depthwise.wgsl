// Depthwise convolution: one input channel per group, Co/Ci output channels from each. One invocation
// computes four neighbouring pixels of an output row; there is nothing to share between channels.
#import common/grid
#import common/activation
#import common/convolution

@group(0) @binding(2) var<storage, read> weight: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let columns = (params.out_width + 3u) / 4u;

    // item = ((sample * out_channels + channel) * out_height + oy) * columns + column
    var item = linear_workgroup(id, count) * 64u + lane;
    let ox = (item % columns) * 4u;
    item /= columns;
    let oy = item % params.out_height;
    item /= params.out_height;
    let channel = item % params.out_channels;
    let sample = item / params.out_channels;
    if sample >= params.batch {
        return;
    }

    let multiplier = params.out_channels / params.in_channels;
    let plane = (sample * params.in_channels + channel / multiplier) * params.height * params.width;
    let taps = params.window.kernel_height * params.window.kernel_width;
    let weight_first = sample * params.weight_sample_stride + channel * taps;
    let iy0 = oy * params.window.stride_y - params.window.padding_top;
    let ix0 = ox * params.window.stride_x - params.window.padding_left;

    var sum = vec4<f32>();
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let value = padded4(plane, iy0 + ky * params.window.dilation_y, ix0 + kx * params.window.dilation_x);
            sum += weight[weight_first + ky * params.window.kernel_width + kx] * value;
        }
    }
    finish(sum, sample, channel, oy * params.out_width + ox, min(params.out_width - ox, 4u));
}

// The general involution: any window. One invocation computes C channels of one group at four
// neighbouring pixels; the channels share the weights: 4 + 4 C loads for 4 C multiply-adds per tap.
#import common/grid
#import common/activation
#import common/involution

const C: u32 = 4u; // channels

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = item_of(linear_workgroup(id, count) * 64u + lane, C);
    if item.sample >= params.batch {
        return;
    }
    let group_channels = params.channels / params.groups;
    let plane = params.height * params.width;
    let x_first = (item.sample * params.channels + item.group * params.group_stride) * plane;
    let step = params.channel_stride * plane; // from one channel of the group to the next
    let taps = params.window.kernel_height * params.window.kernel_width;
    let out_plane = params.out_height * params.out_width;
    let kernel_first = (item.sample * params.groups + item.group) * taps * out_plane + item.oy * params.out_width;
    let place = min(vec4<u32>(item.ox) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.out_width - 1u));
    let iy0 = item.oy * params.window.stride_y - params.window.padding_top;
    let ix0 = item.ox * params.window.stride_x - params.window.padding_left;

    var sum: array<vec4<f32>, C>;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        let iy = iy0 + ky * params.window.dilation_y;
        let inside = iy < params.height;
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let weight = weights(kernel_first, ky * params.window.kernel_width + kx, place);
            let ix = ix0 + kx * params.window.dilation_x;
            for (var c = 0u; c < C; c++) {
                // A tile that overhangs the group repeats its last channel and drops the result.
                let channel = min(item.first + c, group_channels - 1u);
                let row = x_first + channel * step + iy * params.width;
                let s = params.window.stride_x;
                sum[c] += weight * vec4<f32>(
                    in_row(row, inside, ix),
                    in_row(row, inside, ix + s),
                    in_row(row, inside, ix + 2u * s),
                    in_row(row, inside, ix + 3u * s),
                );
            }
        }
    }
    for (var c = 0u; c < C; c++) {
        if item.first + c < group_channels {
            finish(sum[c], item, item.first + c);
        }
    }
}

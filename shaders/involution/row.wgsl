// Involution where the window slides by one column: stride and dilation 1 along the width. Four
// neighbouring pixels then read four neighbouring inputs, and the next tap needs one more of them:
// 4 + C loads for 4 C multiply-adds per tap.
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
    let ix0 = item.ox - params.window.padding_left;

    var sum: array<vec4<f32>, C>;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        let iy = item.oy * params.window.stride_y + ky * params.window.dilation_y - params.window.padding_top;
        let inside = iy < params.height;

        // The inputs under the tap to come, less the last of the four.
        var window: array<vec4<f32>, C>;
        for (var c = 0u; c < C; c++) {
            let channel = min(item.first + c, group_channels - 1u);
            let row = x_first + channel * step + iy * params.width;
            window[c] = vec4<f32>(
                0.0,
                in_row(row, inside, ix0),
                in_row(row, inside, ix0 + 1u),
                in_row(row, inside, ix0 + 2u),
            );
        }
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let weight = weights(kernel_first, ky * params.window.kernel_width + kx, place);
            for (var c = 0u; c < C; c++) {
                // A tile that overhangs the group repeats its last channel and drops the result.
                let channel = min(item.first + c, group_channels - 1u);
                let row = x_first + channel * step + iy * params.width;
                window[c] = vec4<f32>(window[c].yzw, in_row(row, inside, ix0 + kx + 3u));
                sum[c] += weight * window[c];
            }
        }
    }
    for (var c = 0u; c < C; c++) {
        if item.first + c < group_channels {
            finish(sum[c], item, item.first + c);
        }
    }
}

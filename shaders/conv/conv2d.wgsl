// The general convolution: any window, any groups. One invocation computes T output channels of one
// group at four neighbouring pixels of an output row: 4 + T loads for 4 T multiply-adds. Long sums are split over
// dispatches, each of which adds some of the input channels to what the one before has left as its residual. With DEPTH
// x is a volume, and rows of the output and of taps are counted over slices.
#variant T=8,2,1 DEPTH?
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

    // item = (((sample * groups + group) * blocks + block) * rows + row) * columns + column
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let ox = (item % columns) * 4u;
    item /= columns;
    let out_row = item % out_rows();
    item /= out_rows();
    let first = (item % blocks) * T; // channel within the group
    item /= blocks;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }

    let rows = tap_rows();
    let taps = rows * params.window.kernel_width;
    let weight_row = group_in * taps; // elements of the weight per output channel
    let weight_first = sample * params.weight_sample_stride + group * group_out * weight_row;
#ifdef DEPTH
    let oy = out_row % params.out_height;
    let iz0 = out_row / params.out_height * params.window.stride_z - params.window.padding_front;
#else
    let oy = out_row;
#endif
    let iy0 = oy * params.window.stride_y - params.window.padding_top;
    let ix0 = ox * params.window.stride_x - params.window.padding_left;

    var sum: array<vec4<f32>, T>;
    for (var ci = params.first_in; ci < params.last_in; ci++) {
        let plane = (sample * params.in_channels + group * group_in + ci) * in_plane();
        for (var row = 0u; row < rows; row++) {
#ifdef DEPTH
            let iz = iz0 + row / params.window.kernel_height * params.window.dilation_z;
            let slice = plane + iz * params.height * params.width;
            // A slice of the padding has no row that is inside.
            let iy1 = iy0 + row % params.window.kernel_height * params.window.dilation_y;
            let iy = select(params.height, iy1, iz < params.depth);
#else
            let slice = plane;
            let iy = iy0 + row * params.window.dilation_y;
#endif
            for (var kx = 0u; kx < params.window.kernel_width; kx++) {
                let value = padded4(slice, iy, ix0 + kx * params.window.dilation_x);
                let tap = weight_first + ci * taps + row * params.window.kernel_width + kx;
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
            finish(sum[t], sample, group * group_out + first + t, out_row * params.out_width + ox, pixels);
        }
    }
}

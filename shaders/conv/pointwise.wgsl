// 1x1 convolution without stride or padding: a matrix product of the weight with the pixels of each
// sample. One invocation computes T output channels at four pixels that follow each other in memory:
// 4 + T loads for 4 T multiply-adds, no border, no tail at the end of each row.
#variant T=8,16
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
    let plane = params.height * params.width;
    let vec4s = (plane + 3u) / 4u;

    // item = ((sample * groups + group) * blocks + block) * vec4s + vec4_index
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let pixel = (item % vec4s) * 4u;
    item /= vec4s;
    let first = (item % blocks) * T; // channel within the group
    item /= blocks;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }

    // Beyond the last pixel the last one is read again and its result dropped.
    let place = min(vec4<u32>(pixel) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(plane - 1u));
    let x_first = (sample * params.in_channels + group * group_in) * plane;
    let weight_first = sample * params.weight_sample_stride + group * group_out * group_in;

    var sum: array<vec4<f32>, T>;
    for (var ci = 0u; ci < group_in; ci++) {
        let at = place + x_first + ci * plane;
        let value = vec4<f32>(real4(x[at.x], x[at.y], x[at.z], x[at.w]));
        for (var t = 0u; t < T; t++) {
            sum[t] += f32(weight[weight_first + min(first + t, group_out - 1u) * group_in + ci]) * value;
        }
    }

    let pixels = min(plane - pixel, 4u);
    for (var t = 0u; t < T; t++) {
        if first + t < group_out {
            finish(sum[t], sample, group * group_out + first + t, pixel, pixels);
        }
    }
}

// 1x1 convolution without stride or padding where a plane is a multiple of four pixels, on the tile of
// common/subgroup_quads.wgsl. Input channels per group are a multiple of four: per trip eight loads of
// four values for 128 multiply-adds of four pixels.
#import grid
#import activation
#import subgroup_quads

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) voice: u32,
) {
    let terms = params.in_channels / params.groups;
    let group_out = params.out_channels / params.groups;
    let blocks = (group_out + CHANNELS - 1u) / CHANNELS;
    let plane = params.height * params.width / 4u;
    let octets = (plane + 7u) / 8u;

    // item = ((sample * groups + group) * blocks + block) * octets + octet
    var item = linear_workgroup(id, count);
    let quad = (item % octets) * 8u + lane;
    item /= octets;
    let first = (item % blocks) * CHANNELS; // channel within the group
    item /= blocks;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }

    // Beyond the last pixel the last one is read again and its result dropped.
    var at = (sample * params.in_channels + group * terms) * plane + min(quad, plane - 1u);
    let channel = channels(group, first, voice);
    let row = (vec4<u32>(sample * params.weight_sample_stride) + channel * terms) / 4u;
    let shift = vec4<u32>(sample * params.bias_sample_stride) + channel;
    var sum0 = start(shift.x);
    var sum1 = start(shift.y);
    var sum2 = start(shift.z);
    var sum3 = start(shift.w);
    for (var k = 0u; k < terms / 4u; k++) {
        let x4 = mat4x4<f32>(x[at], x[at + plane], x[at + 2u * plane], x[at + 3u * plane]);
        at += 4u * plane;
        accumulate(&sum0, x4, weight[row.x + k]);
        accumulate(&sum1, x4, weight[row.y + k]);
        accumulate(&sum2, x4, weight[row.z + k]);
        accumulate(&sum3, x4, weight[row.w + k]);
    }

    if quad < plane {
        let out_first = (sample * params.out_channels + group * group_out + first) * plane + quad;
        let left = group_out - first;
        store8(&sum0, out_first, plane, 0u, left);
        store8(&sum1, out_first, plane, 8u, left);
        store8(&sum2, out_first, plane, 16u, left);
        store8(&sum3, out_first, plane, 24u, left);
    }
}

// 1x1 convolution without stride or padding on the tile of common/subgroup_tile.wgsl. Input channels per
// group are a multiple of four: per trip 16 + 4 loads for 128 multiply-adds of four pixels.
#import grid
#import activation
#import subgroup_tile

fn pixels4(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(x[at.x], x[at.y], x[at.z], x[at.w]);
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) voice: u32,
) {
    let terms = params.in_channels / params.groups;
    let blocks = (params.out_channels / params.groups + CHANNELS - 1u) / CHANNELS;
    let plane = params.height * params.width;
    let octets = (plane + 31u) / 32u; // eight lanes, four pixels each

    // item = ((sample * groups + group) * blocks + block) * octets + octet
    var item = linear_workgroup(id, count);
    let pixel = (item % octets) * 32u + lane * 4u;
    item /= octets;
    let first = (item % blocks) * CHANNELS; // channel within the group
    item /= blocks;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }

    // Beyond the last pixel the last one is read again and its result dropped.
    let place = min(vec4<u32>(pixel) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(plane - 1u));
    var at = place + (sample * params.in_channels + group * terms) * plane;
    let row = rows(sample, group, first, voice, terms);

    var sum0: array<vec4<f32>, 8>;
    var sum1: array<vec4<f32>, 8>;
    var sum2: array<vec4<f32>, 8>;
    var sum3: array<vec4<f32>, 8>;
    for (var k = 0u; k < terms / 4u; k++) {
        let x4 = mat4x4<f32>(pixels4(at), pixels4(at + plane), pixels4(at + 2u * plane), pixels4(at + 3u * plane));
        at += 4u * plane;
        accumulate(&sum0, x4, weight[row.x + k]);
        accumulate(&sum1, x4, weight[row.y + k]);
        accumulate(&sum2, x4, weight[row.z + k]);
        accumulate(&sum3, x4, weight[row.w + k]);
    }

    if pixel < plane {
        let pixels = min(plane - pixel, 4u);
        finish8(&sum0, sample, group, first, pixel, pixels);
        finish8(&sum1, sample, group, first + 8u, pixel, pixels);
        finish8(&sum2, sample, group, first + 16u, pixel, pixels);
        finish8(&sum3, sample, group, first + 24u, pixel, pixels);
    }
}

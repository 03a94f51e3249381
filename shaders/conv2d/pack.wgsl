// Weights as the kernels of eight lanes read them: for each tile of 32 output channels and each term, eight lanes
// with four values each; value j of lane i is that of channel 8j + i. Past the last channel of a group there
// are zeros.
#import common/grid
#import common/vec4

struct Params {
    matrices: u32,  // samples * groups
    group_out: u32, // output channels of a group
    terms: u32,     // input channels of a group * taps
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;          // [matrices, group_out, terms]
@group(0) @binding(2) var<storage, read_write> out: array<Four>;      // [matrices, blocks, terms, 8]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let blocks = (params.group_out + 31u) / 32u;
    let index = linear_workgroup(id, count) * 64u + lane;

    // index = ((matrix * blocks + block) * terms + term) * 8 + voice
    let voice = index % 8u;
    let term = (index / 8u) % params.terms;
    let block = (index / 8u / params.terms) % blocks;
    let matrix = index / 8u / params.terms / blocks;
    if matrix >= params.matrices {
        return;
    }
    var value = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let channel = block * 32u + j * 8u + voice;
        if channel < params.group_out {
            value[j] = weight[(matrix * params.group_out + channel) * params.terms + term];
        }
    }
    out[index] = words(value);
}

// The weights that make kernels, as common/taps_made.wgsl reads them: for each group, four rows of taps and each term,
// eight lanes with four values each; value j of lane i is that of tap i of row 4*block + j. Past the last tap and the
// last row there are zeros.
#import common/grid
#import common/vec4

struct Params {
    groups: u32,
    kernel_size: u32, // K rows of K taps
    terms: u32,       // channels of which a kernel is made
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;          // [G*K*K, terms]
@group(0) @binding(2) var<storage, read_write> out: array<Four>;      // [G, blocks, terms, 8]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let size = params.kernel_size;
    let blocks = (size + 3u) / 4u;
    let index = linear_workgroup(id, count) * 64u + lane;

    // index = ((group * blocks + block) * terms + term) * 8 + voice
    let voice = index % 8u;
    let term = (index / 8u) % params.terms;
    let block = (index / 8u / params.terms) % blocks;
    let group = index / 8u / params.terms / blocks;
    if group >= params.groups {
        return;
    }
    var value = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let row = block * 4u + j;
        if row < size && voice < size {
            value[j] = weight[((group * size + row) * size + voice) * params.terms + term];
        }
    }
    out[index] = words(value);
}

// Batch normalisation where the values of a channel come in fours. One invocation handles PER neighbouring
// fours of one channel of one sample.
#import common/grid
#import common/activation
#import common/batch_norm
#import common/vec4

@group(0) @binding(1) var<storage, read> x: array<Four>;              // [N, C, values]
@group(0) @binding(6) var<storage, read_write> out: array<Four>;      // [N, C, values]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // item = plane * runs + run
    let quads = params.values / 4u;
    let runs = (quads + PER - 1u) / PER;
    let item = linear_workgroup(id, count) * 64u + lane;
    let plane = item / runs;
    if plane >= params.planes {
        return;
    }
    let by = line_of(plane % params.channels);
    let start = (item % runs) * PER;
    let first = plane * quads + start;
    for (var i = 0u; i < PER; i++) {
        if start + i < quads {
            let value = (four(x[first + i]) - by.mean) * by.scale + by.shift;
            out[first + i] = words(activate4(value, params.activation));
        }
    }
}

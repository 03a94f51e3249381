// Batch normalisation. One invocation handles four neighbouring values of one channel of one sample,
// so that the channel's parameters are found and its scale computed once for the four.
#import common/grid
#import common/activation
#import common/batch_norm

@group(0) @binding(1) var<storage, read> x: array<f32>;         // [N, C, values]
@group(0) @binding(6) var<storage, read_write> out: array<f32>; // [N, C, values]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // item = plane * quads + quad
    let quads = (params.values + 3u) / 4u;
    let item = linear_workgroup(id, count) * 256u + lane;
    let plane = item / quads;
    if plane >= params.planes {
        return;
    }
    let by = line_of(plane % params.channels);
    let start = (item % quads) * 4u;
    let first = plane * params.values + start;
    let values = min(params.values - start, 4u);
    for (var i = 0u; i < values; i++) {
        out[first + i] = activate((x[first + i] - by.mean) * by.scale + by.shift, params.activation);
    }
}

// Batch normalisation. One invocation handles four neighbouring values of one channel of one sample,
// so that the channel's parameters are found and its scale computed once for the four.
#import grid
#import activation

struct Params {
    planes: u32, // N*C
    channels: u32,
    values: u32, // of one channel of one sample
    has_affine: u32,
    activation: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;            // [N, C, values]
@group(0) @binding(2) var<storage, read> running_mean: array<f32>; // [C]
@group(0) @binding(3) var<storage, read> running_var: array<f32>;  // [C]
@group(0) @binding(4) var<storage, read> weight: array<f32>;       // [C]
@group(0) @binding(5) var<storage, read> bias: array<f32>;         // [C]
@group(0) @binding(6) var<storage, read_write> out: array<f32>;    // [N, C, values]

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
    let channel = plane % params.channels;
    let start = (item % quads) * 4u;

    // The mean is taken away first: folded into the bias it would cancel against a large x.
    let mean = running_mean[channel];
    var scale = 1.0 / sqrt(running_var[channel] + params.eps);
    var shift = 0.0;
    if params.has_affine != 0u {
        scale *= weight[channel];
        shift = bias[channel];
    }
    let first = plane * params.values + start;
    let values = min(params.values - start, 4u);
    for (var i = 0u; i < values; i++) {
        out[first + i] = activate((x[first + i] - mean) * scale + shift, params.activation);
    }
}

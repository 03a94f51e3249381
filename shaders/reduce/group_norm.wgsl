// Group normalisation. A workgroup handles one group of one sample: its 64 invocations sum the values, then the squares of
// their distances from the mean, and write the normalised values.
#define AGAIN
#import common/real
#import common/grid
#import reduce/sum

struct Params {
    rows: u32,      // groups of all samples
    groups: u32,
    channels: u32,  // of one group
    positions: u32,
    has_affine: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, groups, channels, positions]
@group(0) @binding(2) var<storage, read> weight: array<real>;    // [groups, channels]
@group(0) @binding(3) var<storage, read> bias: array<real>;      // [groups, channels]
@group(0) @binding(4) var<storage, read_write> out: array<real>; // like x

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let row = linear_workgroup(thread);
    if row >= params.rows {
        return;
    }
    let local_index = thread.local_index;
    let length = params.channels * params.positions;
    let first = row * length;

    var sum = 0.0;
    for (var i = local_index; i < length; i += 64u) {
        sum += f32(x[first + i]);
    }
    let mean = sum_of(local_index, sum) / f32(length);

    var squares = 0.0;
    for (var i = local_index; i < length; i += 64u) {
        let difference = f32(x[first + i]) - mean;
        squares += difference * difference;
    }
    let scale = inverseSqrt(sum_of(local_index, squares) / f32(length) + params.eps);

    for (var i = local_index; i < length; i += 64u) {
        var value = (f32(x[first + i]) - mean) * scale;
        if params.has_affine != 0u {
            let channel = (row % params.groups) * params.channels + i / params.positions;
            value = value * f32(weight[channel]) + f32(bias[channel]);
        }
        out[first + i] = real(value);
    }
}

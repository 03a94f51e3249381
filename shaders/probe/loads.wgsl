// Loads single values as fast as the adapter can: neighbouring lanes read windows that overlap, as pools do.
#import common/grid

struct Params {
    invocations: u32,
    rounds: u32, // of a load
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [invocations + rounds]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [invocations]

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let index = linear_workgroup(thread) * 64u + thread.local_index;
    if index >= params.invocations {
        return;
    }
    var sum = 0.0;
    for (var round = 0u; round < params.rounds; round++) {
        sum += x[index + round];
    }
    out[index] = sum;
}

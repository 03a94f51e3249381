// Counts how often a loop of one invocation runs, where it is asked to run `trips` times. Some drivers end loops after
// a number of iterations and say nothing. The sums have the shape of a register tile, so that what compilers make of
// such a tile within a loop counts as it does in other kernels.
#import common/grid

const T: u32 = 8u;

struct Params {
    trips: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [T], ones
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [1]

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    if linear_workgroup(thread) * 64u + thread.local_index > 0u {
        return;
    }
    // Floats: nobody may compute the sum without the loop.
    var sums: array<f32, T>;
    for (var i = 0u; i < params.trips; i++) {
        for (var t = 0u; t < T; t++) {
            sums[t] += x[t];
        }
    }
    out[0] = min(min(min(sums[0], sums[1]), min(sums[2], sums[3])), min(min(sums[4], sums[5]), min(sums[6], sums[7])));
}

// The channels of one tensor behind those of another. One invocation copies PER values of a sample of the output.
#import common/real
#import common/grid

struct Params {
    batch: u32,
    x_values: u32, // of a sample of x
    y_values: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, ..]
@group(0) @binding(2) var<storage, read> y: array<real>;         // [N, D, ..]
@group(0) @binding(3) var<storage, read_write> out: array<real>; // [N, C + D, ..]

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let values = params.x_values + params.y_values;
    let runs = (values + PER - 1u) / PER;

    // item = sample * runs + run
    let item = linear_workgroup(thread) * 64u + thread.local_index;
    let sample = item / runs;
    if sample >= params.batch {
        return;
    }
    let start = (item - sample * runs) * PER;
    for (var i = 0u; i < PER; i++) {
        let at = start + i;
        if at < params.x_values {
            out[sample * values + at] = x[sample * params.x_values + at];
        } else if at < values {
            out[sample * values + at] = y[sample * params.y_values + at - params.x_values];
        }
    }
}

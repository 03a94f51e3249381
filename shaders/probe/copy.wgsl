// Copies as fast as the adapter can: neighbouring lanes read neighbouring vec4s, each invocation four times.
#import common/grid

struct Params {
    fours: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(thread: Invocation) {
    let first = linear_workgroup(thread) * 256u * PER + thread.local_index;
    for (var i = 0u; i < PER; i++) {
        let index = first + i * 256u;
        if index < params.fours {
            out[index] = x[index];
        }
    }
}

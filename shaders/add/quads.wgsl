// The sum of operands of one shape whose values come in fours. Each workgroup handles PER runs of 256
// neighbouring fours: a software adapter moves four values in hardly more time than one.
#import common/grid
#import common/activation
#import common/vec4

struct Params {
    elements: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Four>;              // [elements]
@group(0) @binding(2) var<storage, read> y: array<Four>;              // [elements]
@group(0) @binding(3) var<storage, read_write> out: array<Four>;      // [elements]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = linear_workgroup(id, count) * 256u * PER + lane;
    for (var i = 0u; i < PER; i++) {
        let index = first + i * 256u;
        if index < params.elements / 4u {
            out[index] = words(activate4(four(x[index]) + four(y[index]), params.activation));
        }
    }
}

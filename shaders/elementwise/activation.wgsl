// An activation alone. Each workgroup handles PER runs of 256 neighbouring values, or with ALIGNED of 256 vec4s.
#variant ALIGNED?
#import common/grid
#import common/activation

struct Params {
    elements: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
#ifdef ALIGNED
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;         // [elements]
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>; // [elements]
#else
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [elements]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [elements]
#endif

@compute @workgroup_size(256)
fn main(thread: Invocation) {
    let first = linear_workgroup(thread) * 256u * PER + thread.local_index;
    for (var i = 0u; i < PER; i++) {
        let index = first + i * 256u;
#ifdef ALIGNED
        if index < params.elements / 4u {
            out[index] = activate4(x[index], params.activation);
        }
#else
        if index < params.elements {
            out[index] = activate(x[index], params.activation);
        }
#endif
    }
}

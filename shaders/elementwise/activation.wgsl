// An activation alone. Each workgroup handles PER runs of 256 neighbouring values, or with ALIGNED of 256 vec4s.
#variant ALIGNED?
#import common/real
#import common/grid
#import common/activation

struct Params {
    elements: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
#ifdef ALIGNED
@group(0) @binding(1) var<storage, read> x: array<real4>;         // [elements]
@group(0) @binding(2) var<storage, read_write> out: array<real4>; // [elements]
#else
@group(0) @binding(1) var<storage, read> x: array<real>;         // [elements]
@group(0) @binding(2) var<storage, read_write> out: array<real>; // [elements]
#endif

@compute @workgroup_size(256)
fn main(thread: Invocation) {
    let first = linear_workgroup(thread) * 256u * PER + thread.local_index;
    for (var i = 0u; i < PER; i++) {
        let index = first + i * 256u;
#ifdef ALIGNED
        if index < params.elements / 4u {
            out[index] = real4(activate4(vec4<f32>(x[index]), params.activation));
        }
#else
        if index < params.elements {
            out[index] = real(activate(f32(x[index]), params.activation));
        }
#endif
    }
}

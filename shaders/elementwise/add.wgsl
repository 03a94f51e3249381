// A sum: operands that broadcast in up to six runs of dimensions, innermost first; runs that are not needed have size 1. Each
// workgroup handles PER runs of 256 neighbouring values. With SAME the operands have one shape, and with ALIGNED, too, the
// values are vec4s: fewer and wider loads and stores on any adapter.
#variant
#variant SAME ALIGNED?
#import common/real
#import common/grid
#import common/activation
#ifdef ALIGNED
#import common/vec4
#endif

#ifdef SAME
struct Params {
    elements: u32,
    activation: u32,
}
#else
#import common/broadcast
#endif

@group(0) @binding(0) var<uniform> params: Params;
#ifdef ALIGNED
@group(0) @binding(1) var<storage, read> x: array<Packed4>;         // [elements]
@group(0) @binding(2) var<storage, read> y: array<Packed4>;         // [elements]
@group(0) @binding(3) var<storage, read_write> out: array<Packed4>; // [elements]
#else
@group(0) @binding(1) var<storage, read> x: array<real>;         // any shape that broadcasts
@group(0) @binding(2) var<storage, read> y: array<real>;         // any shape that broadcasts
@group(0) @binding(3) var<storage, read_write> out: array<real>; // [elements]
#endif

@compute @workgroup_size(256)
fn main(thread: Invocation) {
    let first = linear_workgroup(thread) * 256u * PER + thread.local_index;
    for (var i = 0u; i < PER; i++) {
        let index = first + i * 256u;
#ifdef ALIGNED
        if index < params.elements / 4u {
            out[index] = pack4(activate4(unpack4(x[index]) + unpack4(y[index]), params.activation));
        }
#else
        if index < params.elements {
#ifdef SAME
            let at = vec2<u32>(index);
#else
            let at = operands(index);
#endif
            out[index] = real(activate(f32(x[at.x]) + f32(y[at.y]), params.activation));
        }
#endif
    }
}

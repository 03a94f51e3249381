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
struct Params {
    elements: u32,
    size0: u32,
    size1: u32,
    size2: u32,
    size3: u32,
    size4: u32,
    x_stride0: u32, // 0 where x repeats
    x_stride1: u32,
    x_stride2: u32,
    x_stride3: u32,
    x_stride4: u32,
    x_stride5: u32,
    y_stride0: u32,
    y_stride1: u32,
    y_stride2: u32,
    y_stride3: u32,
    y_stride4: u32,
    y_stride5: u32,
    activation: u32,
}

// Divides the index that is left by the size of a run, and gives the remainder: the place in the run.
fn place_in(size: u32, rest: ptr<function, u32>) -> u32 {
    let quotient = *rest / size; // divisions are dear: one is enough for both
    let place = *rest - quotient * size;
    *rest = quotient;
    return place;
}

// The places in x and y that one value of the output is made from.
fn operands(index: u32) -> vec2<u32> {
    var rest = index;
    var at = place_in(params.size0, &rest) * vec2<u32>(params.x_stride0, params.y_stride0);
    at += place_in(params.size1, &rest) * vec2<u32>(params.x_stride1, params.y_stride1);
    // Three runs are enough for a bias per channel.
    if rest < params.size2 {
        return at + rest * vec2<u32>(params.x_stride2, params.y_stride2);
    }
    at += place_in(params.size2, &rest) * vec2<u32>(params.x_stride2, params.y_stride2);
    at += place_in(params.size3, &rest) * vec2<u32>(params.x_stride3, params.y_stride3);
    at += place_in(params.size4, &rest) * vec2<u32>(params.x_stride4, params.y_stride4);
    return at + rest * vec2<u32>(params.x_stride5, params.y_stride5);
}
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

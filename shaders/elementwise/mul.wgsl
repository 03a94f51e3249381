// A product of operands that broadcast. Each workgroup handles PER runs of 256 neighbouring values. With ROWS each value of y is
// the factor of a row of whole vec4s of x, as the gate of a channel is.
#variant
#variant ROWS
#import common/real
#import common/grid
#import common/activation
#ifdef ROWS
#import common/vec4

struct Params {
    elements: u32, // vec4s
    row: u32,      // vec4s in a row
    activation: u32,
}
#else
#import common/broadcast
#endif

@group(0) @binding(0) var<uniform> params: Params;
#ifdef ROWS
@group(0) @binding(1) var<storage, read> x: array<Packed4>;         // [elements]
@group(0) @binding(2) var<storage, read> y: array<real>;            // [elements / row]
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
        if index < params.elements {
#ifdef ROWS
            let factor = f32(y[index / params.row]);
            out[index] = pack4(activate4(unpack4(x[index]) * factor, params.activation));
#else
            let at = operands(index);
            out[index] = real(activate(f32(x[at.x]) * f32(y[at.y]), params.activation));
#endif
        }
    }
}

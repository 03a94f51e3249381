// Brings the kernel of an involution into the layout with the taps of a group one plane after the other, and divides the taps
// of each pixel by their sum after exponentiation where they are normalised. One invocation for a pixel of a group.
#variant SOFTMAX?
#import common/real
#import common/grid

struct Params {
    matrices: u32, // N*G
    taps: u32,
    height: u32, // of the kernel as it is applied
    width: u32,
    upsample: u32,
    kernel_layout: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> kernel: array<real>;    // in the layout of its code
@group(0) @binding(2) var<storage, read_write> out: array<real>; // [N, G, T, H', W']

#import involution/layout

// The weight of a tap, counted from the place of its pixel.
fn weight(first: u32, tap: u32) -> f32 {
    return f32(kernel[first + tap * tap_step(params.height, params.width)]);
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let plane = params.height * params.width;
    let item = linear_workgroup(thread) * 64u + thread.local_index;
    let matrix = item / plane;
    if matrix >= params.matrices {
        return;
    }
    let pixel = item - matrix * plane;
    let oy = pixel / params.width;
    let columns = vec4<u32>(pixel - oy * params.width);
    let base = matrix * params.taps * plane;
    let first = base + pixels_of(oy, columns, params.height, params.width, params.taps).x;
    let to = base + pixel;
#ifdef SOFTMAX
    // The largest is taken away, so that no exponential overflows. `max` may lose a NaN; the sum does not.
    var largest = weight(first, 0u);
    for (var tap = 1u; tap < params.taps; tap++) {
        largest = max(largest, weight(first, tap));
    }
    var total = 0.0;
    for (var tap = 0u; tap < params.taps; tap++) {
        // Never above 0, or NaN, of which `exp` is a number on some adapters.
        let exponent = weight(first, tap) - largest;
        total += select(exponent, exp(exponent), exponent <= 0.0);
    }
    for (var tap = 0u; tap < params.taps; tap++) {
        let exponent = weight(first, tap) - largest;
        out[to + tap * plane] = real(select(exponent, exp(exponent), exponent <= 0.0) / total);
    }
#else
    for (var tap = 0u; tap < params.taps; tap++) {
        out[to + tap * plane] = real(weight(first, tap));
    }
#endif
}

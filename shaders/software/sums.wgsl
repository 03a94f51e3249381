// Where input_stationary keeps its sums: with ALIGNED, for planes of a multiple of four pixels, in the output; else in a buffer
// whose planes are a multiple of four, and the output is written value by value.
#import common/activation
#import common/vec4
#import software/octets

#ifdef ALIGNED
@group(0) @binding(4) var<storage, read_write> out: array<Four>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<Four>;  // the shape of out

// The sum so far of a channel of the place.
fn kept4(place: Place, channel: u32, quads: u32) -> vec4<f32> {
    return four(out[(first_channel(place) + channel) * quads + place.quad]);
}

// Keeps the sum of a channel for the terms to come, or finishes it after the last one.
fn put4(place: Place, channel: u32, quads: u32, sum: vec4<f32>, last: bool) {
    let at = (first_channel(place) + channel) * quads + place.quad;
    var value = sum;
    if last {
        if params.has_residual != 0u {
            value += four(residual[at]);
        }
        value = clip4(value, params.activation);
    }
    if place.valid {
        out[at] = words(value);
    }
}
#else
#import software/finish

@group(0) @binding(4) var<storage, read_write> out: array<f32>;   // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<f32>;    // the shape of out
@group(0) @binding(6) var<storage, read_write> sums: array<Four>; // [N, Co, quads]

// The sum so far of a channel of the place.
fn kept4(place: Place, channel: u32, quads: u32) -> vec4<f32> {
    return four(sums[(first_channel(place) + channel) * quads + place.quad]);
}

// Keeps the sum of a channel for the terms to come, or finishes it after the last one.
fn put4(place: Place, channel: u32, quads: u32, sum: vec4<f32>, last: bool) {
    if !place.valid {
        return;
    }
    let row = first_channel(place) + channel;
    if !last {
        sums[row * quads + place.quad] = words(sum);
        return;
    }
    let plane = params.out_height * params.out_width;
    let pixel = place.quad * 4u;
    finish(sum, row * plane + pixel, plane - pixel);
}
#endif

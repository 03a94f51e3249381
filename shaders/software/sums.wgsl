// Where input_stationary keeps its sums: with ALIGNED, for planes of a multiple of four pixels, in the output; else in a buffer
// whose planes are a multiple of four, and the output is written value by value.
#import common/activation
#import common/vec4
#import software/place

#ifdef ALIGNED
@group(0) @binding(4) var<storage, read_write> out: array<Packed4>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<Packed4>;  // the shape of out

// The sum so far of a channel of the place.
fn partial4(place: Place, channel: u32, vec4s: u32) -> vec4<f32> {
    return unpack4(out[(first_channel(place) + channel) * vec4s + place.vec4_index]);
}

// Keeps the sum of a channel for the inputs to come, or finishes it after the last one.
fn put4(place: Place, channel: u32, vec4s: u32, sum: vec4<f32>, last: bool) {
    let at = (first_channel(place) + channel) * vec4s + place.vec4_index;
    var value = sum;
    if last {
        if params.has_residual != 0u {
            value += unpack4(residual[at]);
        }
        value = clip4(value, params.activation);
    }
    if place.valid {
        out[at] = pack4(value);
    }
}
#else
#import software/finish

@group(0) @binding(4) var<storage, read_write> out: array<f32>;   // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<f32>;    // the shape of out
@group(0) @binding(6) var<storage, read_write> sums: array<Packed4>; // [N, Co, vec4s]

// The sum so far of a channel of the place.
fn partial4(place: Place, channel: u32, vec4s: u32) -> vec4<f32> {
    return unpack4(sums[(first_channel(place) + channel) * vec4s + place.vec4_index]);
}

// Keeps the sum of a channel for the inputs to come, or finishes it after the last one.
fn put4(place: Place, channel: u32, vec4s: u32, sum: vec4<f32>, last: bool) {
    if !place.valid {
        return;
    }
    let row = first_channel(place) + channel;
    if !last {
        sums[row * vec4s + place.vec4_index] = pack4(sum);
        return;
    }
    let plane = params.out_height * params.out_width;
    let pixel = place.vec4_index * 4u;
    finish(sum, row * plane + pixel, plane - pixel);
}
#endif

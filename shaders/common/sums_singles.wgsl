// Where common/held_tile.wgsl keeps its sums, for planes of any number of pixels: in a buffer whose planes are a multiple of
// four. The output is written value by value.
#import common/finish_singles
#import common/vec4
#import common/octets

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

// A register tile of 32 output channels by four pixels in each of eight lanes. The lanes hold different
// pixels and the same channels: each loads an eighth of the weights and hears the rest by broadcast. On
// a software adapter a broadcast is one instruction, where the load of the same word is sixteen.
#import convolution
#import broadcast

@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>; // four terms of one row of the weight

// Where the terms of the four rows begin whose weights this lane holds, in units of four. Past the last
// channel of the group the last one is repeated and its result dropped.
fn rows(sample: u32, group: u32, first: u32, lane: u32, terms: u32) -> vec4<u32> {
    let group_out = params.out_channels / params.groups;
    let channel = min(vec4<u32>(first + lane) + vec4<u32>(0u, 8u, 16u, 24u), vec4<u32>(group_out - 1u));
    return (vec4<u32>(sample * params.weight_sample_stride) + (group * group_out + channel) * terms) / 4u;
}

// Bias, activation and store of eight channels of the tile, as far as the group goes.
fn finish8(sum: ptr<function, array<vec4<f32>, 8>>, sample: u32, group: u32, first: u32, pixel: u32, pixels: u32) {
    let group_out = params.out_channels / params.groups;
    for (var t = 0u; t < 8u; t++) {
        if first + t < group_out {
            finish((*sum)[t], sample, group * group_out + first + t, pixel, pixels);
        }
    }
}

// The register tile of subgroup_tile.wgsl over planes that are a multiple of four pixels: x and out are
// read and written in fours, with a mask and a bounds check for four values instead of each. A software
// adapter goes through the lanes one by one for either, and that is what takes the time.
#import convolution_params
#import broadcast

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;         // [N, Ci, H, W]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;    // four terms of one row of the weight
@group(0) @binding(3) var<storage, read> bias: array<f32>;            // [Co] or [N, Co]
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>; // [N, Co, H', W']

// The four channels whose weights this lane holds. Past the last channel of the group the last one is
// repeated and its result dropped.
fn channels(group: u32, first: u32, lane: u32) -> vec4<u32> {
    let group_out = params.out_channels / params.groups;
    let channel = vec4<u32>(first + lane) + vec4<u32>(0u, 8u, 16u, 24u);
    return vec4<u32>(group * group_out) + min(channel, vec4<u32>(group_out - 1u));
}

// Eight sums that begin with the biases that the lanes hold.
fn start(channel: u32) -> array<vec4<f32>, 8> {
    var mine = 0.0;
    if params.has_bias != 0u {
        mine = bias[channel];
    }
    return array<vec4<f32>, 8>(
        vec4<f32>(subgroupBroadcast(mine, 0u)),
        vec4<f32>(subgroupBroadcast(mine, 1u)),
        vec4<f32>(subgroupBroadcast(mine, 2u)),
        vec4<f32>(subgroupBroadcast(mine, 3u)),
        vec4<f32>(subgroupBroadcast(mine, 4u)),
        vec4<f32>(subgroupBroadcast(mine, 5u)),
        vec4<f32>(subgroupBroadcast(mine, 6u)),
        vec4<f32>(subgroupBroadcast(mine, 7u)),
    );
}

// Activation and store of eight channels of the tile, as far as there are so many left.
fn store8(sum: ptr<function, array<vec4<f32>, 8>>, first: u32, plane: u32, channel: u32, left: u32) {
    for (var c = 0u; c < 8u; c++) {
        if channel + c < left {
            out[first + (channel + c) * plane] = activate4((*sum)[c], params.activation);
        }
    }
}

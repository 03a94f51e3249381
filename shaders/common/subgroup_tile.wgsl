// A register tile of 32 output channels by four pixels in each of eight lanes. The lanes hold different
// pixels and the same channels: each loads an eighth of the weights, as conv2d/pack has laid them out, and
// hears the rest by broadcast. On a software adapter a broadcast is one instruction, where the load of the
// same word is a dozen.
#import common/eight_sums
#import common/vec4
#import common/octets

@group(0) @binding(2) var<storage, read> weight: array<Four>;      // see shaders/conv2d/pack.wgsl
@group(0) @binding(3) var<storage, read> bias: array<f32>;         // [Co] or [N, Co]

// Output channels of a tile.
const CHANNELS: u32 = 32u;

fn block_channels() -> u32 {
    return CHANNELS;
}

// Where the weights of the tile's first term lie that this lane holds; eight further for each term.
fn weights_of(place: Place, voice: u32, terms: u32) -> u32 {
    let blocks = (params.out_channels / params.groups + CHANNELS - 1u) / CHANNELS;
    let matrix = place.weights * params.groups + place.group;
    return (matrix * blocks + place.first / CHANNELS) * terms * 8u + voice;
}

// Eight sums that begin with the biases of their channels.
fn start(place: Place, voice: u32, channel: u32) -> array<vec4<f32>, 8> {
    let group_out = params.out_channels / params.groups;
    var mine = 0.0;
    if params.has_bias != 0u {
        let own = min(place.first + channel + voice, group_out - 1u);
        mine = bias[place.weights * params.bias_sample_stride + place.group * group_out + own];
    }
    return sums_from(mine);
}

// Adds two terms to the eight channels of which this lane holds one for each.
fn accumulate2(sum: ptr<function, array<vec4<f32>, 8>>, x0: vec4<f32>, x1: vec4<f32>, mine: vec2<f32>) {
    let x = mat2x4<f32>(x0, x1);
    (*sum)[0] += x * subgroupBroadcast(mine, 0u);
    (*sum)[1] += x * subgroupBroadcast(mine, 1u);
    (*sum)[2] += x * subgroupBroadcast(mine, 2u);
    (*sum)[3] += x * subgroupBroadcast(mine, 3u);
    (*sum)[4] += x * subgroupBroadcast(mine, 4u);
    (*sum)[5] += x * subgroupBroadcast(mine, 5u);
    (*sum)[6] += x * subgroupBroadcast(mine, 6u);
    (*sum)[7] += x * subgroupBroadcast(mine, 7u);
}

// Adds three.
fn accumulate3(sum: ptr<function, array<vec4<f32>, 8>>, x: mat3x4<f32>, mine: vec3<f32>) {
    (*sum)[0] += x * subgroupBroadcast(mine, 0u);
    (*sum)[1] += x * subgroupBroadcast(mine, 1u);
    (*sum)[2] += x * subgroupBroadcast(mine, 2u);
    (*sum)[3] += x * subgroupBroadcast(mine, 3u);
    (*sum)[4] += x * subgroupBroadcast(mine, 4u);
    (*sum)[5] += x * subgroupBroadcast(mine, 5u);
    (*sum)[6] += x * subgroupBroadcast(mine, 6u);
    (*sum)[7] += x * subgroupBroadcast(mine, 7u);
}

// The sum of a channel of the tile.
fn sum_of(
    sum0: ptr<function, array<vec4<f32>, 8>>,
    sum1: ptr<function, array<vec4<f32>, 8>>,
    sum2: ptr<function, array<vec4<f32>, 8>>,
    sum3: ptr<function, array<vec4<f32>, 8>>,
    channel: u32,
) -> vec4<f32> {
    let odd = (channel & 8u) != 0u;
    let low = select(picked(sum0, channel), picked(sum1, channel), odd);
    let high = select(picked(sum2, channel), picked(sum3, channel), odd);
    return select(low, high, (channel & 16u) != 0u);
}

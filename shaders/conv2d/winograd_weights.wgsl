// The weights of common/winograd.wgsl, laid out as conv2d/pack lays out those of 36 groups. One invocation has
// the taps of four output channels.
#import grid
#import winograd

struct Params {
    first: u32,        // the first sample whose weights are wanted
    samples: u32,      // 1 where all samples share their weights
    out_channels: u32,
    in_channels: u32,
    places: u32,       // 6: compilers that knew it would write the loops out, for seconds
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;          // [samples, Co, Ci, 3, 3]
@group(0) @binding(2) var<storage, read_write> out: array<Four>;      // [samples, 36, blocks, Ci, 8]

// Three taps of a row or column at six places.
fn spread(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>) -> array<vec4<f32>, 6> {
    // Over the products of a point's distances to the others.
    let near_even = (a + NEAR_2 * c) / (2.0 * NEAR_2 * (NEAR_2 - FAR_2));
    let near_odd = b / (2.0 * NEAR * (NEAR_2 - FAR_2));
    let far_even = (a + FAR_2 * c) / (2.0 * FAR_2 * (FAR_2 - NEAR_2));
    let far_odd = b / (2.0 * FAR * (FAR_2 - NEAR_2));
    return array<vec4<f32>, 6>(
        a / (NEAR_2 * FAR_2),
        near_even + near_odd,
        near_even - near_odd,
        far_even + far_odd,
        far_even - far_odd,
        c,
    );
}

// A tap of four channels; zeros past the last channel.
fn taps(at: vec4<u32>, known: vec4<bool>) -> vec4<f32> {
    return select(vec4<f32>(), vec4<f32>(weight[at.x], weight[at.y], weight[at.z], weight[at.w]), known);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let blocks = (params.out_channels + 31u) / 32u;
    let index = linear_workgroup(id, count) * 64u + lane;

    // index = ((sample * blocks + block) * Ci + channel) * 8 + voice
    let inner = index % (blocks * params.in_channels * 8u);
    let sample = index / (blocks * params.in_channels * 8u);
    if sample >= params.samples {
        return;
    }
    let voice = inner % 8u;
    let channel = (inner / 8u) % params.in_channels;
    let block = inner / 8u / params.in_channels;
    let wanted = vec4<u32>(block * 32u + voice) + vec4<u32>(0u, 8u, 16u, 24u);
    let known = min(wanted, vec4<u32>(params.out_channels - 1u));
    let own = (params.first + sample) * params.out_channels;
    let at = ((vec4<u32>(own) + known) * params.in_channels + channel) * 9u;
    var left: array<vec4<f32>, 6>;
    var middle: array<vec4<f32>, 6>;
    var right: array<vec4<f32>, 6>;
    for (var along = 0u; along < params.places / 2u; along++) {
        left = middle;
        middle = right;
        right = spread(
            taps(at + along, wanted == known),
            taps(at + 3u + along, wanted == known),
            taps(at + 6u + along, wanted == known),
        );
    }
    let step = blocks * params.in_channels * 8u;
    var to = sample * PLACES * step + inner;
    for (var down = 0u; down < params.places; down++) {
        let row = spread(picked6(&left, down), picked6(&middle, down), picked6(&right, down));
        out[to] = words(row[0]);
        out[to + step] = words(row[1]);
        out[to + 2u * step] = words(row[2]);
        out[to + 3u * step] = words(row[3]);
        out[to + 4u * step] = words(row[4]);
        out[to + 5u * step] = words(row[5]);
        to += 6u * step;
    }
}

// The weights of winograd.wgsl: 36 groups of them, row by row. One invocation has the taps of four input channels, of which
// there are a multiple of four.
#import common/real
#import common/grid
#import software/winograd

struct Params {
    first: u32,        // the first sample whose weights are wanted
    samples: u32,      // 1 where all samples share their weights
    out_channels: u32,
    in_channels: u32,
    places: u32,       // 6: compilers that knew it would write the loops out, for seconds
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;          // [samples, Co, Ci, 3, 3]
@group(0) @binding(2) var<storage, read_write> out: array<Packed4>;      // [samples, 36, Co, Ci]

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

// A tap of four channels.
fn taps(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let index = linear_workgroup(thread) * 64u + thread.local_index;
    let vec4s = params.in_channels / 4u;
    let step = params.out_channels * vec4s; // vec4s of a place
    let inner = index % step;
    let sample = index / step;
    if sample >= params.samples {
        return;
    }
    // inner = output channel * vec4s + vec4_index
    let channel = (params.first + sample) * params.out_channels + inner / vec4s;
    let own = inner % vec4s * 4u + vec4<u32>(0u, 1u, 2u, 3u);
    let at = (channel * params.in_channels + own) * 9u;
    var left: array<vec4<f32>, 6>; var middle: array<vec4<f32>, 6>;
    var right: array<vec4<f32>, 6>;
    for (var along = 0u; along < params.places / 2u; along++) {
        left = middle;
        middle = right;
        right = spread(taps(at + along), taps(at + 3u + along), taps(at + 6u + along));
    }
    var to = sample * PLACES * step + inner;
    for (var down = 0u; down < params.places; down++) {
        let row = spread(picked6(&left, down), picked6(&middle, down), picked6(&right, down));
        out[to] = pack4(row[0]); out[to + step] = pack4(row[1]);
        out[to + 2u * step] = pack4(row[2]); out[to + 3u * step] = pack4(row[3]);
        out[to + 4u * step] = pack4(row[4]); out[to + 5u * step] = pack4(row[5]);
        to += 6u * step;
    }
}

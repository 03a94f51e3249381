// Involution with a small odd window that keeps the width, or halves it, where rows are a multiple of four
// pixels: eight lanes hold neighbouring pixels and hear from each other what their windows share. Eight
// channels share the kernel: per row of seven taps 7 + 8 loads of four values for 56 multiply-adds of four
// pixels.
#import grid
#import activation
#import involution_params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read> kernel: array<vec4<f32>>;    // [N, G*Kh*Kw, H', W']
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>; // [N, C, H', W']

#import neighbours_quads

const K: u32 = 7u; // taps of a kernel row, odd
const S: u32 = 1u; // stride along the row, 1 or 2

// Channels that one invocation computes.
const CHANNELS: u32 = 8u;

// Four neighbouring pixels of an output row, for a tile of channels of one group.
struct Place {
    sample: u32,
    group: u32,
    first: u32, // first channel of the tile, within the group
    quad: u32,  // oy * columns + column
    column: u32,
    columns: u32,
}

// The kernel of four pixels along one row of taps; those beyond K are not used.
struct Taps {
    w0: vec4<f32>,
    w1: vec4<f32>,
    w2: vec4<f32>,
    w3: vec4<f32>,
    w4: vec4<f32>,
    w5: vec4<f32>,
    w6: vec4<f32>,
}

fn taps_of(first: u32, quads: u32) -> Taps {
    var taps: Taps;
    taps.w0 = kernel[first];
    taps.w1 = kernel[first + quads];
    taps.w2 = kernel[first + 2u * quads];
    // Decided when the kernel is compiled.
    if K > 4u {
        taps.w3 = kernel[first + 3u * quads];
        taps.w4 = kernel[first + 4u * quads];
    }
    if K > 6u {
        taps.w5 = kernel[first + 5u * quads];
        taps.w6 = kernel[first + 6u * quads];
    }
    return taps;
}

// The plane of a channel of the tile; one that overhangs the group repeats the last, its result dropped.
fn plane_of(place: Place, own: u32) -> u32 {
    let channel = min(place.first + own, params.channels / params.groups - 1u);
    return place.sample * params.channels + place.group * params.group_stride + channel * params.channel_stride;
}

// The sum over one row of taps for one channel.
fn along(place: Place, own: u32, iy: u32, taps: Taps, voice: u32) -> vec4<f32> {
    let width = params.width / 4u;
    let first = (plane_of(place, own) * params.height + iy) * width;
    let row = row_of(first, iy < params.height, place.column, place.columns, voice, S);
    let tap = 3u - K / 2u;
    var sum = taps.w0 * under(row, tap, S) + taps.w1 * under(row, tap + 1u, S) + taps.w2 * under(row, tap + 2u, S);
    if K > 4u {
        sum += taps.w3 * under(row, tap + 3u, S) + taps.w4 * under(row, tap + 4u, S);
    }
    if K > 6u {
        sum += taps.w5 * under(row, tap + 5u, S) + taps.w6 * under(row, tap + 6u, S);
    }
    return sum;
}

fn store(value: vec4<f32>, place: Place, own: u32, quads: u32) {
    if place.first + own < params.channels / params.groups {
        out[plane_of(place, own) * quads + place.quad] = clip4(value, params.activation);
    }
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(subgroup_invocation_id) voice: u32,
) {
    let columns = params.out_width / 4u;
    let quads = params.out_height * columns;
    let octets = (quads + 7u) / 8u;
    let blocks = (params.channels / params.groups + CHANNELS - 1u) / CHANNELS;

    // item = ((sample * groups + group) * octets + octet) * blocks + block: the kernel is read again at once
    var item = linear_workgroup(id, count);
    var place: Place;
    place.first = (item % blocks) * CHANNELS;
    item /= blocks;
    let quad = (item % octets) * 8u + voice;
    item /= octets;
    place.group = item % params.groups;
    place.sample = item / params.groups;
    if place.sample >= params.batch {
        return;
    }
    // Past the last pixel the last ones are computed again and dropped.
    place.quad = min(quad, quads - 1u);
    place.columns = columns;
    place.column = place.quad % columns;
    let oy = place.quad / columns;

    var sum0: vec4<f32>;
    var sum1: vec4<f32>;
    var sum2: vec4<f32>;
    var sum3: vec4<f32>;
    var sum4: vec4<f32>;
    var sum5: vec4<f32>;
    var sum6: vec4<f32>;
    var sum7: vec4<f32>;
    let matrix = (place.sample * params.groups + place.group) * params.window.kernel_height * K;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        let iy = oy * params.window.stride_y + ky * params.window.dilation_y - params.window.padding_top;
        let taps = taps_of((matrix + ky * K) * quads + place.quad, quads);
        sum0 += along(place, 0u, iy, taps, voice);
        sum1 += along(place, 1u, iy, taps, voice);
        sum2 += along(place, 2u, iy, taps, voice);
        sum3 += along(place, 3u, iy, taps, voice);
        sum4 += along(place, 4u, iy, taps, voice);
        sum5 += along(place, 5u, iy, taps, voice);
        sum6 += along(place, 6u, iy, taps, voice);
        sum7 += along(place, 7u, iy, taps, voice);
    }
    if quad < quads {
        store(sum0, place, 0u, quads);
        store(sum1, place, 1u, quads);
        store(sum2, place, 2u, quads);
        store(sum3, place, 3u, quads);
        store(sum4, place, 4u, quads);
        store(sum5, place, 5u, quads);
        store(sum6, place, 6u, quads);
        store(sum7, place, 7u, quads);
    }
}

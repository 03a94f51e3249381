// Involution with a small square window that keeps the width, or halves it: eight lanes hold neighbouring
// fours of rows, and hear from each other what lies beside them. A lane reads the kernel of its four pixels
// once, and goes through the channels that share it.
//
// A kernel has K, S, the tensors, `row_of`, `row_first`, `weights4` and `store4`.
#import activation
#import grid
#import involution_params

// Channels that one invocation computes, one after the other.
const CHANNELS: u32 = 16u;

// Four neighbouring pixels of an output row.
struct Place {
    oy: u32,
    column: u32,
    columns: u32,
    voice: u32,
    matrix: u32, // first channel of the kernel
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

fn taps_of(place: Place, ky: u32) -> Taps {
    let first = (place.matrix + ky * K) * params.out_height + place.oy;
    var taps: Taps;
    taps.w0 = weights4(first, place.column);
    taps.w1 = weights4(first + params.out_height, place.column);
    taps.w2 = weights4(first + 2u * params.out_height, place.column);
    // Decided when the kernel is compiled.
    if K > 4u {
        taps.w3 = weights4(first + 3u * params.out_height, place.column);
        taps.w4 = weights4(first + 4u * params.out_height, place.column);
    }
    if K > 6u {
        taps.w5 = weights4(first + 5u * params.out_height, place.column);
        taps.w6 = weights4(first + 6u * params.out_height, place.column);
    }
    return taps;
}

// The sum over one row of taps for the channel whose plane begins at row `plane`.
fn along(place: Place, plane: u32, ky: u32, taps: Taps) -> vec4<f32> {
    let iy = place.oy * params.window.stride_y + ky * params.window.dilation_y - params.window.padding_top;
    let row = row_of(row_first(plane + iy), iy < params.height, place.column, place.columns, place.voice, S);
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

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(subgroup_invocation_id) voice: u32,
) {
    let columns = (params.out_width + 3u) / 4u;
    let quads = params.out_height * columns;
    let octets = (quads + 7u) / 8u;
    let group_channels = params.channels / params.groups;
    let blocks = (group_channels + CHANNELS - 1u) / CHANNELS;

    // item = ((sample * groups + group) * octets + octet) * blocks + block: the kernel is read again at once
    var item = linear_workgroup(id, count);
    let first = (item % blocks) * CHANNELS;
    item /= blocks;
    let quad = (item % octets) * 8u + voice;
    item /= octets;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }
    // Past the last pixel the last ones are computed again and dropped.
    let own = min(quad, quads - 1u);
    let matrix = (sample * params.groups + group) * K * K;
    let place = Place(own / columns, own % columns, columns, voice, matrix);
    let taps0 = taps_of(place, 0u);
    let taps1 = taps_of(place, 1u);
    let taps2 = taps_of(place, 2u);
    // Decided when the kernel is compiled, as are all conditions on K and S.
    let taps3 = taps_of(place, min(3u, K - 1u));
    let taps4 = taps_of(place, min(4u, K - 1u));
    let taps5 = taps_of(place, min(5u, K - 1u));
    let taps6 = taps_of(place, min(6u, K - 1u));
    let channels = min(CHANNELS, group_channels - first);
    let base = sample * params.channels + group * params.group_stride + first * params.channel_stride;
    for (var c = 0u; c < channels; c++) {
        let channel = base + c * params.channel_stride;
        let plane = channel * params.height;
        var sum = along(place, plane, 0u, taps0) + along(place, plane, 1u, taps1) + along(place, plane, 2u, taps2);
        if K > 4u {
            sum += along(place, plane, 3u, taps3) + along(place, plane, 4u, taps4);
        }
        if K > 6u {
            sum += along(place, plane, 5u, taps5) + along(place, plane, 6u, taps6);
        }
        if quad == own {
            store4(clip4(sum, params.activation), channel * params.out_height + place.oy, place.column);
        }
    }
}

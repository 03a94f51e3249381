// Involution with a small square window that keeps the width, or halves it: eight lanes hold neighbouring
// fours of rows, and hear from each other what lies beside them. A lane reads the kernel of its four pixels
// once, and goes through the channels that share it.
//
// A kernel has K, S, the tensors, `weights4` and `store4`, and imports neighbours_quads or neighbours_singles.
#import activation
#import grid
#import involution_params

// Channels that one invocation computes, one after the other.
const CHANNELS: u32 = 16u;

// Four neighbouring pixels of an output row.
struct Place {
    oy: u32,
    iy: u32, // the row of x under the first row of taps
    column: u32,
    columns: u32,
    voice: u32,
    matrix: u32, // first channel of the kernel
}

// The kernel of four pixels along one row of taps, the last one last; the first 7 - K are not used.
struct Taps {
    w0: vec4<f32>,
    w1: vec4<f32>,
    w2: vec4<f32>,
    w3: vec4<f32>,
    w4: vec4<f32>,
    w5: vec4<f32>,
    w6: vec4<f32>,
}

// The taps move up as they are read: one load in a loop, where each load in line makes the kernel longer to
// compile than to run.
fn taps_of(place: Place, ky: u32) -> Taps {
    var row = (place.matrix + ky * K) * params.out_height + place.oy;
    var taps: Taps;
    for (var kx = 0u; kx < params.window.kernel_width; kx++) {
        taps.w0 = taps.w1;
        taps.w1 = taps.w2;
        taps.w2 = taps.w3;
        taps.w3 = taps.w4;
        taps.w4 = taps.w5;
        taps.w5 = taps.w6;
        taps.w6 = weights4(row, place.column);
        row += params.out_height;
    }
    return taps;
}

// The sum over one row of taps for the channel whose plane begins at row `plane`.
fn along(place: Place, plane: u32, edges: Edges, ky: u32, taps: Taps) -> vec4<f32> {
    let iy = place.iy + ky * params.window.dilation_y;
    let row = row_between(plane, iy, edges, ky, place.column, place.columns, place.voice, S);
    let last = 3u + K / 2u;
    var sum = taps.w6 * under(row, last, S) + taps.w5 * under(row, last - 1u, S) + taps.w4 * under(row, last - 2u, S);
    // Decided when the kernel is compiled, as are all conditions on K and S.
    if K > 4u {
        sum += taps.w3 * under(row, last - 3u, S) + taps.w2 * under(row, last - 4u, S);
    }
    if K > 6u {
        sum += taps.w1 * under(row, last - 5u, S) + taps.w0 * under(row, last - 6u, S);
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
    let oy = own / columns;
    let iy = oy * params.window.stride_y - params.window.padding_top;
    let place = Place(oy, iy, own % columns, columns, voice, matrix);
    // The rows of taps move up as the taps do.
    var taps0: Taps;
    var taps1: Taps;
    var taps2: Taps;
    var taps3: Taps;
    var taps4: Taps;
    var taps5: Taps;
    var taps6: Taps;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        taps0 = taps1;
        taps1 = taps2;
        taps2 = taps3;
        taps3 = taps4;
        taps4 = taps5;
        taps5 = taps6;
        taps6 = taps_of(place, ky);
    }
    let channels = min(CHANNELS, group_channels - first);
    let base = sample * params.channels + group * params.group_stride + first * params.channel_stride;
    for (var c = 0u; c < channels; c++) {
        let channel = base + c * params.channel_stride;
        let plane = channel * params.height;
        let edges = edges_of(plane, place.iy, params.window.dilation_y, K, place.column, columns, voice, S);
        var sum = along(place, plane, edges, K - 1u, taps6);
        sum += along(place, plane, edges, K - 2u, taps5) + along(place, plane, edges, K - 3u, taps4);
        if K > 4u {
            sum += along(place, plane, edges, K - 4u, taps3) + along(place, plane, edges, K - 5u, taps2);
        }
        if K > 6u {
            sum += along(place, plane, edges, 1u, taps1) + along(place, plane, edges, 0u, taps0);
        }
        if quad == own {
            sum = affine4(sum, channel - sample * params.channels);
            store4(clip4(sum, params.activation), channel * params.out_height + place.oy, place.column);
        }
    }
}

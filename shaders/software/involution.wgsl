// Involution with a small square window that keeps the width, or halves it: eight lanes hold neighbouring
// vec4s of rows, and hear from each other what lies beside them. A lane has the kernel of its four pixels, and goes
// through the channels that share it. With R = 2 it computes two rows of the output, and reads most rows of x once for both.
// With MADE the taps are made here (taps_made.wgsl), else read (taps_read.wgsl). With ALIGNED rows are whole vec4s.
#requires subgroups
#variant K=7 S=1 R=1,2 ALIGNED MADE?
#variant K=7 S=2 R=1 ALIGNED MADE?
#variant K=5 S=1 R=1,2 ALIGNED MADE?
#variant K=3 S=1,2 R=1,2 ALIGNED MADE?
#variant K=7 S=1,2 R=1 MADE?
#variant K=5 S=1 R=1 MADE?
#variant K=3 S=1,2 R=1 MADE?
#import common/real
#import common/activation
#import software/lanes
#import involution/params
#import software/neighbours
#ifdef MADE
#import software/taps_made
#else
#import software/taps_read
#endif

const K: u32 = 7u; // taps of a kernel row, odd, and kernel rows
const S: u32 = 1u; // stride along the row, 1 or 2
const R: u32 = 1u; // rows of the output, 1 or 2

#ifdef ALIGNED
@group(0) @binding(1) var<storage, read> x: array<Packed4>;         // [N, C, H, W]
@group(0) @binding(3) var<storage, read_write> out: array<Packed4>; // [N, C, H', W']

fn store4(value: vec4<f32>, row: u32, column: u32) {
    out[row * (params.out_width / 4u) + column] = pack4(value);
}
#else
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [N, C, H, W]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [N, C, H', W']

fn store4(value: vec4<f32>, row: u32, column: u32) {
    let ox = column * 4u;
    let first = row * params.out_width + ox;
    for (var p = 0u; p < 4u; p++) {
        if ox + p < params.out_width {
            out[first + p] = value[p];
        }
    }
}
#endif

// Channels that one invocation computes, one after the other.
const CHANNELS: u32 = 16u;

// Four neighbouring pixels of R output rows.
struct Place {
    oy: u32,
    iy: u32, // the row of x under the first row of taps
    column: u32,
    columns: u32,
    lane: u32,
    group: u32,  // of channels that share a kernel
    matrix: u32, // the same, counted over all samples
}

// The kernel of four pixels, row by row of its taps and tap by tap, the last one last; the first 7 - K of either are
// not used.
alias Taps = array<array<vec4<f32>, 7>, 7>;

// The sum over one row of taps.
fn along(row: Row, taps: array<vec4<f32>, 7>) -> vec4<f32> {
    let last = 3u + K / 2u;
    var sum = taps[6] * under(row, last, S) + taps[5] * under(row, last - 1u, S) + taps[4] * under(row, last - 2u, S);
    // Decided when the kernel is compiled, as are all conditions on K, S, R and the number of a row.
    if K > 4u {
        sum += taps[3] * under(row, last - 3u, S) + taps[2] * under(row, last - 4u, S);
    }
    if K > 6u {
        sum += taps[1] * under(row, last - 5u, S) + taps[0] * under(row, last - 6u, S);
    }
    return sum;
}

// Adds what lies under the row of x of this number: a row of taps for each row of the output that reaches so far.
fn beneath(
    place: Place,
    plane: u32,
    edges: Edges,
    number: u32,
    taps: ptr<function, Taps>,
    taps_below: ptr<function, Taps>,
    sums: ptr<function, array<vec4<f32>, 2>>,
) {
    let iy = place.iy + number * params.window.dilation_y;
    let row = row_between(plane, iy, edges, number, place.column, place.columns, place.lane, S);
    if number < K {
        (*sums)[0] += along(row, (*taps)[number + 7u - K]);
    }
    if R == 2u && number >= S {
        (*sums)[1] += along(row, (*taps_below)[number - S + 7u - K]);
    }
}

@compute @workgroup_size(8)
fn main(thread: Lane) {
    let lane = thread.lane;
    let columns = (params.out_width + 3u) / 4u;
    let places = (params.out_height + R - 1u) / R * columns;
    let subgroups = (places + 7u) / 8u;
    let group_channels = params.channels / params.groups;
    let blocks = (group_channels + CHANNELS - 1u) / CHANNELS;

    // item = ((sample * groups + group) * subgroups + subgroup) * blocks + block: the kernel is read again at once
    var item = linear_workgroup(thread);
    let first = (item % blocks) * CHANNELS;
    item /= blocks;
    let which = (item % subgroups) * 8u + lane;
    item /= subgroups;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }
    // Past the last place the last one is computed again and dropped.
    let own = min(which, places - 1u);
    let matrix = sample * params.groups + group;
    let oy = own / columns * R;
    let iy = oy * params.window.stride_y - params.window.padding_top;
    let place = Place(oy, iy, own % columns, columns, lane, group, matrix);
    var taps: Taps;
    var taps_below: Taps;
    hold(place, min(oy + 1u, params.out_height - 1u), &taps, &taps_below);
    let rows = K + (R - 1u) * S;
    let stored = min(R, params.out_height - oy);
    let channels = min(CHANNELS, group_channels - first);
    let base = sample * params.channels + group * params.group_stride + first * params.channel_stride;
    for (var c = 0u; c < channels; c++) {
        let channel = base + c * params.channel_stride;
        let plane = channel * params.height;
        let edges = edges_of(plane, place.iy, params.window.dilation_y, rows, place.column, columns, lane, S);
        var sums: array<vec4<f32>, 2>;
        beneath(place, plane, edges, 0u, &taps, &taps_below, &sums);
        beneath(place, plane, edges, 1u, &taps, &taps_below, &sums);
        beneath(place, plane, edges, 2u, &taps, &taps_below, &sums);
        if rows > 3u {
            beneath(place, plane, edges, 3u, &taps, &taps_below, &sums);
        }
        if rows > 4u {
            beneath(place, plane, edges, 4u, &taps, &taps_below, &sums);
        }
        if rows > 5u {
            beneath(place, plane, edges, 5u, &taps, &taps_below, &sums);
        }
        if rows > 6u {
            beneath(place, plane, edges, 6u, &taps, &taps_below, &sums);
        }
        if rows > 7u {
            beneath(place, plane, edges, 7u, &taps, &taps_below, &sums);
        }
        if which == own {
            for (var r = 0u; r < stored; r++) {
                let sum = affine4(select(sums[0], sums[1], r == 1u), channel - sample * params.channels);
                store4(clip4(sum, params.activation), channel * params.out_height + oy + r, place.column);
            }
        }
    }
}

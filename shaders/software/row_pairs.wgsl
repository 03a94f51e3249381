// Convolution with a window of 3x3 that moves by one or two pixels: eight lanes hold neighbouring vec4s of
// rows and hear from each other what lies beside them. Each computes eight channels at two output rows, which
// share input rows, and the weights: a lane loads those of one channel, and hears the rest by broadcast. The
// sums are few enough that what is to be done for an input channel fits the cache of instructions.
//
// With ALIGNED rows are whole vec4s, else of any width.
#requires subgroups
#variant K=3 S=1,2 ALIGNED?
#import common/real
#import software/lanes
#import software/conv_rows
#import software/eight_sums

const K: u32 = 3u; // taps of a kernel row, and kernel rows
const S: u32 = 1u; // stride along the row, 1 or 2, and down the rows

@group(0) @binding(2) var<storage, read> weight: array<f32>; // [Co, Ci/g, 3, 3] or [N, Co, Ci/g, 3, 3]
@group(0) @binding(3) var<storage, read> bias: array<f32>;   // [Co] or [N, Co]

// Output channels of a tile.
const CHANNELS: u32 = 8u;

// What lies under the taps of a kernel row.
fn under3(row: Row) -> mat3x4<f32> {
    return mat3x4<f32>(under(row, 2u, S), under(row, 3u, S), under(row, 4u, S));
}

// The weights of an input channel, a kernel row after the other.
struct Weights {
    w0: vec3<f32>,
    w1: vec3<f32>,
    w2: vec3<f32>,
}

fn weights_at(first: u32) -> Weights {
    return Weights(
        vec3<f32>(weight[first], weight[first + 1u], weight[first + 2u]),
        vec3<f32>(weight[first + 3u], weight[first + 4u], weight[first + 5u]),
        vec3<f32>(weight[first + 6u], weight[first + 7u], weight[first + 8u]),
    );
}

// Adds three kernel rows to the eight channels of which this lane holds the weights of one. All at once: each
// time, all sums are moved.
fn add9(
    sum: ptr<function, array<vec4<f32>, 8>>,
    x0: mat3x4<f32>,
    x1: mat3x4<f32>,
    x2: mat3x4<f32>,
    w: Weights,
) {
    (*sum)[0] += x0 * subgroupBroadcast(w.w0, 0u) + x1 * subgroupBroadcast(w.w1, 0u) + x2 * subgroupBroadcast(w.w2, 0u);
    (*sum)[1] += x0 * subgroupBroadcast(w.w0, 1u) + x1 * subgroupBroadcast(w.w1, 1u) + x2 * subgroupBroadcast(w.w2, 1u);
    (*sum)[2] += x0 * subgroupBroadcast(w.w0, 2u) + x1 * subgroupBroadcast(w.w1, 2u) + x2 * subgroupBroadcast(w.w2, 2u);
    (*sum)[3] += x0 * subgroupBroadcast(w.w0, 3u) + x1 * subgroupBroadcast(w.w1, 3u) + x2 * subgroupBroadcast(w.w2, 3u);
    (*sum)[4] += x0 * subgroupBroadcast(w.w0, 4u) + x1 * subgroupBroadcast(w.w1, 4u) + x2 * subgroupBroadcast(w.w2, 4u);
    (*sum)[5] += x0 * subgroupBroadcast(w.w0, 5u) + x1 * subgroupBroadcast(w.w1, 5u) + x2 * subgroupBroadcast(w.w2, 5u);
    (*sum)[6] += x0 * subgroupBroadcast(w.w0, 6u) + x1 * subgroupBroadcast(w.w1, 6u) + x2 * subgroupBroadcast(w.w2, 6u);
    (*sum)[7] += x0 * subgroupBroadcast(w.w0, 7u) + x1 * subgroupBroadcast(w.w1, 7u) + x2 * subgroupBroadcast(w.w2, 7u);
}

@compute @workgroup_size(8)
fn main(thread: Lane) {
    let lane = thread.lane;
    let group_in = params.in_channels / params.groups;
    let group_out = params.out_channels / params.groups;
    let blocks = (group_out + CHANNELS - 1u) / CHANNELS;
    let columns = (params.out_width + 3u) / 4u;
    let places = (params.out_height + 1u) / 2u * columns;
    let subgroups = (places + 7u) / 8u;

    // item = ((sample * groups + group) * subgroups + subgroup) * blocks + block
    var item = linear_workgroup(thread);
    let first = (item % blocks) * CHANNELS;
    item /= blocks;
    let place = (item % subgroups) * 8u + lane;
    item /= subgroups;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }
    // Past the last place the last one is computed again and dropped.
    let own = min(place, places - 1u);
    let column = own % columns;
    let oy = own / columns * 2u;

    // Past the last channel of the group the last one is computed again and dropped.
    let channel = group * group_out + min(first + lane, group_out - 1u);
    var shift = 0.0;
    if params.has_bias != 0u {
        shift = bias[sample * params.bias_sample_stride + channel];
    }
    var upper = sums_from(shift);
    var lower = sums_from(shift);
    let weight_first = sample * params.weight_sample_stride + channel * group_in * 9u;
    let iy = oy * S - params.window.padding_top;
    let first_plane = (sample * params.in_channels + group * group_in) * params.height;
    for (var c = 0u; c < group_in; c++) {
        let plane = first_plane + c * params.height;
        let edges = edges_of(plane, iy, 1u, 3u + S, column, columns, lane, S);
        let weights = weights_at(weight_first + c * 9u);
        let x0 = under3(row_between(plane, iy, edges, 0u, column, columns, lane, S));
        let x1 = under3(row_between(plane, iy + 1u, edges, 1u, column, columns, lane, S));
        let x2 = under3(row_between(plane, iy + 2u, edges, 2u, column, columns, lane, S));
        let x3 = under3(row_between(plane, iy + 3u, edges, 3u, column, columns, lane, S));
        add9(&upper, x0, x1, x2, weights);
        // Decided when the kernel is compiled.
        if S == 2u {
            let x4 = under3(row_between(plane, iy + 4u, edges, 4u, column, columns, lane, S));
            add9(&lower, x2, x3, x4, weights);
        } else {
            add9(&lower, x1, x2, x3, weights);
        }
    }
    if place == own {
        let out_plane = (sample * params.out_channels + group * group_out + first) * params.out_height + oy;
        let channels = min(CHANNELS, group_out - first);
        for (var c = 0u; c < channels; c++) {
            let row = out_plane + c * params.out_height;
            finish4(picked(&upper, c), row, column);
            if oy + 1u < params.out_height {
                finish4(picked(&lower, c), row + 1u, column);
            }
        }
    }
}

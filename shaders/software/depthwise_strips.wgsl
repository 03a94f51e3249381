// Depthwise convolution with a small square window that moves by one or two pixels: eight lanes hold
// neighbouring vec4s of rows, hear from each other what lies beside them, and go down a strip of rows. Each
// row is read once, and added at once to all output rows that it lies under.
// With ALIGNED rows are whole vec4s, else of any width.
#requires subgroups
#variant K=3,5,7 S=1,2 ALIGNED?
#import common/real
#import software/lanes
#import software/conv_rows

const K: u32 = 3u; // taps of a kernel row, odd, and kernel rows
const S: u32 = 1u; // stride along the row, 1 or 2, and down the rows

@group(0) @binding(2) var<storage, read> weight: array<f32>; // [Co, 1, K, K] or [N, Co, 1, K, K]
@group(0) @binding(3) var<storage, read> bias: array<f32>;   // [Co] or [N, Co]

// Output rows of a strip, at most: two more rows are read for each, with a window of three.
const STRIP: u32 = 32u;

// The weights of one kernel row; those beyond K are not used.
struct Taps {
    w0: f32,
    w1: f32,
    w2: f32,
    w3: f32,
    w4: f32,
    w5: f32,
    w6: f32,
}

fn taps_of(first: u32, ky: u32) -> Taps {
    let at = first + min(ky, K - 1u) * K;
    var taps: Taps;
    taps.w0 = weight[at];
    taps.w1 = weight[at + 1u];
    taps.w2 = weight[at + 2u];
    // Decided when the kernel is compiled.
    if K > 4u {
        taps.w3 = weight[at + 3u];
        taps.w4 = weight[at + 4u];
    }
    if K > 6u {
        taps.w5 = weight[at + 5u];
        taps.w6 = weight[at + 6u];
    }
    return taps;
}

// The sum over the taps of one kernel row.
fn along(row: Row, taps: Taps) -> vec4<f32> {
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
fn main(thread: Lane) {
    let lane = thread.lane;
    let columns = (params.out_width + 3u) / 4u;
    let strips = (params.out_height + STRIP - 1u) / STRIP;
    let rows = (params.out_height + strips - 1u) / strips; // of a strip
    let planes = params.batch * params.out_channels;

    // item = ((sample * out_channels + channel) * strips + strip) * columns + column
    var item = linear_workgroup(thread) * 8u + lane;
    let valid = item < planes * strips * columns;
    // Past the last one the last one is computed again and dropped.
    item = min(item, planes * strips * columns - 1u);
    let column = item % columns;
    item /= columns;
    let oy0 = (item % strips) * rows;
    item /= strips;
    let channel = item % params.out_channels;
    let sample = item / params.out_channels;

    let multiplier = params.out_channels / params.in_channels;
    let plane = (sample * params.in_channels + channel / multiplier) * params.height;
    let out_plane = (sample * params.out_channels + channel) * params.out_height;
    var shift = vec4<f32>();
    if params.has_bias != 0u {
        shift = vec4<f32>(bias[sample * params.bias_sample_stride + channel]);
    }
    let weight_first = sample * params.weight_sample_stride + channel * K * K;
    let w0 = taps_of(weight_first, 0u);
    let w1 = taps_of(weight_first, 1u);
    let w2 = taps_of(weight_first, 2u);
    let w3 = taps_of(weight_first, 3u);
    let w4 = taps_of(weight_first, 4u);
    let w5 = taps_of(weight_first, 5u);
    let w6 = taps_of(weight_first, 6u);

    // Output rows that are begun: the one begun last, that before it, and so on.
    var sum1: vec4<f32>; var sum2: vec4<f32>; var sum3: vec4<f32>;
    var sum4: vec4<f32>; var sum5: vec4<f32>; var sum6: vec4<f32>;
    let begun = (K - 1u) / S;
    let steps = rows + begun;
    for (var step = 0u; step < steps; step++) {
        let iy = (oy0 + step) * S - params.window.padding_top;
        let row = row_of(row_first(plane + iy), iy < params.height, column, columns, lane, S);
        var value = along(row, w6);
        if S == 2u {
            let iy1 = iy + 1u;
            let next = row_of(row_first(plane + iy1), iy1 < params.height, column, columns, lane, S);
            if K == 7u {
                value += sum3;
                sum3 = sum2 + along(row, w4) + along(next, w5);
            }
            if K == 5u {
                value += sum2;
            }
            if K > 4u {
                sum2 = sum1 + along(row, w2) + along(next, w3);
            } else {
                value += sum1;
            }
            sum1 = shift + along(row, w0) + along(next, w1);
        } else {
            if K == 7u {
                value += sum6;
                sum6 = sum5 + along(row, w5);
                sum5 = sum4 + along(row, w4);
            }
            if K == 5u {
                value += sum4;
            }
            if K > 4u {
                sum4 = sum3 + along(row, w3);
                sum3 = sum2 + along(row, w2);
            } else {
                value += sum2;
            }
            sum2 = sum1 + along(row, w1);
            sum1 = shift + along(row, w0);
        }
        let oy = oy0 + step - begun;
        if step >= begun && valid && oy < params.out_height {
            finish4(value, out_plane + oy, column);
        }
    }
}

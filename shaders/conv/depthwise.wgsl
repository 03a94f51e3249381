// Depthwise convolution with a small square window that moves by one or two pixels. One invocation computes four
// neighbouring pixels of four rows of a channel: it reads each row of x once for all of them. With ALIGNED rows are whole
// vec4s, and a workgroup computes one channel, so that all of its invocations read one set of weights; else rows have any
// width, and invocations follow each other over all channels.
#variant K=3,5,7 S=1,2 ALIGNED?
#import common/real
#import common/grid
#import common/activation
#import common/row
#import conv/params

const K: u32 = 3u; // taps of a kernel row, odd, and kernel rows
const S: u32 = 1u; // stride along the row, 1 or 2, and down the rows
const ROWS: u32 = 4u; // of the output

@group(0) @binding(2) var<storage, read> weight: array<real>; // [Co, 1, K, K] or [N, Co, 1, K, K]
@group(0) @binding(3) var<storage, read> bias: array<real>;   // [Co] or [N, Co]

#ifdef ALIGNED
@group(0) @binding(1) var<storage, read> x: array<real4>;         // [N, Ci, H, W]
@group(0) @binding(4) var<storage, read_write> out: array<real4>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<real4>;  // the shape of out

// Where a row of x begins; rows are counted over all planes.
fn row_first(row: u32) -> u32 {
    return row * (params.width / 4u);
}

// Four pixels of the row that begins at `first`, from `column` on, in units of four; zeros where there are none.
fn four_at(first: u32, inside: bool, column: u32) -> vec4<f32> {
    let columns = params.width / 4u;
    return select(vec4<f32>(), vec4<f32>(x[first + min(column, columns - 1u)]), inside && column < columns);
}

// Residual, activation and store of four pixels of a row of the output.
fn finish(sum: vec4<f32>, row: u32, column: u32) {
    let at = row * (params.out_width / 4u) + column;
    var value = sum;
    if params.has_residual != 0u {
        value += vec4<f32>(residual[at]);
    }
    out[at] = real4(activate4(value, params.activation));
}
#else
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, Ci, H, W]
@group(0) @binding(4) var<storage, read_write> out: array<real>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<real>;  // the shape of out

// Where a row of x begins; rows are counted over all planes.
fn row_first(row: u32) -> u32 {
    return row * params.width;
}

// Four pixels of the row that begins at `first`, from `column` on, in units of four; zeros where there are none.
fn four_at(first: u32, inside: bool, column: u32) -> vec4<f32> {
    let place = vec4<u32>(column * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let at = vec4<u32>(first) + min(place, vec4<u32>(params.width - 1u));
    let valid = vec4<bool>(inside) & (place < vec4<u32>(params.width));
    return select(vec4<f32>(), vec4<f32>(real4(x[at.x], x[at.y], x[at.z], x[at.w])), valid);
}

// Residual, activation and store of four pixels of a row of the output, as far as it goes.
fn finish(sum: vec4<f32>, row: u32, column: u32) {
    let first = row * params.out_width + column * 4u;
    let pixels = min(params.out_width - column * 4u, 4u);
    var value = sum;
    if params.has_residual != 0u {
        let at = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(first + pixels - 1u));
        value += vec4<f32>(real4(residual[at.x], residual[at.y], residual[at.z], residual[at.w]));
    }
    value = activate4(value, params.activation);
    for (var p = 0u; p < 4u; p++) {
        if p < pixels {
            out[first + p] = real(value[p]);
        }
    }
}
#endif

// Where an invocation reads.
struct Place {
    iy: u32,     // the row of x under the first kernel row
    column: u32, // in units of four
    plane: u32,  // the first row of the plane, counted over all planes
    weight: u32, // the first weight of the channel
}

// Adds what lies under a kernel row to a sum.
fn along(sum: vec4<f32>, row: Row, place: Place, ky: u32) -> vec4<f32> {
    let middle = place.weight + ky * K + K / 2u;
    var s = sum;
    // Decided when the kernel is compiled, as are all conditions on K, S and the number of a row.
    if K > 6u {
        s += f32(weight[middle - 3u]) * under(row, 0u, S);
    }
    if K > 4u {
        s += f32(weight[middle - 2u]) * under(row, 1u, S);
    }
    s += f32(weight[middle - 1u]) * under(row, 2u, S);
    s += f32(weight[middle]) * under(row, 3u, S);
    s += f32(weight[middle + 1u]) * under(row, 4u, S);
    if K > 4u {
        s += f32(weight[middle + 2u]) * under(row, 5u, S);
    }
    if K > 6u {
        s += f32(weight[middle + 3u]) * under(row, 6u, S);
    }
    return s;
}

// Adds what the row of x of this number contributes to each row of the output.
fn beneath(place: Place, number: u32, sums: ptr<function, array<vec4<f32>, ROWS>>) {
    if number > (ROWS - 1u) * S + K - 1u {
        return;
    }
    // Places above or left of the image have wrapped around 0.
    let iy = place.iy + number;
    let inside = iy < params.height;
    let first = row_first(place.plane + min(iy, params.height - 1u));
    var row: Row;
    row.left = four_at(first, inside, place.column * S - 1u);
    row.own = four_at(first, inside, place.column * S);
    if S == 2u {
        row.next = four_at(first, inside, place.column * S + 1u);
    }
    row.right = four_at(first, inside, place.column * S + S);
    if number < K {
        (*sums)[0] = along((*sums)[0], row, place, number);
    }
    if number >= S && number < S + K {
        (*sums)[1] = along((*sums)[1], row, place, number - S);
    }
    if number >= 2u * S && number < 2u * S + K {
        (*sums)[2] = along((*sums)[2], row, place, number - 2u * S);
    }
    if number >= 3u * S && number < 3u * S + K {
        (*sums)[3] = along((*sums)[3], row, place, number - 3u * S);
    }
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let columns = (params.out_width + 3u) / 4u;
    let bands = (params.out_height + ROWS - 1u) / ROWS;
    let places = bands * columns;
#ifdef ALIGNED
    // workgroup = (sample * out_channels + channel) * tiles + tile
    let tiles = (places + 63u) / 64u;
    let workgroup = linear_workgroup(thread);
    let out_plane = workgroup / tiles;
    let own = (workgroup - out_plane * tiles) * 64u + thread.local_index;
#else
    // item = (sample * out_channels + channel) * places + place
    let item = linear_workgroup(thread) * 64u + thread.local_index;
    let out_plane = item / places;
    let own = item - out_plane * places;
#endif
    let sample = out_plane / params.out_channels;
    let channel = out_plane - sample * params.out_channels;
    if sample >= params.batch || own >= places {
        return;
    }
    let band = own / columns;
    let column = own - band * columns;
    let oy = band * ROWS;
    // So many output channels read each input channel; planes of the output are few enough for the product.
    let plane = out_plane * params.in_channels / params.out_channels * params.height;
    let first = sample * params.weight_sample_stride + channel * K * K;
    let place = Place(oy * S - params.window.padding_top, column, plane, first);
    var shift = vec4<f32>();
    if params.has_bias != 0u {
        shift = vec4<f32>(f32(bias[sample * params.bias_sample_stride + channel]));
    }
    var sums = array<vec4<f32>, ROWS>(shift, shift, shift, shift);
    beneath(place, 0u, &sums);
    beneath(place, 1u, &sums);
    beneath(place, 2u, &sums);
    beneath(place, 3u, &sums);
    beneath(place, 4u, &sums);
    beneath(place, 5u, &sums);
    beneath(place, 6u, &sums);
    beneath(place, 7u, &sums);
    beneath(place, 8u, &sums);
    beneath(place, 9u, &sums);
    beneath(place, 10u, &sums);
    beneath(place, 11u, &sums);
    beneath(place, 12u, &sums);
    let row = out_plane * params.out_height + oy;
    // In a loop: an activation is long, and would stand there four times.
    let rows = min(params.out_height - oy, ROWS);
    for (var r = 0u; r < rows; r++) {
        finish(sums[0], row + r, column);
        sums = array<vec4<f32>, ROWS>(sums[1], sums[2], sums[3], sums[0]);
    }
}

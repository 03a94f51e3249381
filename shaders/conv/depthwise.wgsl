// Depthwise convolution with a small square window that moves by one or two pixels. One invocation computes four
// neighbouring pixels of four rows of a channel, of several channels one after another: it reads each row of x once for
// the four rows, and finds out once for all channels where to read. With ALIGNED rows are whole vec4s, and all invocations
// of a workgroup compute one channel at a time, so that they read one set of weights; else rows have any width, and
// invocations follow each other over all channels. SMOOTH knows every activation; without, those that clip.
#variant K=3,5,7 S=1,2 ALIGNED? SMOOTH?
#define DEPTHWISE
#import common/real
#import common/grid
#import common/activation
#import common/row
#import conv/params

const K: u32 = 3u; // taps of a kernel row, odd, and kernel rows
const S: u32 = 1u; // stride along the row, 1 or 2, and down the rows
const ROWS: u32 = 4u; // of the output
const LINES: u32 = (ROWS - 1u) * S + K; // rows of x

@group(0) @binding(2) var<storage, read> weight: array<real>; // [Co, 1, K, K] or [N, Co, 1, K, K]
@group(0) @binding(3) var<storage, read> bias: array<real>;   // [Co] or [N, Co]

#ifdef ALIGNED
@group(0) @binding(1) var<storage, read> x: array<real4>;         // [N, Ci, H, W]
@group(0) @binding(4) var<storage, read_write> out: array<real4>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<real4>;  // the shape of out

const PACK: u32 = 4u; // pixels of an element

// Four pixels of a row, in units of four, and whether they are in the image.
struct Four {
    column: u32,
    valid: bool,
}

fn four_of(column: u32) -> Four {
    let columns = params.width / 4u;
    return Four(min(column, columns - 1u), column < columns);
}

// Those under four pixels of the output: rows of x are as many times as long as the window moves.
fn own_of(column: u32) -> Four {
    return Four(column, true);
}

// Four pixels of the row that begins at `first`; zeros where there are none.
fn four_at(first: u32, inside: bool, four: Four) -> vec4<f32> {
    return select(vec4<f32>(), vec4<f32>(x[first + four.column]), inside && four.valid);
}

fn residual_at(at: u32, pixels: u32) -> vec4<f32> {
    return vec4<f32>(residual[at]);
}

fn store(at: u32, pixels: u32, value: vec4<f32>) {
    out[at] = real4(value);
}
#else
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, Ci, H, W]
@group(0) @binding(4) var<storage, read_write> out: array<real>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<real>;  // the shape of out

const PACK: u32 = 1u; // pixels of an element

// Four pixels of a row, and which of them are in the image.
struct Four {
    column: vec4<u32>,
    valid: vec4<bool>,
}

fn four_of(column: u32) -> Four {
    let place = vec4<u32>(column * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    return Four(min(place, vec4<u32>(params.width - 1u)), place < vec4<u32>(params.width));
}

fn own_of(column: u32) -> Four {
    return four_of(column);
}

// Four pixels of the row that begins at `first`; zeros where there are none.
fn four_at(first: u32, inside: bool, four: Four) -> vec4<f32> {
    let at = vec4<u32>(first) + four.column;
    return select(vec4<f32>(), vec4<f32>(real4(x[at.x], x[at.y], x[at.z], x[at.w])), vec4<bool>(inside) & four.valid);
}

fn residual_at(first: u32, pixels: u32) -> vec4<f32> {
    let at = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(first + pixels - 1u));
    return vec4<f32>(real4(residual[at.x], residual[at.y], residual[at.z], residual[at.w]));
}

fn store(at: u32, pixels: u32, value: vec4<f32>) {
    out[at] = real(value.x);
    if pixels > 1u { out[at + 1u] = real(value.y); }
    if pixels > 2u { out[at + 2u] = real(value.z); }
    if pixels > 3u { out[at + 3u] = real(value.w); }
}
#endif

// A row of x in its plane.
struct Line {
    first: u32,
    inside: bool,
}

// Where an invocation reads, in any plane.
struct Place {
    lines: array<Line, LINES>,
    left: Four,
    own: Four,
    next: Four,
    right: Four,
}

// The place whose window begins with the row `iy` and has its middle in a column, in units of four.
fn place_of(iy: u32, column: u32) -> Place {
    var place: Place;
    for (var i = 0u; i < LINES; i++) {
        // Places above or left of the image have wrapped around 0.
        place.lines[i] = Line(min(iy + i, params.height - 1u) * (params.width / PACK), iy + i < params.height);
    }
    place.left = four_of(column - 1u);
    place.own = own_of(column);
    place.next = own_of(column + S - 1u);
    place.right = four_of(column + S);
    return place;
}

alias Sums = array<vec4<f32>, ROWS>;

// Adds what lies under a kernel row to a sum. `first` is the first weight of the channel.
fn along(sum: vec4<f32>, row: Row, first: u32, ky: u32) -> vec4<f32> {
    let middle = first + ky * K + K / 2u;
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

// Adds what the row of x of this number contributes to each row of the output, in the plane that begins at `plane`.
fn beneath(place: ptr<function, Place>, plane: u32, first: u32, number: u32, sums: ptr<function, Sums>) {
    if number >= LINES {
        return;
    }
    let line = (*place).lines[number];
    let at = plane + line.first;
    var row: Row;
    row.left = four_at(at, line.inside, (*place).left);
    row.own = four_at(at, line.inside, (*place).own);
    if S == 2u {
        row.next = four_at(at, line.inside, (*place).next);
    }
    row.right = four_at(at, line.inside, (*place).right);
    if number < K {
        (*sums)[0] = along((*sums)[0], row, first, number);
    }
    if number >= S && number < S + K {
        (*sums)[1] = along((*sums)[1], row, first, number - S);
    }
    if number >= 2u * S && number < 2u * S + K {
        (*sums)[2] = along((*sums)[2], row, first, number - 2u * S);
    }
    if number >= 3u * S && number < 3u * S + K {
        (*sums)[3] = along((*sums)[3], row, first, number - 3u * S);
    }
}

// The activation of all rows.
fn activate_all(sums: ptr<function, Sums>) {
#ifdef SMOOTH
    // They are long, and would stand here for each row if the compiler knew how many there are.
    let rows = ROWS * params.window.stride_y / S;
    for (var r = 0u; r < rows; r++) {
        *sums = Sums((*sums)[1], (*sums)[2], (*sums)[3], activate4((*sums)[0], params.activation));
    }
#else
    if params.activation == 0u {
        return;
    }
    for (var r = 0u; r < ROWS; r++) {
        (*sums)[r] = select((*sums)[r], vec4<f32>(), (*sums)[r] < vec4<f32>());
    }
    if params.activation == 2u {
        for (var r = 0u; r < ROWS; r++) {
            (*sums)[r] = select((*sums)[r], vec4<f32>(6.0), (*sums)[r] > vec4<f32>(6.0));
        }
    }
#endif
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let columns = (params.out_width + 3u) / 4u;
    let bands = (params.out_height + ROWS - 1u) / ROWS;
    let places = bands * columns;
#ifdef ALIGNED
    // workgroup = run * tiles + tile
    let tiles = (places + 63u) / 64u;
    let workgroup = linear_workgroup(thread);
    let run = workgroup / tiles;
    let own = (workgroup - run * tiles) * 64u + thread.local_index;
#else
    // item = run * places + place
    let item = linear_workgroup(thread) * 64u + thread.local_index;
    let run = item / places;
    let own = item - run * places;
#endif
    // A run of planes, each that of a channel of a sample.
    let first_plane = run * params.run;
    let last_plane = min(first_plane + params.run, params.batch * params.out_channels);
    if first_plane >= last_plane || own >= places {
        return;
    }
    let band = own / columns;
    let column = own - band * columns;
    let oy = band * ROWS;
    let rows = min(params.out_height - oy, ROWS);
    let out_row = params.out_width / PACK;
    let first_out = oy * out_row + column * (4u / PACK);
    let pixels = params.out_width - column * 4u;
    var place = place_of(oy * S - params.window.padding_top, column * S);

    var sample = first_plane / params.out_channels;
    var channel = first_plane - sample * params.out_channels;
    // So many output channels read each input channel.
    let multiplier = params.out_channels / params.in_channels;
    let in_plane = first_plane / multiplier;
    var read = first_plane - in_plane * multiplier;
    let plane_size = params.height * (params.width / PACK);
    let out_plane_size = params.out_height * out_row;
    var plane = in_plane * plane_size;
    var at = first_plane * out_plane_size + first_out;
    for (var out_plane = first_plane; out_plane < last_plane; out_plane++) {
        let first = sample * params.weight_sample_stride + channel * K * K;
        var shift = vec4<f32>();
        if params.has_bias != 0u {
            shift = vec4<f32>(f32(bias[sample * params.bias_sample_stride + channel]));
        }
        var sums = Sums(shift, shift, shift, shift);
        beneath(&place, plane, first, 0u, &sums);
        beneath(&place, plane, first, 1u, &sums);
        beneath(&place, plane, first, 2u, &sums);
        beneath(&place, plane, first, 3u, &sums);
        beneath(&place, plane, first, 4u, &sums);
        beneath(&place, plane, first, 5u, &sums);
        beneath(&place, plane, first, 6u, &sums);
        beneath(&place, plane, first, 7u, &sums);
        beneath(&place, plane, first, 8u, &sums);
        beneath(&place, plane, first, 9u, &sums);
        beneath(&place, plane, first, 10u, &sums);
        beneath(&place, plane, first, 11u, &sums);
        beneath(&place, plane, first, 12u, &sums);
        if params.has_residual != 0u {
            for (var r = 0u; r < ROWS; r++) {
                sums[r] += residual_at(at + min(r, rows - 1u) * out_row, min(pixels, 4u));
            }
        }
        activate_all(&sums);
        for (var r = 0u; r < ROWS; r++) {
            if r < rows {
                store(at + r * out_row, pixels, sums[r]);
            }
        }
        channel += 1u;
        if channel == params.out_channels {
            channel = 0u;
            sample += 1u;
        }
        read += 1u;
        if read == multiplier {
            read = 0u;
            plane += plane_size;
        }
        at += out_plane_size;
    }
}

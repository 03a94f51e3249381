// From the sums of winograd.wgsl to the output: bias, residual, activation and store. With ALIGNED rows are whole vec4s, else
// they are written value by value.
#variant ALIGNED?
#import common/real
#import common/grid
#import software/winograd
#ifdef ALIGNED
#import common/activation
#else
#import software/finish
#endif

struct Params {
    first_sample: u32,
    first_vec4: u32, // of tiles, in a sample
    samples: u32,
    vec4s: u32,      // of tiles, in a sample
    channels: u32,
    height: u32,
    width: u32,
    places: u32,     // 6: compilers that knew it would write the loops out, for seconds
    bias_sample_stride: u32,
    has_bias: u32,
    has_residual: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<Packed4>; // [samples, 36, Co, vec4s]
@group(0) @binding(2) var<storage, read> bias: array<f32>;  // [Co] or [N, Co]

// From six places to the four outputs of a row or column.
fn gather(m: array<vec4<f32>, 6>) -> array<vec4<f32>, 4> {
    let near_even = m[1] + m[2];
    let near_odd = m[1] - m[2];
    let far_even = m[3] + m[4];
    let far_odd = m[3] - m[4];
    return array<vec4<f32>, 4>(
        m[0] + near_even + far_even,
        NEAR * near_odd + FAR * far_odd,
        NEAR_2 * near_even + FAR_2 * far_even,
        NEAR_3 * near_odd + FAR_3 * far_odd + m[5],
    );
}

// Adds a column of places, its outputs weighted.
fn add(y: ptr<function, array<vec4<f32>, 4>>, column: vec4<f32>, weight: vec4<f32>) {
    (*y)[0] += column * weight.x;
    (*y)[1] += column * weight.y;
    (*y)[2] += column * weight.z;
    (*y)[3] += column * weight.w;
}

// The sums of a column of places, each `step` further.
fn column_of(first: u32, step: u32) -> array<vec4<f32>, 4> {
    return gather(array<vec4<f32>, 6>(
        unpack4(sums[first]), unpack4(sums[first + 6u * step]),
        unpack4(sums[first + 12u * step]), unpack4(sums[first + 18u * step]),
        unpack4(sums[first + 24u * step]), unpack4(sums[first + 30u * step]),
    ));
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let index = linear_workgroup(thread) * 64u + thread.local_index;
    let vec4_index = index % params.vec4s;
    let channel = (index / params.vec4s) % params.channels;
    let sample = index / params.vec4s / params.channels;
    if sample >= params.samples {
        return;
    }
    let tiles = tiles_of(params.first_vec4 + vec4_index, params.height, params.width);
    let plane = (params.first_sample + sample) * params.channels + channel;
    var added = 0.0;
    if params.has_bias != 0u {
        added = bias[(params.first_sample + sample) * params.bias_sample_stride + channel];
    }
    let step = params.channels * params.vec4s;
    let start = sample * PLACES * step + channel * params.vec4s + vec4_index;
    // What a row of places adds to each of four outputs: the powers of its point, and for infinity the last.
    var y0: array<vec4<f32>, 4>; var y1: array<vec4<f32>, 4>;
    var y2: array<vec4<f32>, 4>; var y3: array<vec4<f32>, 4>;
    for (var along = 0u; along < params.places; along++) {
        let column = column_of(start + along * step, step);
        let size = select(select(NEAR, FAR, along > 2u), 0.0, along == 0u);
        let point = select(size, -size, (along & 1u) == 0u);
        let last = along == 5u;
        let weight = select(vec4<f32>(1.0, point, point * point, point * point * point), vec4<f32>(0.0, 0.0, 0.0, 1.0), last);
        add(&y0, column[0], weight);
        add(&y1, column[1], weight);
        add(&y2, column[2], weight);
        add(&y3, column[3], weight);
    }
    for (var down = 0u; down < params.places - 2u; down++) {
        let odd = (down & 1u) != 0u;
        let low = down < 2u;
        let a = select(select(y2[0], y3[0], odd), select(y0[0], y1[0], odd), low) + added;
        let b = select(select(y2[1], y3[1], odd), select(y0[1], y1[1], odd), low) + added;
        let c = select(select(y2[2], y3[2], odd), select(y0[2], y1[2], odd), low) + added;
        let d = select(select(y2[3], y3[3], odd), select(y0[3], y1[3], odd), low) + added;
        let rows = tiles.row + down;
        store(vec4<f32>(a.x, b.x, c.x, d.x), plane, rows.x, tiles.column.x, tiles.valid.x);
        store(vec4<f32>(a.y, b.y, c.y, d.y), plane, rows.y, tiles.column.y, tiles.valid.y);
        store(vec4<f32>(a.z, b.z, c.z, d.z), plane, rows.z, tiles.column.z, tiles.valid.z);
        store(vec4<f32>(a.w, b.w, c.w, d.w), plane, rows.w, tiles.column.w, tiles.valid.w);
    }
}

#ifdef ALIGNED
@group(0) @binding(3) var<storage, read_write> out: array<Packed4>; // [N, Co, H, W]
@group(0) @binding(4) var<storage, read> residual: array<Packed4>;  // the shape of out
#else
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [N, Co, H, W]
@group(0) @binding(4) var<storage, read> residual: array<f32>;  // the shape of out
#endif

// Four outputs of a tile next to each other, as far as the row goes.
fn store(value: vec4<f32>, plane: u32, row: u32, column: u32, valid: bool) {
    if valid && row < params.height {
#ifdef ALIGNED
        let at = (plane * params.height + row) * (params.width / 4u) + column;
        var sum = value;
        if params.has_residual != 0u {
            sum += unpack4(residual[at]);
        }
        out[at] = pack4(clip4(sum, params.activation));
#else
        let first = column * 4u;
        let at = (plane * params.height + row) * params.width + first;
        finish(value, at, params.width - first);
#endif
    }
}

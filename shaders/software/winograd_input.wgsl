// The input of winograd.wgsl: the tiles of a 3x3 convolution with a padding of one. With ALIGNED rows are whole vec4s: what
// lies beside a tile is in the next tile of its row, which is its neighbour in the vector.
#variant ALIGNED?
#import common/real
#import common/grid
#import software/winograd

struct Params {
    first_sample: u32,
    first_vec4: u32, // of tiles, in a sample
    samples: u32,
    vec4s: u32,      // of tiles, in a sample
    channels: u32,
    height: u32,
    width: u32,
    inputs: u32,     // 6, that a tile sees of a row: compilers that knew it would write the loop out
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> out: array<Packed4>; // [samples, 36, Ci, vec4s]

// Six values of a row or column at six places.
fn spread(d: array<vec4<f32>, 6>) -> array<vec4<f32>, 6> {
    let near_even = d[4] - FAR_2 * d[2];
    let near_odd = NEAR * (d[3] - FAR_2 * d[1]);
    let far_even = d[4] - NEAR_2 * d[2];
    let far_odd = FAR * (d[3] - NEAR_2 * d[1]);
    return array<vec4<f32>, 6>(
        NEAR_2 * FAR_2 * d[0] - (NEAR_2 + FAR_2) * d[2] + d[4],
        near_even + near_odd,
        near_even - near_odd,
        far_even + far_odd,
        far_even - far_odd,
        NEAR_2 * FAR_2 * d[1] - (NEAR_2 + FAR_2) * d[3] + d[5],
    );
}

// Row `number` of the tiles, the row above their outputs being the first, at six places.
fn row_of(tiles: Tiles, plane: u32, number: u32) -> array<vec4<f32>, 6> {
    // Above the first row of the image this is no small number.
    let row = tiles.row + vec4<u32>(number - 1u);
    let inside = row < vec4<u32>(params.height);
    return spread(values_of(tiles, row + plane * params.height, inside));
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
    var row0: array<vec4<f32>, 6>; var row1: array<vec4<f32>, 6>;
    var row2: array<vec4<f32>, 6>; var row3: array<vec4<f32>, 6>;
    var row4: array<vec4<f32>, 6>; var row5: array<vec4<f32>, 6>;
    for (var down = 0u; down < 6u; down++) {
        row0 = row1; row1 = row2; row2 = row3; row3 = row4; row4 = row5;
        row5 = row_of(tiles, plane, down);
    }
    let step = params.channels * params.vec4s;
    var to = sample * PLACES * step + channel * params.vec4s + vec4_index;
    for (var along = 0u; along < 6u; along++) {
        let column = spread(array<vec4<f32>, 6>(
            picked6(&row0, along), picked6(&row1, along), picked6(&row2, along),
            picked6(&row3, along), picked6(&row4, along), picked6(&row5, along),
        ));
        out[to] = pack4(column[0]); out[to + 6u * step] = pack4(column[1]);
        out[to + 12u * step] = pack4(column[2]); out[to + 18u * step] = pack4(column[3]);
        out[to + 24u * step] = pack4(column[4]); out[to + 30u * step] = pack4(column[5]);
        to += step;
    }
}

#ifdef ALIGNED
@group(0) @binding(1) var<storage, read> x: array<Packed4>; // [N, Ci, H, W]

// What the tiles see of these rows, counted over all planes; zeros of those that are not inside.
fn values_of(tiles: Tiles, row: vec4<u32>, inside: vec4<bool>) -> array<vec4<f32>, 6> {
    let columns = params.width / 4u;
    let at = select(vec4<u32>(), row * columns + tiles.column, inside);
    let x0 = select(vec4<f32>(), unpack4(x[at.x]), inside.x);
    let x1 = select(vec4<f32>(), unpack4(x[at.y]), inside.y);
    let x2 = select(vec4<f32>(), unpack4(x[at.z]), inside.z);
    let x3 = select(vec4<f32>(), unpack4(x[at.w]), inside.w);
    let has_left = inside.x && tiles.column.x > 0u;
    let has_right = inside.w && tiles.column.w + 1u < columns;
    let left = select(0.0, unpack4(x[select(0u, at.x - 1u, has_left)]).w, has_left);
    let right = select(0.0, unpack4(x[select(0u, at.w + 1u, has_right)]).x, has_right);
    // Whether the tile before is in the same row.
    let joined = (tiles.column > vec4<u32>()) & tiles.valid;
    return array<vec4<f32>, 6>(
        select(vec4<f32>(), vec4<f32>(left, x0.w, x1.w, x2.w), joined),
        vec4<f32>(x0.x, x1.x, x2.x, x3.x),
        vec4<f32>(x0.y, x1.y, x2.y, x3.y),
        vec4<f32>(x0.z, x1.z, x2.z, x3.z),
        vec4<f32>(x0.w, x1.w, x2.w, x3.w),
        vec4<f32>(select(vec3<f32>(), vec3<f32>(x1.x, x2.x, x3.x), joined.yzw), right),
    );
}
#else
@group(0) @binding(1) var<storage, read> x: array<f32>; // [N, Ci, H, W]

// What the tiles see of these rows, counted over all planes; zeros of those that are not inside.
fn values_of(tiles: Tiles, row: vec4<u32>, inside: vec4<bool>) -> array<vec4<f32>, 6> {
    var values: array<vec4<f32>, 6>;
    for (var along = 0u; along < params.inputs; along++) {
        // Left of the first column of the image this is no small number.
        let column = tiles.column * 4u + along - 1u;
        let known = inside & (column < vec4<u32>(params.width));
        let at = select(vec4<u32>(), row * params.width + column, known);
        let value = select(vec4<f32>(), vec4<f32>(x[at.x], x[at.y], x[at.z], x[at.w]), known);
        values = array<vec4<f32>, 6>(values[1], values[2], values[3], values[4], values[5], value);
    }
    return values;
}
#endif

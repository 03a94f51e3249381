// The input of common/winograd.wgsl: the tiles of a 3x3 convolution with a padding of one. A kernel has x, and `values_of`,
// the six values of a row that each tile sees.
// requires: values_of
#import common/grid
#import common/winograd

struct Params {
    first_sample: u32,
    first_quad: u32, // of tiles, in a sample
    samples: u32,
    quads: u32,      // of tiles, in a sample
    channels: u32,
    height: u32,
    width: u32,
    inputs: u32,     // 6, that a tile sees of a row: compilers that knew it would write the loop out
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> out: array<Four>; // [samples, 36, Ci, quads]

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
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = linear_workgroup(id, count) * 64u + lane;
    let quad = index % params.quads;
    let channel = (index / params.quads) % params.channels;
    let sample = index / params.quads / params.channels;
    if sample >= params.samples {
        return;
    }
    let tiles = tiles_of(params.first_quad + quad, params.height, params.width);
    let plane = (params.first_sample + sample) * params.channels + channel;
    var row0: array<vec4<f32>, 6>;
    var row1: array<vec4<f32>, 6>;
    var row2: array<vec4<f32>, 6>;
    var row3: array<vec4<f32>, 6>;
    var row4: array<vec4<f32>, 6>;
    var row5: array<vec4<f32>, 6>;
    for (var down = 0u; down < 6u; down++) {
        row0 = row1;
        row1 = row2;
        row2 = row3;
        row3 = row4;
        row4 = row5;
        row5 = row_of(tiles, plane, down);
    }
    let step = params.channels * params.quads;
    var to = sample * PLACES * step + channel * params.quads + quad;
    for (var along = 0u; along < 6u; along++) {
        let column = spread(array<vec4<f32>, 6>(
            picked6(&row0, along),
            picked6(&row1, along),
            picked6(&row2, along),
            picked6(&row3, along),
            picked6(&row4, along),
            picked6(&row5, along),
        ));
        out[to] = words(column[0]);
        out[to + 6u * step] = words(column[1]);
        out[to + 12u * step] = words(column[2]);
        out[to + 18u * step] = words(column[3]);
        out[to + 24u * step] = words(column[4]);
        out[to + 30u * step] = words(column[5]);
        to += step;
    }
}

// Weights as the kernels of eight lanes read them: for each tile of rows and each input, eight lanes with four values each;
// value j of lane i is that of row (4 * tile + j) * width + i. Past the last row there are zeros. A row is an output channel
// of a group (width 8, see rows.wgsl), or a tap of a window of `width` taps a row (see taps_made.wgsl).
#import common/real
#import common/grid
#import common/vec4

struct Params {
    matrices: u32, // samples * groups
    rows: u32,     // of a matrix
    width: u32,    // rows that the lanes take together, up to 8
    k: u32,    // values of a row
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;     // [matrices, rows, inputs]
@group(0) @binding(2) var<storage, read_write> out: array<Packed4>; // [matrices, tiles, inputs, 8]

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let tiles = (params.rows + 4u * params.width - 1u) / (4u * params.width);
    let index = linear_workgroup(thread) * 64u + thread.local_index;

    // index = ((matrix * tiles + tile) * inputs + input) * 8 + lane
    let lane = index % 8u;
    let k_index = (index / 8u) % params.k;
    let tile = (index / 8u / params.k) % tiles;
    let matrix = index / 8u / params.k / tiles;
    if matrix >= params.matrices {
        return;
    }
    var value = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let row = (tile * 4u + j) * params.width + lane;
        if lane < params.width && row < params.rows {
            value[j] = weight[(matrix * params.rows + row) * params.k + k_index];
        }
    }
    out[index] = pack4(value);
}

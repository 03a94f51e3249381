// Weights in the order in which gemm.wgsl reads them: for each tile of channels a row for each input channel of each tap,
// the taps one after another, in which the channels of the tile lie side by side. There are zeros past the last channel,
// and past the last input channel of a tap. An invocation lays out four channels of a row. With STEPS, as cooperative.wgsl
// reads them: for each step the channels one after another, each with 32 rows side by side, in the order in which an
// invocation of that kernel stages its `passes` inputs of a column. An invocation lays out four rows of a channel.
#variant
#variant STEPS
#import common/real
#import common/grid

struct Params {
    matrices: u32, // samples * groups
    channels: u32, // of a matrix
    k: u32,        // input channels
    taps: u32,
    tile: u32,     // channels of a tile
    rows: u32,     // of a tap
#ifdef STEPS
    passes: u32,
#endif
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<real>;     // [matrices, channels, k, taps]
@group(0) @binding(2) var<storage, read_write> out: array<real4>; // [matrices, tiles, taps, rows, tile]

const K: u32 = 32u; // rows of a step

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let index = linear_workgroup(thread) * 64u + thread.local_index;
    let tiles = (params.channels + params.tile - 1u) / params.tile;
#ifdef STEPS
    // index = (((matrix * tiles + tile) * taps + tap) * steps + step) * tile + channel) * (K / 4) + vec4 of the rows
    let steps = params.rows / K;
    var item = index / (K / 4u);
    let own = item % params.tile;
    item /= params.tile;
    let step = item % steps;
    item /= steps;
#else
    // index = (((matrix * tiles + tile) * taps + tap) * rows + row) * tile_vec4s + vec4 of the tile
    let tile_vec4s = params.tile / 4u;
    var item = index / tile_vec4s;
    let own = index % tile_vec4s * 4u;
    let row = item % params.rows;
    item /= params.rows;
#endif
    let tap = item % params.taps;
    item /= params.taps;
    let first = item % tiles * params.tile + own;
    let matrix = item / tiles;
    if matrix >= params.matrices {
        return;
    }
    var value = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
#ifdef STEPS
        let place = index % (K / 4u) * 4u + j;
        let row = step * K + place % params.passes * (K / params.passes) + place / params.passes;
        let channel = first;
#else
        let channel = first + j;
#endif
        if channel < params.channels && row < params.k {
            value[j] = f32(weight[((matrix * params.channels + channel) * params.k + row) * params.taps + tap]);
        }
    }
    out[index] = real4(value);
}

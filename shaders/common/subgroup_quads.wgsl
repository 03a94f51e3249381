// The tile of subgroup_tile.wgsl where the output is written in fours, with a mask and a bounds check for
// four values instead of each: a software adapter goes through the lanes one by one for either.
#import subgroup_tile

@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<vec4<f32>>;  // the shape of out

// Residual, activation and store of eight channels of the tile, as far as the group goes; `quads` are in a plane.
fn store8(sum: ptr<function, array<vec4<f32>, 8>>, place: Place, channel: u32, quads: u32) {
    let group_out = params.out_channels / params.groups;
    let first = place.first + channel;
    let row = place.sample * params.out_channels + place.group * group_out + first;
    for (var c = 0u; c < 8u; c++) {
        if first + c < group_out {
            let at = (row + c) * quads + place.quad;
            var value = (*sum)[c];
            if params.has_residual != 0u {
                value += residual[at];
            }
            out[at] = clip4(value, params.activation);
        }
    }
}

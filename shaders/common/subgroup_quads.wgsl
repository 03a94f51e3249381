// The tile of subgroup_tile.wgsl where the output is written in fours, with a mask and a bounds check for
// four values instead of each: a software adapter goes through the lanes one by one for either.
// requires: clip4
#import common/subgroup_tile

@group(0) @binding(4) var<storage, read_write> out: array<Four>;      // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<Four>;       // the shape of out

// Residual, activation and store of the tile, as far as the group goes; `quads` are in a plane.
fn store(
    sum0: ptr<function, array<vec4<f32>, 8>>,
    sum1: ptr<function, array<vec4<f32>, 8>>,
    sum2: ptr<function, array<vec4<f32>, 8>>,
    sum3: ptr<function, array<vec4<f32>, 8>>,
    place: Place,
    quads: u32,
) {
    let first = first_channel(place);
    let channels = channels_of(place);
    for (var c = 0u; c < channels; c++) {
        let at = (first + c) * quads + place.quad;
        var value = sum_of(sum0, sum1, sum2, sum3, c);
        if params.has_residual != 0u {
            value += four(residual[at]);
        }
        out[at] = words(clip4(value, params.activation));
    }
}

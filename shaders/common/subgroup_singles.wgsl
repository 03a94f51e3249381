// The tile of subgroup_tile.wgsl where the output is written value by value.
// requires: clip4
#import common/subgroup_tile

@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<f32>;  // the shape of out

// Residual, activation and store of the tile, as far as the group goes: up to four pixels of each channel
// from `pixel` on.
fn store(
    sum0: ptr<function, array<vec4<f32>, 8>>,
    sum1: ptr<function, array<vec4<f32>, 8>>,
    sum2: ptr<function, array<vec4<f32>, 8>>,
    sum3: ptr<function, array<vec4<f32>, 8>>,
    place: Place,
    pixel: u32,
    pixels: u32,
) {
    let plane = params.out_height * params.out_width;
    let first = first_channel(place);
    let channels = channels_of(place);
    for (var c = 0u; c < channels; c++) {
        let at = (first + c) * plane + pixel;
        var value = sum_of(sum0, sum1, sum2, sum3, c);
        if params.has_residual != 0u {
            let last = at + pixels - 1u;
            let places = min(vec4<u32>(at) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last));
            value += vec4<f32>(residual[places.x], residual[places.y], residual[places.z], residual[places.w]);
        }
        value = clip4(value, params.activation);
        for (var p = 0u; p < 4u; p++) {
            if p < pixels {
                out[at + p] = value[p];
            }
        }
    }
}

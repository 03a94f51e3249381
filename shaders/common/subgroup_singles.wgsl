// The tile of subgroup_tile.wgsl where the output is written value by value.
#import subgroup_tile

@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<f32>;  // the shape of out

// Residual, activation and store of eight channels of the tile, as far as the group goes: up to four pixels of each
// from `pixel` on.
fn store8(sum: ptr<function, array<vec4<f32>, 8>>, place: Place, channel: u32, pixel: u32, pixels: u32) {
    let plane = params.out_height * params.out_width;
    let group_out = params.out_channels / params.groups;
    let first = place.first + channel;
    let row = place.sample * params.out_channels + place.group * group_out + first;
    for (var c = 0u; c < 8u; c++) {
        if first + c < group_out {
            let at = (row + c) * plane + pixel;
            var value = (*sum)[c];
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
}

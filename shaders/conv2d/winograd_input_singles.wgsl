// The kernel of common/winograd_input.wgsl for rows of any width, value by value.
#import common/winograd_input

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

// The kernel of common/winograd_input.wgsl for rows of whole fours: what lies beside a tile is in the next tile of its row,
// which is its neighbour in the vector.
#import common/winograd_input

@group(0) @binding(1) var<storage, read> x: array<Four>; // [N, Ci, H, W]

// What the tiles see of these rows, counted over all planes; zeros of those that are not inside.
fn values_of(tiles: Tiles, row: vec4<u32>, inside: vec4<bool>) -> array<vec4<f32>, 6> {
    let columns = params.width / 4u;
    let at = select(vec4<u32>(), row * columns + tiles.column, inside);
    let x0 = select(vec4<f32>(), four(x[at.x]), inside.x);
    let x1 = select(vec4<f32>(), four(x[at.y]), inside.y);
    let x2 = select(vec4<f32>(), four(x[at.z]), inside.z);
    let x3 = select(vec4<f32>(), four(x[at.w]), inside.w);
    let has_left = inside.x && tiles.column.x > 0u;
    let has_right = inside.w && tiles.column.w + 1u < columns;
    let left = select(0.0, four(x[select(0u, at.x - 1u, has_left)]).w, has_left);
    let right = select(0.0, four(x[select(0u, at.w + 1u, has_right)]).x, has_right);
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

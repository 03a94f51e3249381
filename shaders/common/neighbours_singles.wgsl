// The rows of neighbours.wgsl where x is an array of single values and rows are of any width.
// requires: params, x
#import common/neighbours

// Where a row of x begins; rows are counted over all planes.
fn row_first(row: u32) -> u32 {
    return row * params.width;
}

// Four pixels at `column`, in units of four, of the row that begins at `first`; zeros outside of the image.
fn four_at(first: u32, inside: bool, column: u32) -> vec4<f32> {
    let place = vec4<u32>(column * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let valid = vec4<bool>(inside) & (place < vec4<u32>(params.width));
    let at = select(vec4<u32>(), place + vec4<u32>(first), valid);
    return select(vec4<f32>(), vec4<f32>(x[at.x], x[at.y], x[at.z], x[at.w]), valid);
}

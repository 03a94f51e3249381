// The rows of neighbours.wgsl where x is an array of fours.
// requires: params, x
#import common/neighbours
#import common/vec4

// Where a row of x begins; rows are counted over all planes.
fn row_first(row: u32) -> u32 {
    return row * (params.width / 4u);
}

// Four pixels at `column` of the row that begins at `first`, in units of four; zeros outside of the image.
fn four_at(first: u32, inside: bool, column: u32) -> vec4<f32> {
    return select(vec4<f32>(), four(x[select(0u, first + column, inside)]), inside);
}

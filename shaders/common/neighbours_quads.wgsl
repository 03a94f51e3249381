// The rows of neighbours.wgsl where x is an array of fours.
#import neighbours

// Four pixels (eight, at stride 2) at `column` of the row that begins at `first`, in units of four values,
// with their neighbours; zeros outside of the image. The first and the last lane read for themselves what
// lies beside them, unless their row ends there.
fn row_of(first: u32, inside: bool, column: u32, columns: u32, voice: u32, stride: u32) -> Row {
    let at = first + column * stride;
    let zero = vec4<f32>();
    var row: Row;
    row.own = select(zero, x[select(0u, at, inside)], inside);
    row.next = row.own;
    if stride == 2u {
        row.next = select(zero, x[select(0u, at + 1u, inside)], inside);
    }
    row.left = subgroupShuffleUp(row.next, 1u);
    row.right = subgroupShuffleDown(row.own, 1u);
    let has_left = column > 0u;
    let has_right = column + 1u < columns;
    if (voice == 0u && has_left) || (voice == 7u && has_right) {
        let beside = select(at + stride, at - 1u, voice == 0u);
        let value = select(zero, x[select(0u, beside, inside)], inside);
        row.left = select(row.left, value, voice == 0u);
        row.right = select(row.right, value, voice == 7u);
    }
    row.left = select(zero, row.left, has_left);
    row.right = select(zero, row.right, has_right);
    return row;
}

// The rows of neighbours.wgsl where x is an array of single values and rows are of any width.
#import neighbours

// Four pixels from `ix` on of the row that begins at `first`; zeros outside of the image.
fn four_of(first: u32, inside: bool, ix: u32) -> vec4<f32> {
    let place = vec4<u32>(ix) + vec4<u32>(0u, 1u, 2u, 3u);
    let valid = vec4<bool>(inside) & (place < vec4<u32>(params.width));
    let at = select(vec4<u32>(), place + vec4<u32>(first), valid);
    return select(vec4<f32>(), vec4<f32>(x[at.x], x[at.y], x[at.z], x[at.w]), valid);
}

// Four pixels (eight, at stride 2) at `column` of the row that begins at `first`, with their neighbours;
// zeros outside of the image. The first and the last lane read for themselves what lies beside them, unless
// their row ends there.
fn row_of(first: u32, inside: bool, column: u32, columns: u32, voice: u32, stride: u32) -> Row {
    let zero = vec4<f32>();
    let ix = column * 4u * stride;
    var row: Row;
    row.own = four_of(first, inside, ix);
    row.next = row.own;
    if stride == 2u {
        row.next = four_of(first, inside, ix + 4u);
    }
    row.left = subgroupShuffleUp(row.next, 1u);
    row.right = subgroupShuffleDown(row.own, 1u);
    let has_left = column > 0u;
    let has_right = column + 1u < columns;
    if (voice == 0u && has_left) || (voice == 7u && has_right) {
        let value = four_of(first, inside, select(ix + 4u * stride, ix - 4u, voice == 0u));
        row.left = select(row.left, value, voice == 0u);
        row.right = select(row.right, value, voice == 7u);
    }
    row.left = select(zero, row.left, has_left);
    row.right = select(zero, row.right, has_right);
    return row;
}

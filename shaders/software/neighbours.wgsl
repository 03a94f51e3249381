// Rows of x of which eight lanes hold neighbouring vec4s. A lane reads what only it needs, and hears from the
// lanes beside it what a window needs beyond: a shuffle is one instruction on a software adapter, a load a
// hundred. How x is read, neighbours_quads and neighbours_singles say.
// requires: params, x
#import common/row
#ifdef ALIGNED
#import common/vec4
#endif

// What lies beside a row's own values: from the neighbouring lanes, and for the first and the last lane from
// what was read for them; zeros where the row ends.
fn joined(part: Row, before: vec4<f32>, after: vec4<f32>, column: u32, columns: u32, lane: u32) -> Row {
    var row = part;
    let left = select(subgroupShuffleUp(part.next, 1u), before, lane == 0u);
    let right = select(subgroupShuffleDown(part.own, 1u), after, lane == 7u);
    row.left = select(vec4<f32>(), left, column > 0u);
    row.right = select(vec4<f32>(), right, column + 1u < columns);
    return row;
}

// Four pixels (eight, at stride 2) at `column` of the row that begins at `first`, with their neighbours; zeros
// outside of the image. The first and the last lane read for themselves what lies beside them, unless their row
// ends there.
fn row_of(first: u32, inside: bool, column: u32, columns: u32, lane: u32, stride: u32) -> Row {
    var part: Row;
    part.own = four_at(first, inside, column * stride);
    part.next = part.own;
    if stride == 2u {
        part.next = four_at(first, inside, column * stride + 1u);
    }
    var beside: vec4<f32>;
    if (lane == 0u && column > 0u) || (lane == 7u && column + 1u < columns) {
        beside = four_at(first, inside, select(column * stride + stride, column * stride - 1u, lane == 0u));
    }
    return joined(part, beside, beside, column, columns, lane);
}

// What the first and the last lane need beside rows that follow each other: each lane holds it for the row of
// its own number, two loads for up to eight rows.
struct Edges {
    before: vec4<f32>,
    after: vec4<f32>,
}

// Those of the rows iy, iy + step, and so on of the plane that begins at row `plane`; a lane has its own iy.
fn edges_of(plane: u32, iy: u32, step: u32, rows: u32, column: u32, columns: u32, lane: u32, stride: u32) -> Edges {
    let first = subgroupBroadcast(column, 0u);
    let last = subgroupBroadcast(column, 7u);
    let above = subgroupBroadcast(iy, 0u) + lane * step;
    let below = subgroupBroadcast(iy, 7u) + lane * step;
    var edges: Edges;
    if lane < rows && above < params.height && first > 0u {
        edges.before = four_at(row_first(plane + above), true, first * stride - 1u);
    }
    if lane < rows && below < params.height && last + 1u < columns {
        edges.after = four_at(row_first(plane + below), true, last * stride + stride);
    }
    return edges;
}

// Row `iy` of the plane that begins at row `plane`, the one of this number among those of the edges.
fn row_between(
    plane: u32, iy: u32, edges: Edges, number: u32, column: u32, columns: u32, lane: u32, stride: u32,
) -> Row {
    let first = row_first(plane + iy);
    let inside = iy < params.height;
    var part: Row;
    if stride == 1u {
        part.own = four_at(first, inside, column);
        part.next = part.own;
    } else {
        // One load in a loop for two in line: a kernel of many rows compiles in half the time.
        for (var half = 0u; half < params.window.stride_x; half++) {
            part.own = part.next;
            part.next = four_at(first, inside, column * stride + half);
        }
    }
    let before = subgroupShuffle(edges.before, number);
    let after = subgroupShuffle(edges.after, number);
    return joined(part, before, after, column, columns, lane);
}

#ifdef ALIGNED
// Where a row of x begins; rows are counted over all planes.
fn row_first(row: u32) -> u32 {
    return row * (params.width / 4u);
}

// Four pixels at `column` of the row that begins at `first`, in units of four; zeros outside of the image.
fn four_at(first: u32, inside: bool, column: u32) -> vec4<f32> {
    return select(vec4<f32>(), unpack4(x[select(0u, first + column, inside)]), inside);
}
#else
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
#endif

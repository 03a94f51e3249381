// Rows of x of which eight lanes hold neighbouring vec4s. A lane reads what only it needs, and hears from the
// lanes beside it what a window needs beyond: a shuffle is one instruction on a software adapter, a load a
// hundred. How x is read, neighbours_quads and neighbours_singles say.
// requires: params, x
#ifdef ALIGNED
#import common/vec4
#endif

// The values around four output pixels of a row, left to right.
struct Row {
    left: vec4<f32>,
    own: vec4<f32>,
    next: vec4<f32>, // the other half of eight, where the window moves by two; else unused
    right: vec4<f32>,
}

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

// The four values of a row under a tap; tap 3 is the middle one of a window of seven.
fn under(row: Row, tap: u32, stride: u32) -> vec4<f32> {
    if stride == 2u {
        switch tap {
            case 0u: { return vec4<f32>(row.left.yw, row.own.yw); }
            case 1u: { return vec4<f32>(row.left.z, row.own.xz, row.next.x); }
            case 2u: { return vec4<f32>(row.left.w, row.own.yw, row.next.y); }
            case 3u: { return vec4<f32>(row.own.xz, row.next.xz); }
            case 4u: { return vec4<f32>(row.own.yw, row.next.yw); }
            case 5u: { return vec4<f32>(row.own.z, row.next.xz, row.right.x); }
            default: { return vec4<f32>(row.own.w, row.next.yw, row.right.y); }
        }
    }
    switch tap {
        case 0u: { return vec4<f32>(row.left.yzw, row.own.x); }
        case 1u: { return vec4<f32>(row.left.zw, row.own.xy); }
        case 2u: { return vec4<f32>(row.left.w, row.own.xyz); }
        case 3u: { return row.own; }
        case 4u: { return vec4<f32>(row.own.yzw, row.right.x); }
        case 5u: { return vec4<f32>(row.own.zw, row.right.xy); }
        default: { return vec4<f32>(row.own.w, row.right.xyz); }
    }
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

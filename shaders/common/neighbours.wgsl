// Rows of x in fours, of which eight lanes hold neighbouring places. A lane reads what only it needs, and
// hears from the lanes beside it what a window needs beyond: a shuffle is one instruction on a software
// adapter, a load a hundred. The first and the last lane read for themselves, unless their row ends there.

// The values around four output pixels of a row, left to right.
struct Row {
    left: vec4<f32>,
    own: vec4<f32>,
    next: vec4<f32>, // the other half of eight, where the window moves by two; else unused
    right: vec4<f32>,
}

// Four pixels (eight, at stride 2) at `column` of the row that begins at `first`, in units of four values,
// with their neighbours; zeros outside of the image.
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

// The four values of a row under a tap; tap 3 is the middle one of a window of seven.
fn under(row: Row, tap: u32, stride: u32) -> vec4<f32> {
    if stride == 2u {
        switch tap {
            case 0u: {
                return vec4<f32>(row.left.yw, row.own.yw);
            }
            case 1u: {
                return vec4<f32>(row.left.z, row.own.xz, row.next.x);
            }
            case 2u: {
                return vec4<f32>(row.left.w, row.own.yw, row.next.y);
            }
            case 3u: {
                return vec4<f32>(row.own.xz, row.next.xz);
            }
            case 4u: {
                return vec4<f32>(row.own.yw, row.next.yw);
            }
            case 5u: {
                return vec4<f32>(row.own.z, row.next.xz, row.right.x);
            }
            default: {
                return vec4<f32>(row.own.w, row.next.yw, row.right.y);
            }
        }
    }
    switch tap {
        case 0u: {
            return vec4<f32>(row.left.yzw, row.own.x);
        }
        case 1u: {
            return vec4<f32>(row.left.zw, row.own.xy);
        }
        case 2u: {
            return vec4<f32>(row.left.w, row.own.xyz);
        }
        case 3u: {
            return row.own;
        }
        case 4u: {
            return vec4<f32>(row.own.yzw, row.right.x);
        }
        case 5u: {
            return vec4<f32>(row.own.zw, row.right.xy);
        }
        default: {
            return vec4<f32>(row.own.w, row.right.xyz);
        }
    }
}

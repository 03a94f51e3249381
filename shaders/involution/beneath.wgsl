// What lies under a row of taps at four neighbouring pixels of a row of whole vec4s.
// requires: K, BORDER, Row, under, x

// Where four pixels of a row of x lie and those beside them: the own ones at the ends of the row.
struct Place {
    left: u32,
    own: u32,
    right: u32,
    has_left: bool,
    has_right: bool,
}

// The pixels at `at`, which are the column of this number.
fn place_of(at: u32, column: u32, columns: u32) -> Place {
    let has_left = column > 0u;
    let has_right = column + 1u < columns;
    return Place(at - select(0u, 1u, has_left), at, at + select(0u, 1u, has_right), has_left, has_right);
}

// What is read in place of the four pixels before the first ones of a row.
fn before(first: vec4<f32>) -> vec4<f32> {
    if BORDER == 1u {
        return first.xwzy;
    }
    if BORDER == 2u {
        return first.xxxx;
    }
    return vec4<f32>();
}

// What is read in place of the four pixels after the last ones of a row.
fn after(last: vec4<f32>) -> vec4<f32> {
    if BORDER == 1u {
        return last.zyxw;
    }
    if BORDER == 2u {
        return last.wwww;
    }
    return vec4<f32>();
}

// Adds what lies under a row of taps to the sum of a channel, one product after the other: each becomes a fused
// multiply-add.
fn along(sum: vec4<f32>, taps: array<vec4<f32>, K>, channel: u32, place: Place) -> vec4<f32> {
    var row: Row;
    row.own = vec4<f32>(x[channel + place.own]);
    row.left = select(before(row.own), vec4<f32>(x[channel + place.left]), place.has_left);
    row.right = select(after(row.own), vec4<f32>(x[channel + place.right]), place.has_right);
    var s = sum;
    for (var kx = 0u; kx < K; kx++) {
        s += taps[kx] * under(row, kx + 3u - K / 2u, 1u);
    }
    return s;
}

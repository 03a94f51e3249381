// The places of an image that those of a resized one are made of: with BILINEAR two along each axis, of which each counts by
// its nearness; else one.

// What four places of the output are made of along an axis.
struct Parts {
    first: vec4<u32>,
#ifdef BILINEAR
    second: vec4<u32>,
    of_first: vec4<f32>,
    of_second: vec4<f32>,
#endif
}

// In integers, so that no place is one beside its own: the operator refuses sizes whose products do not fit a u32.
fn parts_of(i: vec4<u32>, size: u32, count: u32) -> Parts {
#ifdef BILINEAR
    let whole = 2u * count;
    let far = max((2u * i + 1u) * size, vec4<u32>(count)) - count;
    let first = far / whole;
    let rest = far - first * whole;
    // The first one's part is a quotient of its own: 1 minus the other would lose what is small.
    return Parts(
        first,
        min(first + 1u, vec4<u32>(size - 1u)),
        vec4<f32>(whole - rest) / f32(whole),
        vec4<f32>(rest) / f32(whole),
    );
#else
    return Parts(i * size / count);
#endif
}

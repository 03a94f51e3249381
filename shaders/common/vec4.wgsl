// Four or eight neighbouring values of a tensor as a buffer holds them.

#ifdef INT64
// Two in each word: a software adapter goes through lanes and components one by one, each behind a bounds check of its
// own, and so through half as many. The first value is in the low bits.
alias Four = vec2<u64>;

// The four values.
fn four(held: Four) -> vec4<f32> {
    let low = vec2<u32>(held);
    let high = vec2<u32>(held >> vec2<u32>(32u));
    return bitcast<vec4<f32>>(vec4<u32>(low.x, high.x, low.y, high.y));
}

// What a buffer holds of them.
fn words(values: vec4<f32>) -> Four {
    let bits = bitcast<vec4<u32>>(values);
    return vec2<u64>(bits.xz) | (vec2<u64>(bits.yw) << vec2<u32>(32u));
}

alias Eight = vec4<u64>;

// The eight values, four in each column.
fn eight(held: Eight) -> mat2x4<f32> {
    return mat2x4<f32>(four(held.xy), four(held.zw));
}
#else
alias Four = vec4<f32>;

fn four(held: Four) -> vec4<f32> {
    return held;
}

fn words(values: vec4<f32>) -> Four {
    return values;
}

alias Eight = mat2x4<f32>;

fn eight(held: Eight) -> mat2x4<f32> {
    return held;
}
#endif

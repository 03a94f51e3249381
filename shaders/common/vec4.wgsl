// Four or eight neighbouring values of a tensor as a buffer holds them.
// requires: real4

#ifdef INT64
// Two in each word: a software adapter goes through lanes and components one by one, each behind a bounds check of its
// own, and so through half as many. The first value is in the low bits.
alias Packed4 = vec2<u64>;

// The four values.
fn unpack4(inputs: Packed4) -> vec4<f32> {
    let low = vec2<u32>(inputs);
    let high = vec2<u32>(inputs >> vec2<u32>(32u));
    return bitcast<vec4<f32>>(vec4<u32>(low.x, high.x, low.y, high.y));
}

// What a buffer holds of them.
fn pack4(values: vec4<f32>) -> Packed4 {
    let bits = bitcast<vec4<u32>>(values);
    return vec2<u64>(bits.xz) | (vec2<u64>(bits.yw) << vec2<u32>(32u));
}

alias Packed8 = vec4<u64>;

// The eight values, four in each column.
fn unpack8(inputs: Packed8) -> mat2x4<f32> {
    return mat2x4<f32>(unpack4(inputs.xy), unpack4(inputs.zw));
}
#else
alias Packed4 = real4;

fn unpack4(inputs: Packed4) -> vec4<f32> {
    return vec4<f32>(inputs);
}

fn pack4(values: vec4<f32>) -> Packed4 {
    return real4(values);
}

alias Packed8 = mat2x4<f32>;

fn unpack8(inputs: Packed8) -> mat2x4<f32> {
    return inputs;
}
#endif

// Four or eight neighbouring values of a tensor as a buffer holds them. common/fours_wide.wgsl takes the place of this one where
// the device has integers of 64 bits and is played by a processor.

alias Four = vec4<f32>;

// The four values.
fn four(held: Four) -> vec4<f32> {
    return held;
}

// What a buffer holds of them.
fn words(values: vec4<f32>) -> Four {
    return values;
}

alias Eight = mat2x4<f32>;

// The eight values, four in each column.
fn eight(held: Eight) -> mat2x4<f32> {
    return held;
}

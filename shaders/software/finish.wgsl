// The end of up to four neighbouring outputs that are written value by value: residual, activation and store. A kernel has
// `out` and `residual`, arrays of f32 of one shape, and says in its parameters `has_residual` and `activation`.
// requires: out, params, residual
#import common/activation

// `left` pixels of the row or plane are left at `at`.
fn finish(sum: vec4<f32>, at: u32, left: u32) {
    let pixels = min(left, 4u);
    var value = sum;
    if params.has_residual != 0u {
        let places = min(vec4<u32>(at) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(at + pixels - 1u));
        value += vec4<f32>(residual[places.x], residual[places.y], residual[places.z], residual[places.w]);
    }
    value = clip4(value, params.activation);
    for (var p = 0u; p < pixels; p++) {
        out[at + p] = value[p];
    }
}

// Rows of a convolution's input and output where both are whole fours.
// requires: clip4
#import common/convolution_params
#import common/neighbours_quads

@group(0) @binding(1) var<storage, read> x: array<Four>;              // [N, Ci, H, W]
@group(0) @binding(4) var<storage, read_write> out: array<Four>;      // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<Four>;       // the shape of out

// Residual, activation and store.
fn finish4(value: vec4<f32>, row: u32, column: u32) {
    let at = row * (params.out_width / 4u) + column;
    var sum = value;
    if params.has_residual != 0u {
        sum += four(residual[at]);
    }
    out[at] = words(clip4(sum, params.activation));
}

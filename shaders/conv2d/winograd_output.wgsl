// The kernel of common/winograd_output.wgsl for rows of whole fours.
#import common/winograd_output

@group(0) @binding(3) var<storage, read_write> out: array<Four>; // [N, Co, H, W]
@group(0) @binding(4) var<storage, read> residual: array<Four>;  // the shape of out

// Four outputs of a tile next to each other.
fn store(value: vec4<f32>, plane: u32, row: u32, column: u32, valid: bool) {
    if valid && row < params.height {
        let at = (plane * params.height + row) * (params.width / 4u) + column;
        var sum = value;
        if params.has_residual != 0u {
            sum += four(residual[at]);
        }
        out[at] = words(clip4(sum, params.activation));
    }
}

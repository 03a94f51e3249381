// The kernel of common/winograd_output.wgsl for rows of any width, value by value.
#import common/finish_singles
#import common/winograd_output

@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [N, Co, H, W]
@group(0) @binding(4) var<storage, read> residual: array<f32>;  // the shape of out

// Four outputs of a tile next to each other, as far as the row goes.
fn store(value: vec4<f32>, plane: u32, row: u32, column: u32, valid: bool) {
    if valid && row < params.height {
        let first = column * 4u;
        let at = (plane * params.height + row) * params.width + first;
        finish(value, at, params.width - first);
    }
}

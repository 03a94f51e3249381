// The kernel of common/winograd_output.wgsl for rows of any width, value by value.
#import winograd_output

@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [N, Co, H, W]
@group(0) @binding(4) var<storage, read> residual: array<f32>;  // the shape of out

// Four outputs of a tile next to each other, as far as the row goes.
fn store(value: vec4<f32>, plane: u32, row: u32, column: u32, valid: bool) {
    if valid && row < params.height {
        let first = column * 4u;
        let at = (plane * params.height + row) * params.width + first;
        let pixels = min(params.width - first, 4u);
        var sum = value;
        if params.has_residual != 0u {
            let places = min(vec4<u32>(at) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(at + pixels - 1u));
            sum += vec4<f32>(residual[places.x], residual[places.y], residual[places.z], residual[places.w]);
        }
        sum = clip4(sum, params.activation);
        for (var p = 0u; p < pixels; p++) {
            out[at + p] = sum[p];
        }
    }
}

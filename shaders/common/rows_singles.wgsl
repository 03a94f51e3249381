// Rows of a convolution's input and output of any width, read and written value by value.
#import convolution_params
#import neighbours_singles

@group(0) @binding(1) var<storage, read> x: array<f32>;         // [N, Ci, H, W]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [N, Co, H', W']

// Where a row of x begins; rows are counted over all planes.
fn row_first(row: u32) -> u32 {
    return row * params.width;
}

fn store4(value: vec4<f32>, row: u32, column: u32) {
    let ox = column * 4u;
    let first = row * params.out_width + ox;
    for (var p = 0u; p < 4u; p++) {
        if ox + p < params.out_width {
            out[first + p] = value[p];
        }
    }
}

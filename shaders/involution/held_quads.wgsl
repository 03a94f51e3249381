// Involution over rows that are whole fours; see common/involution_held.wgsl.
#import common/taps_read
#import common/neighbours_quads

const K: u32 = 7u; // taps of a kernel row, odd, and kernel rows
const S: u32 = 1u; // stride along the row, 1 or 2
const R: u32 = 1u; // rows of the output, 1 or 2

@group(0) @binding(1) var<storage, read> x: array<Four>;              // [N, C, H, W]
@group(0) @binding(2) var<storage, read> kernel: array<Four>;         // [N, G*Kh*Kw, H', W']
@group(0) @binding(3) var<storage, read_write> out: array<Four>;      // [N, C, H', W']

fn weights4(row: u32, column: u32) -> vec4<f32> {
    return four(kernel[row * (params.out_width / 4u) + column]);
}

fn store4(value: vec4<f32>, row: u32, column: u32) {
    out[row * (params.out_width / 4u) + column] = words(value);
}

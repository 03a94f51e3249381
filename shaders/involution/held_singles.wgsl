// Involution over rows of any width, read and written value by value; see common/involution_held.wgsl.
#import common/taps_read
#import common/neighbours_singles

const K: u32 = 7u; // taps of a kernel row, odd, and kernel rows
const S: u32 = 1u; // stride along the row, 1 or 2
const R: u32 = 1u; // rows of the output, 1 or 2

@group(0) @binding(1) var<storage, read> x: array<f32>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read> kernel: array<f32>;    // [N, G*Kh*Kw, H', W']
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [N, C, H', W']

// Four values of a row of the kernel; past the end of the row the last is repeated.
fn weights4(row: u32, column: u32) -> vec4<f32> {
    let place = min(vec4<u32>(column * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.out_width - 1u));
    let at = vec4<u32>(row * params.out_width) + place;
    return vec4<f32>(kernel[at.x], kernel[at.y], kernel[at.z], kernel[at.w]);
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

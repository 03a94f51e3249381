// Folding. Each output pixel gathers the taps of the windows that cover it, so that no two invocations
// add to the same place. Each workgroup handles PER runs of 64 neighbouring pixels.
#import grid

struct Params {
    elements: u32, // N*C*H*W
    height: u32,
    width: u32,
    positions_y: u32, // H'
    positions_x: u32, // W'
    kernel_height: u32,
    kernel_width: u32,
    stride_y: u32,
    stride_x: u32,
    padding_top: u32,
    padding_left: u32,
    dilation_y: u32,
    dilation_x: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [N, C*Kh*Kw, H'*W']
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [N, C, H, W]

// index = (plane * height + y) * width + x
fn gathered(index: u32) -> f32 {
    let column = index % params.width + params.padding_left;
    let row = index / params.width % params.height + params.padding_top;
    let plane = index / (params.width * params.height);
    let positions = params.positions_y * params.positions_x;

    // Tap (ky, kx) of window (wy, wx) lies here where row = wy * stride_y + ky * dilation_y, likewise
    // for columns. A place before the padding wraps around 0 to one past every window.
    var sum = 0.0;
    for (var ky = 0u; ky < params.kernel_height; ky++) {
        let start_y = row - ky * params.dilation_y;
        let wy = start_y / params.stride_y;
        if wy >= params.positions_y || wy * params.stride_y != start_y {
            continue;
        }
        for (var kx = 0u; kx < params.kernel_width; kx++) {
            let start_x = column - kx * params.dilation_x;
            let wx = start_x / params.stride_x;
            if wx < params.positions_x && wx * params.stride_x == start_x {
                let tap = (plane * params.kernel_height + ky) * params.kernel_width + kx;
                sum += x[tap * positions + wy * params.positions_x + wx];
            }
        }
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = linear_workgroup(id, count) * 64u * PER + lane;
    for (var i = 0u; i < PER; i++) {
        let index = first + i * 64u;
        if index < params.elements {
            out[index] = gathered(index);
        }
    }
}

// Folding. Each output pixel gathers the taps of the windows that cover it, so that no two invocations
// add to the same place. Each workgroup handles PER runs of 64 neighbouring pixels.
#import common/real
#import common/grid
#import common/window

struct Params {
    window: Window,
    elements: u32, // N*C*H*W
    height: u32,
    width: u32,
    positions_y: u32, // H'
    positions_x: u32, // W'
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C*Kh*Kw, H'*W']
@group(0) @binding(2) var<storage, read_write> out: array<real>; // [N, C, H, W]

// index = (plane * height + y) * width + x
fn gathered(index: u32) -> f32 {
    let column = index % params.width + params.window.padding_left;
    let row = index / params.width % params.height + params.window.padding_top;
    let plane = index / (params.width * params.height);
    let positions = params.positions_y * params.positions_x;

    // Tap (ky, kx) of window (wy, wx) lies here where row = wy * stride_y + ky * dilation_y, likewise
    // for columns. A place before the padding wraps around 0 to one past every window.
    var sum = 0.0;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        let start_y = row - ky * params.window.dilation_y;
        let wy = start_y / params.window.stride_y;
        if wy >= params.positions_y || wy * params.window.stride_y != start_y {
            continue;
        }
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let start_x = column - kx * params.window.dilation_x;
            let wx = start_x / params.window.stride_x;
            if wx < params.positions_x && wx * params.window.stride_x == start_x {
                let tap = (plane * params.window.kernel_height + ky) * params.window.kernel_width + kx;
                sum += f32(x[tap * positions + wy * params.positions_x + wx]);
            }
        }
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let first = linear_workgroup(thread) * 64u * PER + thread.local_index;
    for (var i = 0u; i < PER; i++) {
        let index = first + i * 64u;
        if index < params.elements {
            out[index] = real(gathered(index));
        }
    }
}

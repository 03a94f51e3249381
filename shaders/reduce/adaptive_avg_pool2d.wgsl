// Adaptive average pooling. One invocation computes one output pixel: neighbours have windows of
// different sizes, so that they share little.
#import common/real
#import common/grid

struct Params {
    planes: u32, // N*C
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read_write> out: array<real>; // [N, C, H', W']

// Where window i of count begins and ends on an axis of this size: floor(i * size / count) and
// ceil((i + 1) * size / count). The multiple of count in size is taken out before anything is multiplied;
// the operator refuses what would not fit a u32 even so.
fn window_of(i: u32, size: u32, count: u32) -> vec2<u32> {
    let whole = size / count;
    let rest = size - whole * count;
    return vec2<u32>(i, i + 1u) * whole + (vec2<u32>(i, i + 1u) * rest + vec2<u32>(0u, count - 1u)) / count;
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    // item = (plane * out_height + oy) * out_width + ox
    let item = linear_workgroup(thread) * 64u + thread.local_index;
    let ox = item % params.out_width;
    let row = item / params.out_width;
    let oy = row % params.out_height;
    let plane = row / params.out_height;
    if plane >= params.planes {
        return;
    }

    let rows = window_of(oy, params.height, params.out_height);
    let columns = window_of(ox, params.width, params.out_width);
    let bottom = rows.y;
    let right = columns.y;
    var sum = 0.0;
    for (var iy = rows.x; iy < bottom; iy++) {
        let first = (plane * params.height + iy) * params.width;
        for (var ix = columns.x; ix < right; ix++) {
            sum += f32(x[first + ix]);
        }
    }
    out[item] = real(sum / (f32(bottom - rows.x) * f32(right - columns.x)));
}

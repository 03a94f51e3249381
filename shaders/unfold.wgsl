// Unfolding. One invocation copies one row of taps of one plane at four neighbouring positions of the
// window: the places are found once for 4 Kw copies.
#import grid

struct Params {
    planes: u32, // N*C
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
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
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [N, C*Kh*Kw, H'*W']

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let columns = (params.out_width + 3u) / 4u;

    // item = ((plane * kernel_height + ky) * out_height + oy) * columns + column
    var item = linear_workgroup(id, count) * 64u + lane;
    let ox = (item % columns) * 4u;
    item /= columns;
    let oy = item % params.out_height;
    item /= params.out_height;
    let ky = item % params.kernel_height;
    let plane = item / params.kernel_height;
    if plane >= params.planes {
        return;
    }

    // Places above or left of the input wrap around 0 and so lie outside of it too.
    let iy = oy * params.stride_y + ky * params.dilation_y - params.padding_top;
    let ix0 = ox * params.stride_x - params.padding_left;
    let inside = iy < params.height;
    let row = (plane * params.height + iy) * params.width;
    let pixels = min(params.out_width - ox, 4u);

    for (var kx = 0u; kx < params.kernel_width; kx++) {
        let tap = (plane * params.kernel_height + ky) * params.kernel_width + kx;
        let first = (tap * params.out_height + oy) * params.out_width + ox;
        for (var p = 0u; p < 4u; p++) {
            if p < pixels {
                let ix = ix0 + p * params.stride_x + kx * params.dilation_x;
                var value = 0.0;
                if inside && ix < params.width {
                    value = x[row + ix];
                }
                out[first + p] = value;
            }
        }
    }
}

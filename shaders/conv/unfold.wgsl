// Unfolding. One invocation copies one row of taps of one plane at four neighbouring positions of the
// window: the places are found once for 4 Kw copies.
#import common/real
#import common/grid
#import common/planes

@group(0) @binding(2) var<storage, read_write> out: array<real>; // [N, C*Kh*Kw, H'*W']

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let columns = (params.out_width + 3u) / 4u;

    // item = ((plane * kernel_height + ky) * out_height + oy) * columns + column
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let ox = (item % columns) * 4u;
    item /= columns;
    let oy = item % params.out_height;
    item /= params.out_height;
    let ky = item % params.window.kernel_height;
    let plane = item / params.window.kernel_height;
    if plane >= params.planes {
        return;
    }

    // Places above or left of the input wrap around 0 and so lie outside of it too.
    let iy = oy * params.window.stride_y + ky * params.window.dilation_y - params.window.padding_top;
    let ix0 = ox * params.window.stride_x - params.window.padding_left;
    let inside = iy < params.height;
    let row = (plane * params.height + iy) * params.width;
    let pixels = min(params.out_width - ox, 4u);

    for (var kx = 0u; kx < params.window.kernel_width; kx++) {
        let tap = (plane * params.window.kernel_height + ky) * params.window.kernel_width + kx;
        let first = (tap * params.out_height + oy) * params.out_width + ox;
        for (var p = 0u; p < 4u; p++) {
            if p < pixels {
                let ix = ix0 + p * params.window.stride_x + kx * params.window.dilation_x;
                var value = 0.0;
                if inside && ix < params.width {
                    value = f32(x[row + ix]);
                }
                out[first + p] = real(value);
            }
        }
    }
}

// Unfolding. One invocation copies one row of taps of one plane at four neighbouring positions of the
// window: the places are found once for 4 Kw copies. With DEPTH x is a volume, and rows of the output and of taps are
// counted over slices.
#variant DEPTH?
#import common/real
#import common/grid
#import common/planes

@group(0) @binding(2) var<storage, read_write> out: array<real>; // [N, C*taps, positions]

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let columns = (params.out_width + 3u) / 4u;

#ifdef DEPTH
    let out_rows = params.out_depth * params.out_height;
    let tap_rows = params.window.kernel_depth * params.window.kernel_height;
#else
    let out_rows = params.out_height;
    let tap_rows = params.window.kernel_height;
#endif

    // item = ((plane * tap_rows + tap_row) * out_rows + out_row) * columns + column
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let ox = (item % columns) * 4u;
    item /= columns;
    let out_row = item % out_rows;
    item /= out_rows;
    let tap_row = item % tap_rows;
    let plane = item / tap_rows;
    if plane >= params.planes {
        return;
    }

    // Places above or left of the input wrap around 0 and so lie outside of it too.
    let oy = out_row % params.out_height;
    let ky = tap_row % params.window.kernel_height;
    let iy = oy * params.window.stride_y + ky * params.window.dilation_y - params.window.padding_top;
    let ix0 = ox * params.window.stride_x - params.window.padding_left;
#ifdef DEPTH
    let oz = out_row / params.out_height;
    let kz = tap_row / params.window.kernel_height;
    let iz = oz * params.window.stride_z + kz * params.window.dilation_z - params.window.padding_front;
    let inside = iz < params.depth && iy < params.height;
    let row = ((plane * params.depth + iz) * params.height + iy) * params.width;
#else
    let inside = iy < params.height;
    let row = (plane * params.height + iy) * params.width;
#endif
    let pixels = min(params.out_width - ox, 4u);

    for (var kx = 0u; kx < params.window.kernel_width; kx++) {
        let tap = (plane * tap_rows + tap_row) * params.window.kernel_width + kx;
        let first = (tap * out_rows + out_row) * params.out_width + ox;
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

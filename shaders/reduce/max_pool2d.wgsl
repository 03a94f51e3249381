// Maximum pooling. One invocation computes four neighbouring pixels of an output row. With DEPTH x is a volume, and rows of
// the output and of the window are counted over slices.
#variant DEPTH?
#import common/real
#import common/grid
#import common/planes
#import reduce/max_key

@group(0) @binding(2) var<storage, read_write> out: array<real>; // the planes, pooled

// The key of the input at a place of one row; places left of the row have wrapped around 0.
fn in_row(row: u32, ix: u32) -> u32 {
    if ix < params.width {
        return key_of(f32(x[row + ix]));
    }
    return LOWEST_KEY;
}

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

    // item = (plane * out_rows + out_row) * columns + column
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let ox = (item % columns) * 4u;
    item /= columns;
    let out_row = item % out_rows;
    let plane = item / out_rows;
    if plane >= params.planes {
        return;
    }

    let oy = out_row % params.out_height;
#ifdef DEPTH
    let iz0 = out_row / params.out_height * params.window.stride_z - params.window.padding_front;
#endif
    let iy0 = oy * params.window.stride_y - params.window.padding_top;
    let ix0 = (vec4<u32>(ox) + vec4<u32>(0u, 1u, 2u, 3u)) * params.window.stride_x - params.window.padding_left;

    var best = vec4<u32>(LOWEST_KEY);
    for (var tap_row = 0u; tap_row < tap_rows; tap_row++) {
#ifdef DEPTH
        let iy = iy0 + tap_row % params.window.kernel_height * params.window.dilation_y;
#else
        let iy = iy0 + tap_row * params.window.dilation_y;
#endif
        if iy >= params.height {
            continue;
        }
#ifdef DEPTH
        let iz = iz0 + tap_row / params.window.kernel_height * params.window.dilation_z;
        if iz >= params.depth {
            continue;
        }
        let row = ((plane * params.depth + iz) * params.height + iy) * params.width;
#else
        let row = (plane * params.height + iy) * params.width;
#endif
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let ix = ix0 + kx * params.window.dilation_x;
            best = max(best, vec4<u32>(in_row(row, ix.x), in_row(row, ix.y), in_row(row, ix.z), in_row(row, ix.w)));
        }
    }

    let first = (plane * out_rows + out_row) * params.out_width + ox;
    let pixels = min(params.out_width - ox, 4u);
    for (var p = 0u; p < 4u; p++) {
        if p < pixels {
            out[first + p] = real(value_of(best[p]));
        }
    }
}

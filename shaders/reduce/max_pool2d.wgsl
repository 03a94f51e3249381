// Maximum pooling. One invocation computes four neighbouring pixels of an output row.
#import common/real
#import common/grid
#import common/planes
#import reduce/max_key

@group(0) @binding(2) var<storage, read_write> out: array<real>; // [N, C, H', W']

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

    // item = (plane * out_height + oy) * columns + column
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let ox = (item % columns) * 4u;
    item /= columns;
    let oy = item % params.out_height;
    let plane = item / params.out_height;
    if plane >= params.planes {
        return;
    }

    let iy0 = oy * params.window.stride_y - params.window.padding_top;
    let ix0 = (vec4<u32>(ox) + vec4<u32>(0u, 1u, 2u, 3u)) * params.window.stride_x - params.window.padding_left;

    var best = vec4<u32>(LOWEST_KEY);
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        let iy = iy0 + ky * params.window.dilation_y;
        if iy >= params.height {
            continue;
        }
        let row = (plane * params.height + iy) * params.width;
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let ix = ix0 + kx * params.window.dilation_x;
            best = max(best, vec4<u32>(in_row(row, ix.x), in_row(row, ix.y), in_row(row, ix.z), in_row(row, ix.w)));
        }
    }

    let first = (plane * params.out_height + oy) * params.out_width + ox;
    let pixels = min(params.out_width - ox, 4u);
    for (var p = 0u; p < 4u; p++) {
        if p < pixels {
            out[first + p] = real(value_of(best[p]));
        }
    }
}

// Average pooling. One invocation computes four neighbouring pixels of an output row. With DEPTH x is a volume, and rows of
// the output and of the window are counted over slices.
#variant DEPTH?
#import common/real
#import common/grid
#import common/window

struct Params {
    window: Window,
    planes: u32, // N*C
#ifdef DEPTH
    depth: u32,
    out_depth: u32,
    padded_depth: u32,
#endif
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
    padded_height: u32,
    padded_width: u32,
    count_include_pad: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, H, W] or [N, C, D, H, W]
@group(0) @binding(2) var<storage, read_write> out: array<real>; // the planes, pooled

// The input at a place of one row; places left of the row have wrapped around 0.
fn in_row(row: u32, ix: u32) -> f32 {
    if ix < params.width {
        return f32(x[row + ix]);
    }
    return 0.0;
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let columns = (params.out_width + 3u) / 4u;

#ifdef DEPTH
    let out_rows = params.out_depth * params.out_height;
#else
    let out_rows = params.out_height;
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

    // Where the windows begin and end on the padded input: a last one may hang over it.
    let oy = out_row % params.out_height;
    let y0 = oy * params.window.stride_y;
    let y1 = min(y0 + params.window.kernel_height, params.padded_height);
    let x0 = (vec4<u32>(ox) + vec4<u32>(0u, 1u, 2u, 3u)) * params.window.stride_x;
    let x1 = min(x0 + params.window.kernel_width, vec4<u32>(params.padded_width));

    // What of that lies on the input itself.
    let top = max(y0, params.window.padding_top);
    let bottom = min(y1, params.window.padding_top + params.height);
    let left = max(x0, vec4<u32>(params.window.padding_left));
    let right = min(x1, vec4<u32>(params.window.padding_left + params.width));

    // Rows of the window that lie on the input, and all that lie on the padded input.
    let rows = bottom - top;
#ifdef DEPTH
    let z0 = out_row / params.out_height * params.window.stride_z;
    let z1 = min(z0 + params.window.kernel_depth, params.padded_depth);
    let front = max(z0, params.window.padding_front);
    let back = min(z1, params.window.padding_front + params.depth);
    let own_rows = (back - front) * rows;
    let padded_rows = (z1 - z0) * (y1 - y0);
#else
    let own_rows = rows;
    let padded_rows = y1 - y0;
#endif

    var sum = vec4<f32>();
    for (var own_row = 0u; own_row < own_rows; own_row++) {
#ifdef DEPTH
        let slice = plane * params.depth + front + own_row / rows - params.window.padding_front;
        let py = top + own_row % rows;
#else
        let slice = plane;
        let py = top + own_row;
#endif
        let row = (slice * params.height + py - params.window.padding_top) * params.width;
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let ix = x0 + kx - params.window.padding_left;
            sum += vec4<f32>(in_row(row, ix.x), in_row(row, ix.y), in_row(row, ix.z), in_row(row, ix.w));
        }
    }

    var places = f32(own_rows) * vec4<f32>(right - left);
    if params.count_include_pad != 0u {
        places = f32(padded_rows) * vec4<f32>(x1 - x0);
    }
    let mean = sum / places;
    let first = (plane * out_rows + out_row) * params.out_width + ox;
    let pixels = min(params.out_width - ox, 4u);
    for (var p = 0u; p < 4u; p++) {
        if p < pixels {
            out[first + p] = real(mean[p]);
        }
    }
}

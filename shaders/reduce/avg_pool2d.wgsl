// Average pooling. One invocation computes four neighbouring pixels of an output row.
#import common/real
#import common/grid
#import common/window

struct Params {
    window: Window,
    planes: u32, // N*C
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
    padded_height: u32,
    padded_width: u32,
    count_include_pad: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read_write> out: array<real>; // [N, C, H', W']

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

    // item = (plane * out_height + oy) * columns + column
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let ox = (item % columns) * 4u;
    item /= columns;
    let oy = item % params.out_height;
    let plane = item / params.out_height;
    if plane >= params.planes {
        return;
    }

    // Where the windows begin and end on the padded input: a last one may hang over it.
    let y0 = oy * params.window.stride_y;
    let y1 = min(y0 + params.window.kernel_height, params.padded_height);
    let x0 = (vec4<u32>(ox) + vec4<u32>(0u, 1u, 2u, 3u)) * params.window.stride_x;
    let x1 = min(x0 + params.window.kernel_width, vec4<u32>(params.padded_width));

    // What of that lies on the input itself.
    let top = max(y0, params.window.padding_top);
    let bottom = min(y1, params.window.padding_top + params.height);
    let left = max(x0, vec4<u32>(params.window.padding_left));
    let right = min(x1, vec4<u32>(params.window.padding_left + params.width));

    var sum = vec4<f32>();
    for (var py = top; py < bottom; py++) {
        let row = (plane * params.height + py - params.window.padding_top) * params.width;
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let ix = x0 + kx - params.window.padding_left;
            sum += vec4<f32>(in_row(row, ix.x), in_row(row, ix.y), in_row(row, ix.z), in_row(row, ix.w));
        }
    }

    var places = f32(bottom - top) * vec4<f32>(right - left);
    if params.count_include_pad != 0u {
        places = f32(y1 - y0) * vec4<f32>(x1 - x0);
    }
    let mean = sum / places;
    let first = (plane * params.out_height + oy) * params.out_width + ox;
    let pixels = min(params.out_width - ox, 4u);
    for (var p = 0u; p < 4u; p++) {
        if p < pixels {
            out[first + p] = real(mean[p]);
        }
    }
}

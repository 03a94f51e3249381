// Maximum pooling with a window of three rows and columns that moves by one or two pixels, from rows of whole vec4s to rows
// of whole vec4s. One invocation computes four neighbouring pixels of an output row, and reads each value once.
#variant S=2,1
#import common/real
#import common/grid
#import common/window
#import reduce/max_key

struct Params {
    window: Window,
    planes: u32, // N*C
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real4>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read_write> out: array<real4>; // [N, C, H', W/S]

const S: u32 = 2u; // stride along the row; the padding is one

fn keys_of(values: vec4<f32>) -> vec4<u32> {
    return vec4<u32>(key_of(values.x), key_of(values.y), key_of(values.z), key_of(values.w));
}

// The largest keys under the windows of four pixels in the row that begins at `row`.
fn in_row(row: u32, column: u32) -> vec4<u32> {
    let own = keys_of(vec4<f32>(x[row + column * S]));
    var before = LOWEST_KEY;
    if column > 0u {
        before = key_of(f32(x[row + column * S - 1u].w));
    }
    if S == 2u {
        let next = keys_of(vec4<f32>(x[row + column * S + 1u]));
        let left = vec4<u32>(before, own.yw, next.y);
        return max(left, max(vec4<u32>(own.xz, next.xz), vec4<u32>(own.yw, next.yw)));
    }
    var after = LOWEST_KEY;
    if column + 1u < params.width / 4u {
        after = key_of(f32(x[row + column + 1u].x));
    }
    return max(vec4<u32>(before, own.xyz), max(own, vec4<u32>(own.yzw, after)));
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let columns = params.out_width / 4u;

    // item = (plane * out_height + oy) * columns + column
    let item = linear_workgroup(thread) * 64u + thread.local_index;
    let out_row = item / columns;
    let column = item - out_row * columns;
    let plane = out_row / params.out_height;
    if plane >= params.planes {
        return;
    }
    // Rows above the image have wrapped around 0.
    let iy0 = (out_row - plane * params.out_height) * params.window.stride_y - params.window.padding_top;
    var best = vec4<u32>(LOWEST_KEY);
    for (var ky = 0u; ky < 3u; ky++) {
        let iy = iy0 + ky * params.window.dilation_y;
        if iy < params.height {
            best = max(best, in_row((plane * params.height + iy) * (params.width / 4u), column));
        }
    }
    out[item] = real4(vec4<f32>(value_of(best.x), value_of(best.y), value_of(best.z), value_of(best.w)));
}

// Planes of another size. One invocation computes four neighbouring pixels of an output row. With VEC4 the rows are whole
// vec4s, and an invocation computes these pixels in four planes, so that it finds their places and weights once.
#variant BILINEAR? VEC4?
#import common/real
#import common/grid
#import reduce/parts

struct Params {
    planes: u32, // N*C
    height: u32, // of the image in the upper left of x
    width: u32,
    x_height: u32,
    x_width: u32,
    out_height: u32,
    out_width: u32,
    has_residual: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>; // [N, C, H, W]
#ifdef VEC4
@group(0) @binding(2) var<storage, read> residual: array<real4>;  // [N, C, H', W']
@group(0) @binding(3) var<storage, read_write> out: array<real4>; // [N, C, H', W']
const PLANES: u32 = 4u;
#else
@group(0) @binding(2) var<storage, read> residual: array<real>;  // [N, C, H', W']
@group(0) @binding(3) var<storage, read_write> out: array<real>; // [N, C, H', W']
const PLANES: u32 = 1u;
#endif

// Values of the row that begins at `row`.
fn values_of(row: u32, columns: vec4<u32>) -> vec4<f32> {
    let at = row + columns;
    return vec4<f32>(f32(x[at.x]), f32(x[at.y]), f32(x[at.z]), f32(x[at.w]));
}

#ifdef BILINEAR
fn in_row(row: u32, columns: Parts) -> vec4<f32> {
    return values_of(row, columns.first) * columns.of_first + values_of(row, columns.second) * columns.of_second;
}
#endif

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let groups = (params.out_width + 3u) / 4u;

    // item = (block * out_height + oy) * groups + group, where a block is of PLANES planes
    let item = linear_workgroup(thread) * 64u + thread.local_index;
    let out_row = item / groups;
    let ox = (item - out_row * groups) * 4u;
    let block = out_row / params.out_height;
    let oy = out_row - block * params.out_height;
    let plane0 = block * PLANES;
    if plane0 >= params.planes {
        return;
    }
    let rows = parts_of(vec4<u32>(oy), params.height, params.out_height);
    // Past the end of the row its last pixel again, which is not stored.
    let pixels = min(ox + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.out_width - 1u));
    let columns = parts_of(pixels, params.width, params.out_width);

    for (var k = 0u; k < PLANES; k++) {
        let plane = plane0 + k;
        if plane < params.planes {
            let above = plane * params.x_height;
#ifdef BILINEAR
            let upper = in_row((above + rows.first.x) * params.x_width, columns);
            let lower = in_row((above + rows.second.x) * params.x_width, columns);
            var value = upper * rows.of_first + lower * rows.of_second;
#else
            var value = values_of((above + rows.first.x) * params.x_width, columns.first);
#endif
            let start = (plane * params.out_height + oy) * params.out_width + ox;
#ifdef VEC4
            if params.has_residual != 0u {
                value += vec4<f32>(residual[start / 4u]);
            }
            out[start / 4u] = real4(value);
#else
            let count = min(params.out_width - ox, 4u);
            for (var p = 0u; p < count; p++) {
                var pixel = value[p];
                if params.has_residual != 0u {
                    pixel += f32(residual[start + p]);
                }
                out[start + p] = real(pixel);
            }
#endif
        }
    }
}

// Average pooling of two by two pixels without padding, from rows of whole vec4s to rows of whole vec4s. One invocation
// computes four neighbouring pixels of an output row.
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
@group(0) @binding(1) var<storage, read> x: array<real4>;         // [N, C, H, 2 W']
@group(0) @binding(2) var<storage, read_write> out: array<real4>; // [N, C, H', W']

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
    let oy = out_row - plane * params.out_height;
    let upper = (plane * params.height + oy * 2u) * (params.width / 4u) + column * 2u;
    let lower = upper + params.width / 4u;
    let left = vec4<f32>(x[upper]) + vec4<f32>(x[lower]);
    let right = vec4<f32>(x[upper + 1u]) + vec4<f32>(x[lower + 1u]);
    out[item] = real4((vec4<f32>(left.xz, right.xz) + vec4<f32>(left.yw, right.yw)) / 4.0);
}

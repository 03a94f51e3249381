// The pixels that a 1x1 convolution reads, plane by plane, each filled up with zeros to a multiple of four:
// every pixel, or those that a stride leaves.
#import common/real
#import common/grid
#import common/vec4

struct Params {
    planes: u32, // samples * channels
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
    stride_y: u32,
    stride_x: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;               // [planes, H, W]
@group(0) @binding(2) var<storage, read_write> out: array<Packed4>;      // [planes, vec4s]

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let pixels = params.out_height * params.out_width;
    let vec4s = (pixels + 3u) / 4u;
    let index = linear_workgroup(thread) * 64u + thread.local_index;
    let plane = index / vec4s;
    if plane >= params.planes {
        return;
    }
    let pixel = vec4<u32>((index % vec4s) * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let last = min(pixel, vec4<u32>(pixels - 1u));
    let row = last / params.out_width * params.stride_y;
    let at = (row + plane * params.height) * params.width + last % params.out_width * params.stride_x;
    let value = vec4<f32>(x[at.x], x[at.y], x[at.z], x[at.w]);
    out[index] = pack4(select(vec4<f32>(), value, pixel == last));
}

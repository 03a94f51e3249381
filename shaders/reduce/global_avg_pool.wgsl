// Global average pooling. One invocation sums one plane, in four parts, so that the additions do not wait for each other and
// the rounding of a large plane stays small. With WORKGROUP a workgroup sums one plane: each invocation every 64th pixel.
#variant WORKGROUP?
#import common/real
#import common/grid

struct Params {
    planes: u32, // N*C
    pixels: u32, // H*W
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read_write> out: array<real>; // [N, C, 1, 1]

#ifdef WORKGROUP
#import reduce/sum

@compute @workgroup_size(64u)
fn main(thread: Invocation) {
    let plane = linear_workgroup(thread);
    let local_index = thread.local_index;
    if plane >= params.planes {
        return;
    }

    var sum = 0.0;
    for (var pixel = local_index; pixel < params.pixels; pixel += 64u) {
        sum += f32(x[plane * params.pixels + pixel]);
    }
    sum = sum_of(local_index, sum);
    if local_index == 0u {
        out[plane] = real(sum / f32(params.pixels));
    }
}
#else
@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let plane = linear_workgroup(thread) * 64u + thread.local_index;
    if plane >= params.planes {
        return;
    }
    let first = plane * params.pixels;
    let vec4s = params.pixels / 4u;

    var sums = vec4<f32>();
    for (var vec4_index = 0u; vec4_index < vec4s; vec4_index++) {
        let at = first + vec4_index * 4u;
        sums += vec4<f32>(real4(x[at], x[at + 1u], x[at + 2u], x[at + 3u]));
    }
    for (var pixel = vec4s * 4u; pixel < params.pixels; pixel++) {
        sums.x += f32(x[first + pixel]);
    }
    out[plane] = real((sums.x + sums.y + sums.z + sums.w) / f32(params.pixels));
}
#endif

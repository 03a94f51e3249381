// Global average pooling. One invocation sums one plane, in four parts, so that the additions do not wait for each other and
// the rounding of a large plane stays small. With WORKGROUP, where lanes are many, a workgroup sums one plane: each lane every
// 64th pixel, then a tree over the lanes.
#variant WORKGROUP?
#import common/grid

struct Params {
    planes: u32, // N*C
    pixels: u32, // H*W
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [N, C, 1, 1]

#ifdef WORKGROUP
const LANES: u32 = 64u;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // The folded grid may hold more workgroups than there are planes; they leave as a whole.
    let plane = linear_workgroup(id, count);
    if plane >= params.planes {
        return;
    }

    var sum = 0.0;
    for (var pixel = lane; pixel < params.pixels; pixel += LANES) {
        sum += x[plane * params.pixels + pixel];
    }
    partial[lane] = sum;

    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane < width {
            partial[lane] += partial[lane + width];
        }
    }
    if lane == 0u {
        out[plane] = partial[0] / f32(params.pixels);
    }
}
#else
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let plane = linear_workgroup(id, count) * 64u + lane;
    if plane >= params.planes {
        return;
    }
    let first = plane * params.pixels;
    let quads = params.pixels / 4u;

    var sums = vec4<f32>();
    for (var quad = 0u; quad < quads; quad++) {
        let at = first + quad * 4u;
        sums += vec4<f32>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]);
    }
    for (var pixel = quads * 4u; pixel < params.pixels; pixel++) {
        sums.x += x[first + pixel];
    }
    out[plane] = (sums.x + sums.y + sums.z + sums.w) / f32(params.pixels);
}
#endif

// The general global average pooling: one invocation sums one plane, in four parts, so that the additions
// do not wait for each other and the rounding of a large plane stays small.
#import common/grid
#import common/global_avg_pool

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

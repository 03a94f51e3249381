// The kernel of conv2d/pointwise_quads for planes of any number of pixels: x has been through conv2d/gather,
// which makes each plane a multiple of four; the output is written value by value.
#import common/grid
#import common/activation
#import common/subgroup_singles

@group(0) @binding(1) var<storage, read> x: array<Four>;      // [N, Ci, quads]

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(subgroup_invocation_id) voice: u32,
) {
    let terms = params.in_channels / params.groups;
    let plane = params.out_height * params.out_width;
    let quads = (plane + 3u) / 4u;
    let place = place_of(linear_workgroup(id, count), voice, quads);
    if is_past_end(place) {
        return;
    }
    var at = (place.sample * params.in_channels + place.group * terms) * quads + place.quad;
    var mine = weights_of(place, voice, terms);
    var sum0 = start(place, voice, 0u);
    var sum1 = start(place, voice, 8u);
    var sum2 = start(place, voice, 16u);
    var sum3 = start(place, voice, 24u);
    for (var k = 0u; k < terms / 2u; k++) {
        let x0 = four(x[at]);
        let x1 = four(x[at + quads]);
        let w0 = four(weight[mine]);
        let w1 = four(weight[mine + 8u]);
        at += 2u * quads;
        mine += 16u;
        accumulate2(&sum0, x0, x1, vec2<f32>(w0.x, w1.x));
        accumulate2(&sum1, x0, x1, vec2<f32>(w0.y, w1.y));
        accumulate2(&sum2, x0, x1, vec2<f32>(w0.z, w1.z));
        accumulate2(&sum3, x0, x1, vec2<f32>(w0.w, w1.w));
    }
    if place.valid {
        let pixel = place.quad * 4u;
        let pixels = min(plane - pixel, 4u);
        store(&sum0, &sum1, &sum2, &sum3, place, pixel, pixels);
    }
}

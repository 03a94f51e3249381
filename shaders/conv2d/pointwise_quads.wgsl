// 1x1 convolution where a plane of the output is a multiple of four pixels, on the tile of
// common/subgroup_tile.wgsl: per trip four loads of four values for 64 multiply-adds of four pixels. More
// terms in a trip would need fewer moves, but no longer fit the instruction cache. x has been through
// conv2d/gather where there is a stride. Input channels of a group are a multiple of two.
#import common/grid
#import common/activation
#import common/fetch_terms
#import common/subgroup_quads

@group(0) @binding(1) var<storage, read> x: array<Four>;      // [N, Ci, H', W']

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(subgroup_invocation_id) voice: u32,
) {
    let terms = params.in_channels / params.groups;
    let quads = params.out_height * params.out_width / 4u;
    let place = place_of(linear_workgroup(id, count), voice, quads);
    if is_past_end(place) {
        return;
    }
    var at = (place.sample * params.in_channels + place.group * terms) * quads + place.quad;
    // The tiles of further channels find them in the cache.
    if place.first == 0u && quads >= FAR {
        let sum = fetched(at, voice, quads, terms);
        // Never so, but not known when the kernel is compiled: nobody may leave out what was fetched.
        if params.batch == 0u {
            out[0] = words(vec4<f32>(sum));
        }
    }
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
        store(&sum0, &sum1, &sum2, &sum3, place, quads);
    }
}

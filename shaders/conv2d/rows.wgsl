// Convolution with a small window that keeps the width, or halves it, on the tile of
// common/subgroup_tile.wgsl. Neighbouring lanes hold neighbouring pixels of a row: each reads its own four
// (eight, where the window moves by two), and hears from its neighbours what the window needs beside them.
// A kernel row of three taps costs one load instead of three times four.
#import common/grid
#import common/activation
#import common/subgroup_quads
#import common/neighbours_quads

@group(0) @binding(1) var<storage, read> x: array<Four>;      // [N, Ci, H, W]

const K: u32 = 5u; // taps of a kernel row, odd
const S: u32 = 1u; // stride along the row, 1 or 2

// Adds two neighbouring taps to the whole tile; the lane's weights of the first are at `mine`.
fn add2(
    sum0: ptr<function, array<vec4<f32>, 8>>,
    sum1: ptr<function, array<vec4<f32>, 8>>,
    sum2: ptr<function, array<vec4<f32>, 8>>,
    sum3: ptr<function, array<vec4<f32>, 8>>,
    x: mat2x4<f32>,
    mine: u32,
) {
    let w0 = four(weight[mine]);
    let w1 = four(weight[mine + 8u]);
    accumulate2(sum0, x[0], x[1], vec2<f32>(w0.x, w1.x));
    accumulate2(sum1, x[0], x[1], vec2<f32>(w0.y, w1.y));
    accumulate2(sum2, x[0], x[1], vec2<f32>(w0.z, w1.z));
    accumulate2(sum3, x[0], x[1], vec2<f32>(w0.w, w1.w));
}

// Adds three neighbouring taps to the whole tile; the lane's weights of the first are at `mine`.
fn add3(
    sum0: ptr<function, array<vec4<f32>, 8>>,
    sum1: ptr<function, array<vec4<f32>, 8>>,
    sum2: ptr<function, array<vec4<f32>, 8>>,
    sum3: ptr<function, array<vec4<f32>, 8>>,
    x: mat3x4<f32>,
    mine: u32,
) {
    let w0 = four(weight[mine]);
    let w1 = four(weight[mine + 8u]);
    let w2 = four(weight[mine + 16u]);
    accumulate3(sum0, x, vec3<f32>(w0.x, w1.x, w2.x));
    accumulate3(sum1, x, vec3<f32>(w0.y, w1.y, w2.y));
    accumulate3(sum2, x, vec3<f32>(w0.z, w1.z, w2.z));
    accumulate3(sum3, x, vec3<f32>(w0.w, w1.w, w2.w));
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(subgroup_invocation_id) voice: u32,
) {
    let group_in = params.in_channels / params.groups;
    let terms = group_in * params.window.kernel_height * K;
    let columns = params.out_width / 4u;
    let quads = params.out_height * columns;
    let place = place_of(linear_workgroup(id, count), voice, quads);
    if is_past_end(place) {
        return;
    }
    let oy = place.quad / columns;
    let column = place.quad % columns;
    let iy0 = oy * params.window.stride_y - params.window.padding_top;
    var plane = (place.sample * params.in_channels + place.group * group_in) * params.height;
    var mine = weights_of(place, voice, terms);
    var sum0 = start(place, voice, 0u);
    var sum1 = start(place, voice, 8u);
    var sum2 = start(place, voice, 16u);
    var sum3 = start(place, voice, 24u);
    for (var c = 0u; c < group_in; c++) {
        for (var ky = 0u; ky < params.window.kernel_height; ky++) {
            let iy = iy0 + ky * params.window.dilation_y;
            let row = row_of(row_first(plane + iy), iy < params.height, column, columns, voice, S);
            // The conditions on K are decided when the kernel is compiled. As many taps as fit are added at
            // once: each time, all sums are moved.
            let first = 3u - K / 2u;
            let taps = mat3x4<f32>(under(row, first, S), under(row, first + 1u, S), under(row, first + 2u, S));
            add3(&sum0, &sum1, &sum2, &sum3, taps, mine);
            if K > 4u {
                let more = mat2x4<f32>(under(row, first + 3u, S), under(row, first + 4u, S));
                add2(&sum0, &sum1, &sum2, &sum3, more, mine + 24u);
            }
            if K > 6u {
                let more = mat2x4<f32>(under(row, first + 5u, S), under(row, first + 6u, S));
                add2(&sum0, &sum1, &sum2, &sum3, more, mine + 40u);
            }
            mine += K * 8u;
        }
        plane += params.height;
    }
    if place.valid {
        store(&sum0, &sum1, &sum2, &sum3, place, quads);
    }
}

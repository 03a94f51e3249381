// Convolution with any window on the tile of common/subgroup_tile.wgsl: a matrix product over the terms
// (input channel, ky, kx), of which the columns are read from the image as they are needed. Terms
// are a multiple of two.
#import common/grid
#import common/activation
#import common/subgroup_singles

@group(0) @binding(1) var<storage, read> x: array<f32>; // [N, Ci, H, W]

// The next term and where it lies.
struct Term {
    ky: u32,
    kx: u32,
    plane: u32, // first element of the input channel
}

// The input at a place that may lie in the padding; places left of or above the input have wrapped
// around 0. The load is unconditional: a branch costs more than a read in vain.
fn padded(plane: u32, iy: u32, ix: u32) -> f32 {
    let inside = iy < params.height && ix < params.width;
    return select(0.0, x[select(0u, plane + iy * params.width + ix, inside)], inside);
}

// The input under a term at four neighbouring pixels, and on to the next term.
fn next(term: ptr<function, Term>, iy0: u32, ix0: u32) -> vec4<f32> {
    let iy = iy0 + (*term).ky * params.window.dilation_y;
    let ix = ix0 + (*term).kx * params.window.dilation_x;
    let s = params.window.stride_x;
    let value = vec4<f32>(
        padded((*term).plane, iy, ix),
        padded((*term).plane, iy, ix + s),
        padded((*term).plane, iy, ix + 2u * s),
        padded((*term).plane, iy, ix + 3u * s),
    );
    (*term).kx += 1u;
    if (*term).kx == params.window.kernel_width {
        (*term).kx = 0u;
        (*term).ky += 1u;
        if (*term).ky == params.window.kernel_height {
            (*term).ky = 0u;
            (*term).plane += params.height * params.width;
        }
    }
    return value;
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(subgroup_invocation_id) voice: u32,
) {
    let group_in = params.in_channels / params.groups;
    let terms = group_in * params.window.kernel_height * params.window.kernel_width;
    let columns = (params.out_width + 3u) / 4u;
    let place = place_of(linear_workgroup(id, count), voice, params.out_height * columns);
    if is_past_end(place) {
        return;
    }
    let oy = place.quad / columns;
    let ox = (place.quad % columns) * 4u;
    let iy0 = oy * params.window.stride_y - params.window.padding_top;
    let ix0 = ox * params.window.stride_x - params.window.padding_left;
    var term = Term(0u, 0u, (place.sample * params.in_channels + place.group * group_in) * params.height * params.width);
    var mine = weights_of(place, voice, terms);
    var sum0 = start(place, voice, 0u);
    var sum1 = start(place, voice, 8u);
    var sum2 = start(place, voice, 16u);
    var sum3 = start(place, voice, 24u);
    for (var k = 0u; k < terms / 2u; k++) {
        let x0 = next(&term, iy0, ix0);
        let x1 = next(&term, iy0, ix0);
        let w0 = four(weight[mine]);
        let w1 = four(weight[mine + 8u]);
        mine += 16u;
        accumulate2(&sum0, x0, x1, vec2<f32>(w0.x, w1.x));
        accumulate2(&sum1, x0, x1, vec2<f32>(w0.y, w1.y));
        accumulate2(&sum2, x0, x1, vec2<f32>(w0.z, w1.z));
        accumulate2(&sum3, x0, x1, vec2<f32>(w0.w, w1.w));
    }
    if place.valid {
        let pixel = oy * params.out_width + ox;
        let left = min(params.out_width - ox, 4u);
        store(&sum0, &sum1, &sum2, &sum3, place, pixel, left);
    }
}

// Convolution with any window on the tile of common/subgroup_tile.wgsl: a matrix product over the terms
// (input channel, ky, kx), of which the columns are read from the image as they are needed. Terms are a
// multiple of four.
#import grid
#import activation
#import subgroup_tile

// The next term and where it lies.
struct Term {
    ky: u32,
    kx: u32,
    plane: u32, // first element of the input channel
}

// The input under a term at four neighbouring pixels, and on to the next term.
fn next(term: ptr<function, Term>, iy0: u32, ix0: u32) -> vec4<f32> {
    let value = padded4((*term).plane, iy0 + (*term).ky * params.window.dilation_y, ix0 + (*term).kx * params.window.dilation_x);
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
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) voice: u32,
) {
    let group_in = params.in_channels / params.groups;
    let terms = group_in * params.window.kernel_height * params.window.kernel_width;
    let blocks = (params.out_channels / params.groups + CHANNELS - 1u) / CHANNELS;
    let columns = (params.out_width + 3u) / 4u;
    let quads = params.out_height * columns;
    let octets = (quads + 7u) / 8u; // eight lanes, four pixels each

    // item = ((sample * groups + group) * blocks + block) * octets + octet
    var item = linear_workgroup(id, count);
    let quad = (item % octets) * 8u + lane; // oy * columns + column
    item /= octets;
    let first = (item % blocks) * CHANNELS; // channel within the group
    item /= blocks;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }

    // Beyond the last pixel nothing is stored.
    let oy = quad / columns;
    let ox = (quad % columns) * 4u;
    let iy0 = oy * params.window.stride_y - params.window.padding_top;
    let ix0 = ox * params.window.stride_x - params.window.padding_left;
    let row = rows(sample, group, first, voice, terms);
    var term = Term(0u, 0u, (sample * params.in_channels + group * group_in) * params.height * params.width);

    var sum0: array<vec4<f32>, 8>;
    var sum1: array<vec4<f32>, 8>;
    var sum2: array<vec4<f32>, 8>;
    var sum3: array<vec4<f32>, 8>;
    for (var k = 0u; k < terms / 4u; k++) {
        let x0 = next(&term, iy0, ix0);
        let x1 = next(&term, iy0, ix0);
        let x2 = next(&term, iy0, ix0);
        let x3 = next(&term, iy0, ix0);
        let x4 = mat4x4<f32>(x0, x1, x2, x3);
        accumulate(&sum0, x4, weight[row.x + k]);
        accumulate(&sum1, x4, weight[row.y + k]);
        accumulate(&sum2, x4, weight[row.z + k]);
        accumulate(&sum3, x4, weight[row.w + k]);
    }

    if quad < quads {
        let pixel = oy * params.out_width + ox;
        let pixels = min(params.out_width - ox, 4u);
        finish8(&sum0, sample, group, first, pixel, pixels);
        finish8(&sum1, sample, group, first + 8u, pixel, pixels);
        finish8(&sum2, sample, group, first + 16u, pixel, pixels);
        finish8(&sum3, sample, group, first + 24u, pixel, pixels);
    }
}

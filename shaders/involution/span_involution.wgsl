// Involution with the 1x1 convolution that makes its kernel: an invocation makes the taps of its pixel one after the
// other, each for the channels of a tile, and no kernel is ever stored.
#variant C=16,4
#import common/real
#import common/grid
#import common/activation
#import involution/params

const C: u32 = 16u; // channels

@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read> reduced: array<real>;   // [N, Cr, H', W']
@group(0) @binding(3) var<storage, read_write> out: array<real>; // [N, C, H', W']
@group(0) @binding(6) var<storage, read> weight: array<real>;    // [G*Kh*Kw, Cr]
@group(0) @binding(7) var<storage, read> bias: array<real>;      // [G*Kh*Kw]

// The value of a tap, counted over all groups, at the pixel whose first reduced channel is at `first`.
fn made(tap: u32, first: u32, plane: u32) -> f32 {
    var sum = 0.0;
    if params.has_bias != 0u {
        sum = f32(bias[tap]);
    }
    for (var k = 0u; k < params.reduced_channels; k++) {
        sum += f32(weight[tap * params.reduced_channels + k]) * f32(reduced[first + k * plane]);
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let plane = params.out_height * params.out_width;
    let group_channels = params.channels / params.groups;
    let blocks = (group_channels + C - 1u) / C;

    // item = ((sample * groups + group) * blocks + block) * plane + pixel
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let pixel = item % plane;
    item /= plane;
    let first = (item % blocks) * C;
    item /= blocks;
    let group = item % params.groups;
    let sample = item / params.groups;
    if sample >= params.batch {
        return;
    }
    let oy = pixel / params.out_width;
    let ox = pixel % params.out_width;
    let base = sample * params.channels + group * params.group_stride;
    let own = sample * params.reduced_channels * plane + pixel;
    let window = params.window;
    var sums: array<f32, C>;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        // Places above or left of the image have wrapped around 0.
        let iy = oy * window.stride_y + ky * window.dilation_y - window.padding_top;
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            let ix = ox * window.stride_x + kx * window.dilation_x - window.padding_left;
            let tap = (group * window.kernel_height + ky) * window.kernel_width + kx;
            let weight_of_tap = made(tap, own, plane);
            let inside = iy < params.height && ix < params.width;
            for (var c = 0u; c < C; c++) {
                // A tile that overhangs the group repeats its last channel and drops the result.
                let channel = base + min(first + c, group_channels - 1u) * params.channel_stride;
                let at = (channel * params.height + iy) * params.width + ix;
                sums[c] += weight_of_tap * select(0.0, f32(x[select(0u, at, inside)]), inside);
            }
        }
    }
    for (var c = 0u; c < C; c++) {
        if first + c < group_channels {
            let channel = base + (first + c) * params.channel_stride;
            let sum = affine4(vec4<f32>(sums[c]), channel - sample * params.channels).x;
            out[channel * plane + pixel] = real(activate(sum, params.activation));
        }
    }
}

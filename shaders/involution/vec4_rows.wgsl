// Involution with a window that moves by one column, over rows of whole vec4s of x and of the output. One invocation computes
// eight channels of one group at four neighbouring pixels, and reads a row of the kernel once for all of them: for K = 7,
// seven vec4s of the kernel and three of x for each channel, for 28 multiply-adds of vec4s a channel.
#variant K=7,5,3
#variant K=7,5,3 BORDER=1,2
#import common/real
#import common/grid
#import common/activation
#import common/row
#import involution/params

@group(0) @binding(1) var<storage, read> x: array<real4>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read> kernel: array<real4>;    // [N, G*Kh*K, H', W]
@group(0) @binding(3) var<storage, read_write> out: array<real4>; // [N, C, H', W]

const K: u32 = 7u; // taps of a kernel row, odd; the padding is half of it
const C: u32 = 8u; // channels of a tile
const BORDER: u32 = 0u; // by the codes of `Border` in src/ops/involution.rs: zero, reflect, replicate

#import common/border

#import involution/tile
#import involution/beneath

// What rows of taps outside of the image add to the sum of any channel: their weights times zero, which is not zero where
// they are NaN or infinite. The compiler does not know that the window moves by one column.
fn outside_of(first: u32, iy0: u32, step: u32) -> vec4<f32> {
    if BORDER != 0u {
        return vec4<f32>();
    }
    let zero = f32(params.window.stride_x - 1u);
    let last = iy0 + (params.window.kernel_height - 1u) * params.window.dilation_y;
    var sum = vec4<f32>();
    if iy0 >= params.height || last >= params.height {
        for (var ky = 0u; ky < params.window.kernel_height; ky++) {
            if iy0 + ky * params.window.dilation_y >= params.height {
                for (var kx = 0u; kx < K; kx++) {
                    sum += zero * vec4<f32>(kernel[first + (ky * K + kx) * step]);
                }
            }
        }
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let columns = params.width / 4u;
    let plane = params.height * columns;
    let out_plane = params.out_height * columns;
    let tile = tile_of(linear_workgroup(thread) * 64u + thread.local_index, out_plane);
    if tile.matrix >= params.batch * params.groups {
        return;
    }
    let oy = tile.place / columns;
    let column = tile.place - oy * columns;
    let x_first = tile.channel * plane + column;
    let kernel_first = tile.matrix * params.window.kernel_height * K * out_plane + tile.place;
    // Rows above the image have wrapped around 0, where they are not read from elsewhere.
    let iy0 = oy * params.window.stride_y - params.window.padding_top;

    var channels: array<u32, C>;
    for (var c = 0u; c < C; c++) {
        channels[c] = channels_to(c) * plane;
    }
    var sums: array<vec4<f32>, C>;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        let iy = source_of(vec4<i32>(i32(iy0 + ky * params.window.dilation_y)), params.height).x;
        if BORDER != 0u || iy < params.height {
            let row_of_taps = kernel_first + ky * K * out_plane;
            var taps: array<vec4<f32>, K>;
            for (var kx = 0u; kx < K; kx++) {
                taps[kx] = vec4<f32>(kernel[row_of_taps + kx * out_plane]);
            }
            let place = place_of(x_first + iy * columns, column, columns);
            for (var c = 0u; c < C; c++) {
                sums[c] = along(sums[c], taps, channels[c], place);
            }
        }
    }
    let outside = outside_of(kernel_first, iy0, out_plane);
    for (var c = 0u; c < C; c++) {
        if stores(tile, c) {
            let sum = affine4(sums[c] + outside, tile.channel % params.channels + channels_to(c));
            let at = (tile.channel + channels_to(c)) * out_plane + tile.place;
            out[at] = real4(activate4(sum, params.activation));
        }
    }
}

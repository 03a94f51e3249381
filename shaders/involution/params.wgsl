// The parameters of the involution kernels, and what follows the sum.
// requires: real
#import common/window

struct Params {
    window: Window,
    batch: u32,
    channels: u32,
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
    groups: u32,
    group_stride: u32,   // channels from one group to the next
    channel_stride: u32, // and from one of its channels to the next
    upsample: u32,       // output pixels for a position of the window, along each axis
    kernel_layout: u32,  // by the codes of `KernelLayout` in src/ops/involution.rs
    has_affine: u32,
    activation: u32,
    reduced_channels: u32, // of which the kernel is made; 0 where it is a tensor
    has_bias: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> scale: array<real>; // [C]
@group(0) @binding(5) var<storage, read> shift: array<real>; // [C]

// The sums of four pixels, scaled and shifted by their channel.
fn affine4(sum: vec4<f32>, channel: u32) -> vec4<f32> {
    if params.has_affine == 0u {
        return sum;
    }
    return sum * f32(scale[channel]) + f32(shift[channel]);
}

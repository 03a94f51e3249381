// The parameters of the convolution kernels.
#import common/window

struct Params {
    window: Window,
    batch: u32,
    in_channels: u32,
    height: u32,
    width: u32,
    out_channels: u32,
    out_height: u32,
    out_width: u32,
    groups: u32,
    first_in: u32,             // channels of a group that the general kernel sums: all, but where a long sum
    last_in: u32,              // is split over dispatches
    weight_sample_stride: u32, // 0 where all samples share one weight
    bias_sample_stride: u32,
    has_bias: u32,
    has_residual: u32,
    activation: u32,
    held_channels: u32, // output channels of an invocation of common/held_tile.wgsl
}

@group(0) @binding(0) var<uniform> params: Params;

// The parameters of the involution kernels.
#import window

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
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

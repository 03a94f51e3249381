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
    weight_sample_stride: u32, // 0 where all samples share one weight
    bias_sample_stride: u32,
    has_bias: u32,
    has_residual: u32,
    activation: u32,
#ifdef PARTIAL
    first_in: u32, // input channels of a group that are summed: all, but where a long sum is split over dispatches
    last_in: u32,
#endif
#ifdef GEMM
    steps: u32, // of the reduction over the input channels of a tap
#endif
#ifdef DEPTHWISE
    run: u32, // planes of the output that an invocation computes
#endif
#ifdef INPUT_STATIONARY
    block_channels: u32, // output channels of an invocation
#endif
}

@group(0) @binding(0) var<uniform> params: Params;

// The parameters of the convolution kernels.
#import common/window

struct Params {
    window: Window,
    batch: u32,
    in_channels: u32,
#ifdef DEPTH
    depth: u32,
    out_depth: u32,
#endif
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

// Pixels of a channel of the input and of the output, rows of taps of the window, and rows of the output.
#ifdef DEPTH
fn in_plane() -> u32 {
    return params.depth * params.height * params.width;
}

fn out_plane() -> u32 {
    return params.out_depth * params.out_height * params.out_width;
}

fn tap_rows() -> u32 {
    return params.window.kernel_depth * params.window.kernel_height;
}

fn out_rows() -> u32 {
    return params.out_depth * params.out_height;
}
#else
fn in_plane() -> u32 {
    return params.height * params.width;
}

fn out_plane() -> u32 {
    return params.out_height * params.out_width;
}

fn tap_rows() -> u32 {
    return params.window.kernel_height;
}

fn out_rows() -> u32 {
    return params.out_height;
}
#endif

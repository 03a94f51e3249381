// A sliding window, as `Params::window` in src/kernels/call.rs fills it in. Pairs are rows, columns.

struct Window {
    kernel_height: u32,
    kernel_width: u32,
    stride_y: u32,
    stride_x: u32,
    padding_top: u32,
    padding_left: u32,
    dilation_y: u32,
    dilation_x: u32,
}

// A sliding window, as `Params::window` in src/kernels/call.rs fills it in. With DEPTH it is one of volumes.

struct Window {
#ifdef DEPTH
    kernel_depth: u32,
    stride_z: u32,
    padding_front: u32,
    dilation_z: u32,
#endif
    kernel_height: u32,
    kernel_width: u32,
    stride_y: u32,
    stride_x: u32,
    padding_top: u32,
    padding_left: u32,
    dilation_y: u32,
    dilation_x: u32,
}

// What kernels share that slide a window over planes, each by itself: parameters and the input.
// requires: real
#import common/window

struct Params {
    window: Window,
    planes: u32, // N*C
#ifdef DEPTH
    depth: u32,
    out_depth: u32,
#endif
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>; // [N, C, H, W], or with DEPTH [N, C, D, H, W]

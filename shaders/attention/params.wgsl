// The parameters of the products of queries and keys.
#import common/window

struct Params {
    window: Window,
    batch: u32,
    heads: u32,
    head_channels: u32,
    height: u32,
    width: u32,
    has_bias: u32,
    mask: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;

// What stands for keys that are left out: `MASKED` of src/ops/qk.rs.
const MASKED: f32 = -65504.0;

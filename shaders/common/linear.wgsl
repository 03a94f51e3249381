// What the linear kernels share: parameters and tensors.

struct Params {
    rows: u32,
    in_features: u32,
    out_features: u32,
    has_bias: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [rows, I]
@group(0) @binding(2) var<storage, read> weight: array<f32>;    // [O, I]
@group(0) @binding(3) var<storage, read> bias: array<f32>;      // [O]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [rows, O]

// What the kernels of global average pooling share: parameters and tensors.

struct Params {
    planes: u32, // N*C
    pixels: u32, // H*W
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [N, C, 1, 1]

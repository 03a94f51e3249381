// What the softmax kernels share: parameters and tensors.

struct Params {
    rows: u32, // outer * inner
    length: u32,
    inner: u32,
    temperature: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [outer, length, inner]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [outer, length, inner]

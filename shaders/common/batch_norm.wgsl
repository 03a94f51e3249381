// What the kernels of batch normalisation share: parameters, and what is done to each value of a channel.

struct Params {
    planes: u32, // N*C
    channels: u32,
    values: u32, // of one channel of one sample
    has_affine: u32,
    activation: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> running_mean: array<f32>; // [C]
@group(0) @binding(3) var<storage, read> running_var: array<f32>;  // [C]
@group(0) @binding(4) var<storage, read> weight: array<f32>;       // [C]
@group(0) @binding(5) var<storage, read> bias: array<f32>;         // [C]

// (value - mean) * scale + shift.
struct Line {
    mean: f32,
    scale: f32,
    shift: f32,
}

// The mean is taken away first: folded into the shift it would cancel against a large value.
fn line_of(channel: u32) -> Line {
    var by = Line(running_mean[channel], 1.0 / sqrt(running_var[channel] + params.eps), 0.0);
    if params.has_affine != 0u {
        by.scale *= weight[channel];
        by.shift = bias[channel];
    }
    return by;
}

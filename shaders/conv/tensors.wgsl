// What the convolution kernels share that read single values: tensors, and reading the input with its padding.
// requires: activate, real
#import conv/params

@group(0) @binding(1) var<storage, read> x: array<real>; // [N, Ci, H, W]
// @binding(2) is the weight, [Co, Ci/g, Kh, Kw] or [N, Co, Ci/g, Kh, Kw], which kernels read in their own ways
@group(0) @binding(3) var<storage, read> bias: array<real>;      // [Co] or [N, Co]
@group(0) @binding(4) var<storage, read_write> out: array<real>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<real>;  // the shape of out

// The input at a place that may lie in the padding; places left of or above the input have wrapped
// around 0. The load is unconditional: a branch costs more than a read in vain.
fn padded(plane: u32, iy: u32, ix: u32) -> f32 {
    let inside = iy < params.height && ix < params.width;
    return select(0.0, f32(x[select(0u, plane + iy * params.width + ix, inside)]), inside);
}

// The input under one tap at four neighbouring output pixels.
fn padded4(plane: u32, iy: u32, ix: u32) -> vec4<f32> {
    let s = params.window.stride_x;
    return vec4<f32>(
        padded(plane, iy, ix),
        padded(plane, iy, ix + s),
        padded(plane, iy, ix + 2u * s),
        padded(plane, iy, ix + 3u * s),
    );
}

// Bias, residual, activation, and the store of up to four neighbouring output pixels.
fn finish(value: vec4<f32>, sample: u32, channel: u32, pixel: u32, pixels: u32) {
    let first = (sample * params.out_channels + channel) * out_plane() + pixel;
    var shift = 0.0;
    if params.has_bias != 0u {
        shift = f32(bias[sample * params.bias_sample_stride + channel]);
    }
    for (var p = 0u; p < 4u; p++) {
        if p < pixels {
            var sum = value[p] + shift;
            if params.has_residual != 0u {
                sum += f32(residual[first + p]);
            }
            out[first + p] = real(activate(sum, params.activation));
        }
    }
}

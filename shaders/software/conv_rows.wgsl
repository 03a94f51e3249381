// Rows of a convolution's input and output: with ALIGNED whole vec4s, else of any width, read and written value by value.
#import common/activation
#import conv/params
#import software/neighbours

#ifdef ALIGNED
@group(0) @binding(1) var<storage, read> x: array<Packed4>;              // [N, Ci, H, W]
@group(0) @binding(4) var<storage, read_write> out: array<Packed4>;      // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<Packed4>;       // the shape of out

// Residual, activation and store.
fn finish4(value: vec4<f32>, row: u32, column: u32) {
    let at = row * (params.out_width / 4u) + column;
    var sum = value;
    if params.has_residual != 0u {
        sum += unpack4(residual[at]);
    }
    out[at] = pack4(clip4(sum, params.activation));
}
#else
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [N, Ci, H, W]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<f32>;  // the shape of out

// Residual, activation and store, as far as the row goes.
fn finish4(value: vec4<f32>, row: u32, column: u32) {
    let ox = column * 4u;
    let first = row * params.out_width + ox;
    var sum = value;
    if params.has_residual != 0u {
        let places = min(vec4<u32>(ox) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.out_width - 1u));
        let at = places + row * params.out_width;
        sum += vec4<f32>(residual[at.x], residual[at.y], residual[at.z], residual[at.w]);
    }
    sum = clip4(sum, params.activation);
    for (var p = 0u; p < 4u; p++) {
        if ox + p < params.out_width {
            out[first + p] = sum[p];
        }
    }
}
#endif

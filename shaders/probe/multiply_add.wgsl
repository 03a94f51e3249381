// Multiplies and adds as fast as the adapter can: twelve chains that do not wait for each other, in registers.
#import common/grid

struct Params {
    invocations: u32,
    rounds: u32, // of 48 multiply-adds
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // the factor and the summand
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [invocations]

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let index = linear_workgroup(thread) * 64u + thread.local_index;
    if index >= params.invocations {
        return;
    }
    let factor = x[0];
    let plus = x[1];
    var a = f32(index) + 0.0; var b = f32(index) + 1.0; var c = f32(index) + 2.0; var d = f32(index) + 3.0;
    var e = f32(index) + 4.0; var f = f32(index) + 5.0; var g = f32(index) + 6.0; var h = f32(index) + 7.0;
    var i = f32(index) + 8.0; var j = f32(index) + 9.0; var k = f32(index) + 10.0; var l = f32(index) + 11.0;
    for (var round = 0u; round < params.rounds; round++) {
        a = a * factor + plus; b = b * factor + plus; c = c * factor + plus; d = d * factor + plus;
        e = e * factor + plus; f = f * factor + plus; g = g * factor + plus; h = h * factor + plus;
        i = i * factor + plus; j = j * factor + plus; k = k * factor + plus; l = l * factor + plus;
        a = a * factor + plus; b = b * factor + plus; c = c * factor + plus; d = d * factor + plus;
        e = e * factor + plus; f = f * factor + plus; g = g * factor + plus; h = h * factor + plus;
        i = i * factor + plus; j = j * factor + plus; k = k * factor + plus; l = l * factor + plus;
        a = a * factor + plus; b = b * factor + plus; c = c * factor + plus; d = d * factor + plus;
        e = e * factor + plus; f = f * factor + plus; g = g * factor + plus; h = h * factor + plus;
        i = i * factor + plus; j = j * factor + plus; k = k * factor + plus; l = l * factor + plus;
        a = a * factor + plus; b = b * factor + plus; c = c * factor + plus; d = d * factor + plus;
        e = e * factor + plus; f = f * factor + plus; g = g * factor + plus; h = h * factor + plus;
        i = i * factor + plus; j = j * factor + plus; k = k * factor + plus; l = l * factor + plus;
    }
    out[index] = a + b + c + d + e + f + g + h + i + j + k + l;
}

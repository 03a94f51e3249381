// Mixes a bank of kernels into a kernel per sample: out[n, m] = sum_k attention[n, k] * bank[k, m]; the
// convolution kernels of conv2d do the rest. Each invocation handles four values of S samples, which
// share what is read from the bank: 4 + S loads for 4 S multiply-adds.
#variant S=4,1
#import common/real
#import common/grid

const S: u32 = 4u; // samples

struct Params {
    batch: u32,
    kernels: u32,
    elements: u32, // of one kernel
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> attention: array<real>; // [N, K]
@group(0) @binding(2) var<storage, read> bank: array<real>;      // [K, elements]
@group(0) @binding(3) var<storage, read_write> out: array<real>; // [N, elements]

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    // item = block of samples * runs + run of 256 neighbouring values
    let runs = (params.elements + 255u) / 256u;
    let item = linear_workgroup(thread);
    let first = (item / runs) * S;
    if first >= params.batch {
        return;
    }

    // Beyond the last value and sample the last one is read again and its result dropped.
    let place = vec4<u32>((item % runs) * 256u + thread.local_index) + vec4<u32>(0u, 64u, 128u, 192u);
    let last = min(place, vec4<u32>(params.elements - 1u));

    var sum: array<vec4<f32>, S>;
    for (var k = 0u; k < params.kernels; k++) {
        let at = last + k * params.elements;
        let value = vec4<f32>(real4(bank[at.x], bank[at.y], bank[at.z], bank[at.w]));
        for (var s = 0u; s < S; s++) {
            sum[s] += f32(attention[min(first + s, params.batch - 1u) * params.kernels + k]) * value;
        }
    }

    for (var s = 0u; s < S; s++) {
        if first + s < params.batch {
            for (var i = 0u; i < 4u; i++) {
                if place[i] < params.elements {
                    out[(first + s) * params.elements + place[i]] = real(sum[s][i]);
                }
            }
        }
    }
}

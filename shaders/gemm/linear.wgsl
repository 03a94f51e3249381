// A linear layer. One invocation computes T output features of four rows: 4 + T loads for 4 T multiply-adds. With WORKGROUP,
// for few rows, a workgroup does, and its 64 lanes read the weights of a feature side by side and add up in a tree of two
// levels of 8: work for many more invocations.
#variant T=8,2
#variant T=4 WORKGROUP
#import common/real
#import common/grid
#import common/activation

struct Params {
    rows: u32,
    in_features: u32,
    out_features: u32,
    has_bias: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [rows, I]
@group(0) @binding(2) var<storage, read> weight: array<real>;    // [O, I]
@group(0) @binding(3) var<storage, read> bias: array<real>;      // [O]
@group(0) @binding(4) var<storage, read_write> out: array<real>; // [rows, O]

const T: u32 = 8u; // output features; with WORKGROUP up to 16: each result has an invocation to finish it

#ifdef WORKGROUP
var<workgroup> sums: array<array<vec4<f32>, T>, 64>; // by local index: T features of four rows each
#endif

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    // item = block of rows * blocks + block of output features
    let blocks = (params.out_features + T - 1u) / T;
#ifdef WORKGROUP
    let local_index = thread.local_index;
    let item = linear_workgroup(thread);
#else
    let item = linear_workgroup(thread) * 64u + thread.local_index;
#endif
    let first = (item % blocks) * T;
    let row = (item / blocks) * 4u;
    if row >= params.rows {
        return;
    }

    // Beyond the last row and feature the last one is read again and its result dropped.
    let rows = vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u);
    let x_first = min(rows, vec4<u32>(params.rows - 1u)) * params.in_features;

    var sum: array<vec4<f32>, T>;
#ifdef WORKGROUP
    for (var i = local_index; i < params.in_features; i += 64u) {
#else
    for (var i = 0u; i < params.in_features; i++) {
#endif
        let at = x_first + i;
        let value = vec4<f32>(real4(x[at.x], x[at.y], x[at.z], x[at.w]));
        for (var t = 0u; t < T; t++) {
            sum[t] += f32(weight[min(first + t, params.out_features - 1u) * params.in_features + i]) * value;
        }
    }
#ifdef WORKGROUP
    sums[local_index] = sum;
    workgroupBarrier();
    if local_index < 8u {
        for (var i = 1u; i < 8u; i++) {
            for (var t = 0u; t < T; t++) {
                sum[t] += sums[local_index + 8u * i][t];
            }
        }
        sums[local_index] = sum;
    }
    workgroupBarrier();

    // One invocation finishes each result.
    let feature = first + local_index / 4u;
    let own_row = row + local_index % 4u;
    if local_index < 4u * T && feature < params.out_features && own_row < params.rows {
        var value = 0.0;
        for (var i = 0u; i < 8u; i++) {
            value += sums[i][local_index / 4u][local_index % 4u];
        }
        if params.has_bias != 0u {
            value += f32(bias[feature]);
        }
        out[own_row * params.out_features + feature] = real(activate(value, params.activation));
    }
#else
    for (var t = 0u; t < T; t++) {
        let feature = first + t;
        if feature < params.out_features {
            var shift = 0.0;
            if params.has_bias != 0u {
                shift = f32(bias[feature]);
            }
            for (var r = 0u; r < 4u; r++) {
                if rows[r] < params.rows {
                    out[rows[r] * params.out_features + feature] = real(activate(sum[t][r] + shift, params.activation));
                }
            }
        }
    }
#endif
}

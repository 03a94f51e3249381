// The general linear layer. One invocation computes T output features of four rows: 4 + T loads for
// 4 T multiply-adds.
#import common/grid
#import common/activation
#import common/linear

const T: u32 = 8u; // output features

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // item = block of rows * blocks + block of output features
    let blocks = (params.out_features + T - 1u) / T;
    let item = linear_workgroup(id, count) * 64u + lane;
    let first = (item % blocks) * T;
    let row = (item / blocks) * 4u;
    if row >= params.rows {
        return;
    }

    // Beyond the last row and feature the last one is read again and its result dropped.
    let rows = vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u);
    let x_first = min(rows, vec4<u32>(params.rows - 1u)) * params.in_features;

    var sum: array<vec4<f32>, T>;
    for (var i = 0u; i < params.in_features; i++) {
        let at = x_first + i;
        let value = vec4<f32>(x[at.x], x[at.y], x[at.z], x[at.w]);
        for (var t = 0u; t < T; t++) {
            sum[t] += weight[min(first + t, params.out_features - 1u) * params.in_features + i] * value;
        }
    }

    for (var t = 0u; t < T; t++) {
        let feature = first + t;
        if feature < params.out_features {
            var shift = 0.0;
            if params.has_bias != 0u {
                shift = bias[feature];
            }
            for (var r = 0u; r < 4u; r++) {
                if rows[r] < params.rows {
                    out[rows[r] * params.out_features + feature] = activate(sum[t][r] + shift, params.activation);
                }
            }
        }
    }
}

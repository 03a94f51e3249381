// A linear layer with few rows: a workgroup computes one output feature of four rows, and its 64 lanes
// read the feature's weights side by side and add up in a tree of two levels of 8. Where rows are few,
// this makes work for many more invocations than `linear` does.
#import grid
#import activation
#import linear

var<workgroup> sums: array<vec4<f32>, 64>; // by lane, four rows each

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // item = block of rows * out_features + output feature
    let item = linear_workgroup(id, count);
    let feature = item % params.out_features;
    let row = (item / params.out_features) * 4u;
    if row >= params.rows {
        return;
    }

    // Beyond the last row the last one is read again and its result dropped.
    let rows = vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u);
    let x_first = min(rows, vec4<u32>(params.rows - 1u)) * params.in_features;
    let weight_first = feature * params.in_features;

    var sum = vec4<f32>();
    for (var i = lane; i < params.in_features; i += 64u) {
        let at = x_first + i;
        sum += weight[weight_first + i] * vec4<f32>(x[at.x], x[at.y], x[at.z], x[at.w]);
    }
    sums[lane] = sum;
    workgroupBarrier();
    if lane < 8u {
        for (var i = 1u; i < 8u; i++) {
            sum += sums[lane + 8u * i];
        }
        sums[lane] = sum;
    }
    workgroupBarrier();

    if lane < 4u && row + lane < params.rows {
        var value = 0.0;
        for (var i = 0u; i < 8u; i++) {
            value += sums[i][lane];
        }
        if params.has_bias != 0u {
            value += bias[feature];
        }
        out[(row + lane) * params.out_features + feature] = activate(value, params.activation);
    }
}

// The general softmax: any axis, any length. One invocation handles one row; where the axis is not the
// last one, neighbouring invocations read neighbouring values.
#import common/grid
#import common/softmax

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = linear_workgroup(id, count) * 64u + lane;
    if row >= params.rows {
        return;
    }
    let first = (row / params.inner) * params.length * params.inner + row % params.inner;

    // The largest is taken away, so that no exponential overflows. `max` may lose a NaN; the sum does not.
    var largest = x[first];
    for (var i = 1u; i < params.length; i++) {
        largest = max(largest, x[first + i * params.inner]);
    }
    var sum = 0.0;
    for (var i = 0u; i < params.length; i++) {
        let place = first + i * params.inner;
        let value = exp((x[place] - largest) / params.temperature);
        out[place] = value;
        sum += value;
    }
    for (var i = 0u; i < params.length; i++) {
        let place = first + i * params.inner;
        out[place] = out[place] / sum;
    }
}

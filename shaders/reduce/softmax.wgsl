// Softmax over any axis. One invocation handles one row; where the axis is not the last one, neighbouring invocations read
// neighbouring values. With WORKGROUP a workgroup handles one row, for long ones: its 64 lanes find the largest and the sum
// together, in trees of two levels of 8. A row has at least 64 values then, so that no lane is without one.
#variant WORKGROUP?
#import common/grid

struct Params {
    rows: u32, // outer * inner
    length: u32,
    inner: u32,
    temperature: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;         // [outer, length, inner]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [outer, length, inner]

#ifdef WORKGROUP
// One array for each tree: with a single one, all lanes would have to wait between the two.
var<workgroup> maxima: array<f32, 64>;
var<workgroup> sums: array<f32, 64>;

// The largest of the values of all lanes, in each lane.
fn largest_of(lane: u32, value: f32) -> f32 {
    maxima[lane] = value;
    workgroupBarrier();
    var largest = value;
    if lane < 8u {
        for (var i = 1u; i < 8u; i++) {
            largest = max(largest, maxima[lane + 8u * i]);
        }
        maxima[lane] = largest;
    }
    workgroupBarrier();
    largest = maxima[0];
    for (var i = 1u; i < 8u; i++) {
        largest = max(largest, maxima[i]);
    }
    return largest;
}

// The sum of the values of all lanes, in each lane.
fn sum_of(lane: u32, value: f32) -> f32 {
    sums[lane] = value;
    workgroupBarrier();
    var sum = value;
    if lane < 8u {
        for (var i = 1u; i < 8u; i++) {
            sum += sums[lane + 8u * i];
        }
        sums[lane] = sum;
    }
    workgroupBarrier();
    sum = sums[0];
    for (var i = 1u; i < 8u; i++) {
        sum += sums[i];
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = linear_workgroup(id, count);
    if row >= params.rows {
        return;
    }
    let first = (row / params.inner) * params.length * params.inner + row % params.inner;

    // The largest is taken away, so that no exponential overflows. `max` may lose a NaN; the sum does not.
    var largest = x[first + lane * params.inner];
    for (var i = lane + 64u; i < params.length; i += 64u) {
        largest = max(largest, x[first + i * params.inner]);
    }
    largest = largest_of(lane, largest);

    var sum = 0.0;
    for (var i = lane; i < params.length; i += 64u) {
        let place = first + i * params.inner;
        let value = exp((x[place] - largest) / params.temperature);
        out[place] = value;
        sum += value;
    }
    sum = sum_of(lane, sum);

    for (var i = lane; i < params.length; i += 64u) {
        let place = first + i * params.inner;
        out[place] = out[place] / sum;
    }
}
#else
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
#endif

// Softmax over any axis. One invocation handles one row; where the axis is not the last one, neighbouring invocations read
// neighbouring values. With WORKGROUP a workgroup handles one row, for long ones: its 64 lanes find the largest and the sum
// together, in trees of two levels of 8. A row has at least 64 values then, so that no lane is without one.
#variant WORKGROUP?
#import common/real
#import common/grid

struct Params {
    rows: u32, // outer * inner
    length: u32,
    inner: u32,
    temperature: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [outer, length, inner]
@group(0) @binding(2) var<storage, read_write> out: array<real>; // [outer, length, inner]

#ifdef WORKGROUP
const STEP: u32 = 64u; // from one value of an invocation to its next

#import reduce/sum

var<workgroup> maxima: array<f32, 64>;

// The largest of the values of all invocations, in each.
fn largest_of(local_index: u32, value: f32) -> f32 {
    maxima[local_index] = value;
    workgroupBarrier();
    var largest = value;
    if local_index < 8u {
        for (var i = 1u; i < 8u; i++) {
            largest = max(largest, maxima[local_index + 8u * i]);
        }
        maxima[local_index] = largest;
    }
    workgroupBarrier();
    largest = maxima[0];
    for (var i = 1u; i < 8u; i++) {
        largest = max(largest, maxima[i]);
    }
    return largest;
}
#else
const STEP: u32 = 1u;
#endif

@compute @workgroup_size(64)
fn main(thread: Invocation) {
#ifdef WORKGROUP
    let row = linear_workgroup(thread);
    let start = thread.local_index;
#else
    let row = linear_workgroup(thread) * 64u + thread.local_index;
    let start = 0u;
#endif
    if row >= params.rows {
        return;
    }
    let first = (row / params.inner) * params.length * params.inner + row % params.inner;

    // The largest is taken away, so that no exponential overflows. `max` may lose a NaN; the sum does not.
    var largest = f32(x[first + start * params.inner]);
    for (var i = start + STEP; i < params.length; i += STEP) {
        largest = max(largest, f32(x[first + i * params.inner]));
    }
#ifdef WORKGROUP
    largest = largest_of(start, largest);
#endif

    var sum = 0.0;
    for (var i = start; i < params.length; i += STEP) {
        let place = first + i * params.inner;
        // Never above 0, or NaN, of which `exp` is a number on some adapters.
        let exponent = (f32(x[place]) - largest) / params.temperature;
        let value = select(exponent, exp(exponent), exponent <= 0.0);
        out[place] = real(value);
        sum += value;
    }
#ifdef WORKGROUP
    sum = sum_of(start, sum);
#endif

    for (var i = start; i < params.length; i += STEP) {
        let place = first + i * params.inner;
        out[place] = real(f32(out[place]) / sum);
    }
}

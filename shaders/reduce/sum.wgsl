// The sum of the values of all 64 invocations, in each, by a tree of two levels of 8. With AGAIN for more than one sum.
var<workgroup> sums: array<f32, 64>;

fn sum_of(local_index: u32, value: f32) -> f32 {
    sums[local_index] = value;
    workgroupBarrier();
    var sum = value;
    if local_index < 8u {
        for (var i = 1u; i < 8u; i++) {
            sum += sums[local_index + 8u * i];
        }
        sums[local_index] = sum;
    }
    workgroupBarrier();
    sum = sums[0];
    for (var i = 1u; i < 8u; i++) {
        sum += sums[i];
    }
#ifdef AGAIN
    workgroupBarrier();
#endif
    return sum;
}

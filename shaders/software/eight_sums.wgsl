// Eight sums of a register tile, one for each lane that holds what belongs to it.

// Sums that begin with the value that each lane holds.
fn sums_from(mine: f32) -> array<vec4<f32>, 8> {
    return array<vec4<f32>, 8>(
        vec4<f32>(subgroupBroadcast(mine, 0u)),
        vec4<f32>(subgroupBroadcast(mine, 1u)),
        vec4<f32>(subgroupBroadcast(mine, 2u)),
        vec4<f32>(subgroupBroadcast(mine, 3u)),
        vec4<f32>(subgroupBroadcast(mine, 4u)),
        vec4<f32>(subgroupBroadcast(mine, 5u)),
        vec4<f32>(subgroupBroadcast(mine, 6u)),
        vec4<f32>(subgroupBroadcast(mine, 7u)),
    );
}

// The sum of this number. An index that is not known when the kernel is compiled would keep the sums in
// memory, or have the loop over them unrolled with all that stands in it, which takes compilers seconds.
fn picked(sums: ptr<function, array<vec4<f32>, 8>>, number: u32) -> vec4<f32> {
    let odd = (number & 1u) != 0u;
    let low = select(select((*sums)[0], (*sums)[1], odd), select((*sums)[2], (*sums)[3], odd), (number & 2u) != 0u);
    let high = select(select((*sums)[4], (*sums)[5], odd), select((*sums)[6], (*sums)[7], odd), (number & 2u) != 0u);
    return select(low, high, (number & 4u) != 0u);
}

// Weights that the eight lanes of a subgroup hold between them: each multiplies with all of them by hearing
// the others.

// Output channels of a register tile.
const CHANNELS: u32 = 32u;

// Adds four terms (the columns of x, four pixels each) to eight channels; each lane holds the weights of one.
fn accumulate(sum: ptr<function, array<vec4<f32>, 8>>, x: mat4x4<f32>, mine: vec4<f32>) {
    (*sum)[0] += x * subgroupBroadcast(mine, 0u);
    (*sum)[1] += x * subgroupBroadcast(mine, 1u);
    (*sum)[2] += x * subgroupBroadcast(mine, 2u);
    (*sum)[3] += x * subgroupBroadcast(mine, 3u);
    (*sum)[4] += x * subgroupBroadcast(mine, 4u);
    (*sum)[5] += x * subgroupBroadcast(mine, 5u);
    (*sum)[6] += x * subgroupBroadcast(mine, 6u);
    (*sum)[7] += x * subgroupBroadcast(mine, 7u);
}

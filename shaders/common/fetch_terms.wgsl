// Fetching for kernels that read x [N, Ci, quads] term by term; see common/fetch.wgsl.
// requires: x
#import common/fetch
#import common/vec4

// Fetches so many terms of the pixels of all lanes; `at` is where the first one of this lane is.
fn fetched(at: u32, voice: u32, quads: u32, terms: u32) -> f32 {
    let end = select(subgroupBroadcast(at, 0u), subgroupBroadcast(at, 7u), (voice & 1u) != 0u);
    var sum = 0.0;
    for (var k = voice / 2u; k < terms; k += 4u) {
        sum += four(x[end + k * quads]).x;
    }
    return sum;
}

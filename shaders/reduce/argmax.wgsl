// The channel of the largest value. One invocation handles one place, or with VEC4 four neighbouring ones; neighbouring
// invocations read neighbouring values.
#variant VEC4?
#import common/real
#import common/grid
#import reduce/max_key

struct Params {
    batch: u32,
    channels: u32,
    places: u32, // of a channel; with VEC4 its vec4s
}

@group(0) @binding(0) var<uniform> params: Params;

#ifdef VEC4
@group(0) @binding(1) var<storage, read> x: array<real4>;         // [N, C, places]
@group(0) @binding(2) var<storage, read_write> out: array<real4>; // [N, places]
alias Numbers = vec4<u32>;

fn ranks_at(at: u32) -> Numbers {
    let values = vec4<f32>(x[at]);
    return Numbers(rank_of(values.x), rank_of(values.y), rank_of(values.z), rank_of(values.w));
}

fn store(at: u32, index: Numbers) {
    out[at] = real4(vec4<f32>(index));
}
#else
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, places]
@group(0) @binding(2) var<storage, read_write> out: array<real>; // [N, places]
alias Numbers = u32;

fn ranks_at(at: u32) -> Numbers {
    return rank_of(f32(x[at]));
}

fn store(at: u32, index: Numbers) {
    out[at] = real(f32(index));
}
#endif

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    // item = sample * places + place
    let item = linear_workgroup(thread) * 64u + thread.local_index;
    let sample = item / params.places;
    if sample >= params.batch {
        return;
    }
    let first = sample * params.channels * params.places + item % params.places;
    // Below any rank.
    var best = Numbers(0u);
    var index = Numbers(0u);
    for (var c = 0u; c < params.channels; c++) {
        let ranks = ranks_at(first + c * params.places);
        index = select(index, Numbers(c), ranks > best);
        best = max(best, ranks);
    }
    store(item, index);
}

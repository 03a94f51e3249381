// What eight lanes of a convolution work on: as many channels of a group, and four pixels for each lane. A kernel has
// `block_channels`, the output channels that one invocation goes through.
// requires: block_channels
#import conv/params

// What a lane works on.
struct Place {
    first: u32,   // first channel of those, within the group
    group: u32,
    weights: u32, // the sample that the weights belong to, 0 where all samples share them
    sample: u32,  // the sample of the lane's pixels
    vec4_index: u32,    // which four pixels of it
    valid: bool,  // false past the last pixel: the last ones are computed again and dropped
}

// item = ((weights * groups + group) * subgroups + subgroup) * blocks + block: tiles of the same pixels follow
// each other, so that what they read is still in the cache. Where all samples share their weights, eight
// lanes may cover two of them.
fn place_of(item: u32, lane: u32, vec4s: u32) -> Place {
    let blocks = (params.out_channels / params.groups + block_channels() - 1u) / block_channels();
    let span = select(vec4s, vec4s * params.batch, params.weight_sample_stride == 0u);
    let subgroups = (span + 7u) / 8u;
    var rest = item;
    var place: Place;
    place.first = (rest % blocks) * block_channels();
    rest /= blocks;
    let vec4_index = (rest % subgroups) * 8u + lane;
    rest /= subgroups;
    place.group = rest % params.groups;
    place.weights = rest / params.groups;
    place.valid = vec4_index < span;
    let last = min(vec4_index, span - 1u);
    place.sample = place.weights + last / vec4s;
    place.vec4_index = last % vec4s;
    return place;
}

// Whether a workgroup that a folded grid has too many of has nothing to do.
fn is_past_end(place: Place) -> bool {
    return place.weights >= select(params.batch, 1u, params.weight_sample_stride == 0u);
}

// Channels of those that the group has.
fn channels_of(place: Place) -> u32 {
    return min(block_channels(), params.out_channels / params.groups - place.first);
}

// The first of them in the output, counted over all samples.
fn first_channel(place: Place) -> u32 {
    return place.sample * params.out_channels + place.group * (params.out_channels / params.groups) + place.first;
}

// Terms of common/held_tile.wgsl for a window of one pixel: input channels, of which each plane is a multiple of four.
// x has been through conv2d/gather where it is not so, or where there is a stride.
#import common/fetch_terms
#import common/octets

@group(0) @binding(1) var<storage, read> x: array<Four>; // [N, Ci, quads]

// Where the next term of the lane's pixels lies.
struct Source {
    at: u32,
}

fn source_of(place: Place, first: u32, quads: u32) -> Source {
    let channel = place.sample * params.in_channels + place.group * (params.in_channels / params.groups) + first;
    return Source(channel * quads + place.quad);
}

// The next term.
fn next(source: ptr<function, Source>, quads: u32) -> vec4<f32> {
    let value = four(x[(*source).at]);
    (*source).at += quads;
    return value;
}

// Fetches so many terms where it pays.
fn fetched_of(source: Source, voice: u32, quads: u32, terms: u32) -> f32 {
    if quads < FAR {
        return 0.0;
    }
    return fetched(source.at, voice, quads, terms);
}

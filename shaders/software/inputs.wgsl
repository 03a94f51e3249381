// Inputs of input_stationary: with WINDOW those of any window, (input channel, ky, kx), read from the image as they are needed;
// else of a window of one pixel, input channels, of which each plane is a multiple of four. x has been through gather where it
// is not so, or where there is a stride.
#import common/vec4
#import software/place

#ifdef WINDOW
@group(0) @binding(1) var<storage, read> x: array<f32>; // [N, Ci, H, W]

// The next input, and what the window of each of the lane's pixels begins with; left of or above the image it has wrapped
// around 0.
struct Source {
    ky: u32,
    kx: u32,
    plane: u32, // first element of the input channel
    iy: vec4<u32>,
    ix: vec4<u32>,
}

// Past the last pixel the last one is read again.
fn source_of(place: Place, first: u32, vec4s: u32) -> Source {
    let taps = params.window.kernel_height * params.window.kernel_width;
    let tap = first % taps;
    let channel = place.sample * params.in_channels + place.group * (params.in_channels / params.groups) + first / taps;
    let last = params.out_height * params.out_width - 1u;
    let pixel = min(vec4<u32>(place.vec4_index * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last));
    return Source(
        tap / params.window.kernel_width,
        tap % params.window.kernel_width,
        channel * params.height * params.width,
        pixel / params.out_width * params.window.stride_y - params.window.padding_top,
        pixel % params.out_width * params.window.stride_x - params.window.padding_left,
    );
}

// The next input. The load is unconditional: a branch costs more than a read in vain.
fn next(source: ptr<function, Source>, vec4s: u32) -> vec4<f32> {
    let iy = (*source).iy + (*source).ky * params.window.dilation_y;
    let ix = (*source).ix + (*source).kx * params.window.dilation_x;
    let inside = (iy < vec4<u32>(params.height)) & (ix < vec4<u32>(params.width));
    let at = select(vec4<u32>(), (*source).plane + iy * params.width + ix, inside);
    let value = vec4<f32>(x[at.x], x[at.y], x[at.z], x[at.w]);
    (*source).kx += 1u;
    if (*source).kx == params.window.kernel_width {
        (*source).kx = 0u;
        (*source).ky += 1u;
        if (*source).ky == params.window.kernel_height {
            (*source).ky = 0u;
            (*source).plane += params.height * params.width;
        }
    }
    return select(vec4<f32>(), value, inside);
}

// Neighbouring inputs lie together: there is nothing to fetch.
fn fetch_profitable(source: Source, lane: u32, vec4s: u32, k: u32) -> f32 {
    return 0.0;
}
#else
#import software/lanes

@group(0) @binding(1) var<storage, read> x: array<Packed4>; // [N, Ci, vec4s]

// Where the next input of the lane's pixels lies.
struct Source {
    at: u32,
}

fn source_of(place: Place, first: u32, vec4s: u32) -> Source {
    let channel = place.sample * params.in_channels + place.group * (params.in_channels / params.groups) + first;
    return Source(channel * vec4s + place.vec4_index);
}

// The next input.
fn next(source: ptr<function, Source>, vec4s: u32) -> vec4<f32> {
    let value = unpack4(x[(*source).at]);
    (*source).at += vec4s;
    return value;
}

// Fetches so many inputs where it is profitable.
fn fetch_profitable(source: Source, lane: u32, vec4s: u32, k: u32) -> f32 {
    if vec4s < FAR {
        return 0.0;
    }
    return fetched(source.at, lane, vec4s, k);
}

// Fetches so many inputs of the pixels of all lanes; `at` is where the first one of this lane is.
fn fetched(at: u32, lane: u32, vec4s: u32, k: u32) -> f32 {
    let end = select(subgroupBroadcast(at, 0u), subgroupBroadcast(at, 7u), (lane & 1u) != 0u);
    var sum = 0.0;
    for (var i = lane / 2u; i < k; i += 4u) {
        sum += unpack4(x[end + i * vec4s]).x;
    }
    return sum;
}
#endif

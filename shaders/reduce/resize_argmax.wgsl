// The channel of the largest value of images that are resized first. One invocation computes four neighbouring pixels of an
// output row. With VIA x is resized twice: a place is then made of four along each axis, two for each of the two places of the
// image between.
#define BILINEAR
#variant VIA?
#import common/real
#import common/grid
#import reduce/max_key
#import reduce/parts

struct Params {
    batch: u32,
    channels: u32,
    height: u32,
    width: u32,
    via_height: u32, // of all of the image between, where there is one
    via_width: u32,
    image_height: u32, // of the part that is resized to the output
    image_width: u32,
    out_height: u32,
    out_width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, h, w]
@group(0) @binding(2) var<storage, read_write> out: array<real>; // [N, 1, H, W]

#ifdef VIA
const TAPS: u32 = 4u;
#else
const TAPS: u32 = 2u;
#endif

// What four places are made of along an axis.
struct Taps {
    place: array<vec4<u32>, TAPS>,
    weight: array<vec4<f32>, TAPS>,
}

fn taps_of(i: vec4<u32>, size: u32, via: u32, image: u32, count: u32) -> Taps {
    let last = parts_of(i, image, count);
#ifdef VIA
    let upper = parts_of(last.first, size, via);
    let lower = parts_of(last.second, size, via);
    return Taps(
        array<vec4<u32>, TAPS>(upper.first, upper.second, lower.first, lower.second),
        array<vec4<f32>, TAPS>(
            last.of_first * upper.of_first,
            last.of_first * upper.of_second,
            last.of_second * lower.of_first,
            last.of_second * lower.of_second,
        ),
    );
#else
    return Taps(
        array<vec4<u32>, TAPS>(last.first, last.second),
        array<vec4<f32>, TAPS>(last.of_first, last.of_second),
    );
#endif
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let groups = (params.out_width + 3u) / 4u;

    // item = (sample * out_height + oy) * groups + group
    let item = linear_workgroup(thread) * 64u + thread.local_index;
    let out_row = item / groups;
    let ox = (item - out_row * groups) * 4u;
    let sample = out_row / params.out_height;
    let oy = out_row - sample * params.out_height;
    if sample >= params.batch {
        return;
    }
    let rows = taps_of(vec4<u32>(oy), params.height, params.via_height, params.image_height, params.out_height);
    // Past the end of the row its last pixel again, which is not stored.
    let pixels = min(ox + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.out_width - 1u));
    let columns = taps_of(pixels, params.width, params.via_width, params.image_width, params.out_width);

    // Below any rank.
    var best = vec4<u32>(0u);
    var index = vec4<u32>(0u);
    for (var c = 0u; c < params.channels; c++) {
        let plane = (sample * params.channels + c) * params.height;
        var value = vec4<f32>(0.0);
        for (var r = 0u; r < TAPS; r++) {
            let row = (plane + rows.place[r].x) * params.width;
            var sum = vec4<f32>(0.0);
            for (var t = 0u; t < TAPS; t++) {
                let at = row + columns.place[t];
                sum += vec4<f32>(f32(x[at.x]), f32(x[at.y]), f32(x[at.z]), f32(x[at.w])) * columns.weight[t];
            }
            value += sum * rows.weight[r];
        }
        let ranks = vec4<u32>(rank_of(value.x), rank_of(value.y), rank_of(value.z), rank_of(value.w));
        index = select(index, vec4<u32>(c), ranks > best);
        best = max(best, ranks);
    }

    let start = (sample * params.out_height + oy) * params.out_width + ox;
    let count = min(params.out_width - ox, 4u);
    for (var p = 0u; p < count; p++) {
        out[start + p] = real(f32(index[p]));
    }
}

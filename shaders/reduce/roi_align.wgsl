// Averages of bilinear samples in the bins of boxes. One invocation computes T channels of a bin, which share the places and
// the weights of its samples. Samples outside of the map are zero: where there may be many, those before its edge are skipped,
// and no more are visited than can lie on it.
#import common/real
#import common/grid

struct Params {
    batch: u32,
    channels: u32,
    height: u32,
    width: u32,
    boxes: u32,
    out_height: u32,
    out_width: u32,
    most_rows: u32, // samples of a bin down that are visited at the most
    most_columns: u32,
    sampling_ratio: u32, // 0: as many as follow from the box
    is_aligned: u32,
    spatial_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, H, W]
@group(0) @binding(2) var<storage, read> rois: array<real>;      // [R, 5]
@group(0) @binding(3) var<storage, read_write> out: array<real>; // [R, C, Ph, Pw]

const T: u32 = 8u; // channels

// The samples of an axis of a bin: sample k lies at start + (k + 0.5) * apart.
struct Samples {
    start: f32,
    apart: f32,
    all: f32,   // how many there are
    first: f32, // the first that is visited
    visited: u32,
}

fn samples_of(low: f32, high: f32, bin: u32, bins: f32, most: u32) -> Samples {
    let shift = select(0.0, 0.5, params.is_aligned != 0u);
    let whole = (high - low) * params.spatial_scale;
    let length = select(max(whole, 1.0), whole, params.is_aligned != 0u);
    var all = f32(params.sampling_ratio);
    if params.sampling_ratio == 0u {
        // A quotient may be off by some units in the last place; the least number that is large enough is exact.
        all = ceil(length / bins);
        all = select(all, all - 1.0, (all - 1.0) * bins >= length);
        all = select(all, all + 1.0, all * bins < length);
        all = select(0.0, all, all > 0.0);
    }
    let each = length / bins;
    let start = low * params.spatial_scale - shift + f32(bin) * each;
    let apart = each / max(all, 1.0);
    var first = 0.0;
    if params.sampling_ratio == 0u && apart > 0.0 {
        first = max(floor((-1.0 - start) / apart) - 2.0, 0.0);
    }
    // What is no number visits none.
    let rest = all - first;
    let visited = u32(min(select(0.0, rest, rest > 0.0), f32(most)));
    return Samples(start, apart, all, first, min(visited, most));
}

// The two values that a sample lies between, how far it is towards the second, and whether it is on the map.
struct Between {
    low: u32,
    high: u32,
    part: f32,
    inside: bool,
}

fn between(samples: Samples, k: u32, size: u32) -> Between {
    let place = samples.start + (samples.first + f32(k) + 0.5) * samples.apart;
    let inside = place >= -1.0 && place <= f32(size);
    let at = select(0.0, max(place, 0.0), inside);
    let low = min(u32(at), size - 1u);
    let last = low == size - 1u;
    return Between(low, select(low + 1u, low, last), select(at - f32(low), 0.0, last), inside);
}

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let blocks = (params.channels + T - 1u) / T;

    // item = ((roi * blocks + block) * out_height + py) * out_width + px
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let px = item % params.out_width;
    item /= params.out_width;
    let py = item % params.out_height;
    item /= params.out_height;
    let block = item % blocks * T;
    let roi = item / blocks;
    if roi >= params.boxes {
        return;
    }

    let sample = f32(rois[roi * 5u]);
    let left = f32(rois[roi * 5u + 1u]);
    let top = f32(rois[roi * 5u + 2u]);
    let right = f32(rois[roi * 5u + 3u]);
    let bottom = f32(rois[roi * 5u + 4u]);
    let exists = sample >= 0.0 && sample < f32(params.batch);
    let down = samples_of(top, bottom, py, f32(params.out_height), params.most_rows);
    let across = samples_of(left, right, px, f32(params.out_width), params.most_columns);
    let rows = select(0u, down.visited, exists);
    let columns = across.visited;
    let plane = params.height * params.width;
    let sample_first = u32(select(0.0, sample, exists)) * params.channels * plane;

    var sum: array<f32, T>;
    for (var row = 0u; row < rows; row++) {
        let y = between(down, row, params.height);
        for (var column = 0u; column < columns; column++) {
            let x_ = between(across, column, params.width);
            if y.inside && x_.inside {
                let places = vec4<u32>(
                    y.low * params.width + x_.low,
                    y.low * params.width + x_.high,
                    y.high * params.width + x_.low,
                    y.high * params.width + x_.high,
                );
                let weights = vec4<f32>(
                    (1.0 - y.part) * (1.0 - x_.part),
                    (1.0 - y.part) * x_.part,
                    y.part * (1.0 - x_.part),
                    y.part * x_.part,
                );
                for (var t = 0u; t < T; t++) {
                    // A tile that overhangs the channels repeats the last one and drops the result.
                    let at = sample_first + min(block + t, params.channels - 1u) * plane + places;
                    let values = vec4<f32>(f32(x[at.x]), f32(x[at.y]), f32(x[at.z]), f32(x[at.w]));
                    sum[t] += dot(weights, values);
                }
            }
        }
    }

    let all = down.all * across.all;
    let count = select(1.0, all, all > 1.0);
    for (var t = 0u; t < T; t++) {
        if block + t < params.channels {
            let at = ((roi * params.channels + block + t) * params.out_height + py) * params.out_width + px;
            out[at] = real(sum[t] / count);
        }
    }
}

// The taps of involution.wgsl where a tensor has them.
// requires: K, Packed4, Place, R, Taps, params, store4, unpack4
#import software/lanes

#ifdef ALIGNED
@group(0) @binding(2) var<storage, read> kernel: array<Packed4>; // [N, G*Kh*Kw, H', W']

fn weights4(row: u32, column: u32) -> vec4<f32> {
    return unpack4(kernel[row * (params.out_width / 4u) + column]);
}
#else
@group(0) @binding(2) var<storage, read> kernel: array<f32>; // [N, G*Kh*Kw, H', W']

// Past the end of the row the last value is repeated.
fn weights4(row: u32, column: u32) -> vec4<f32> {
    let place = min(vec4<u32>(column * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.out_width - 1u));
    let at = vec4<u32>(row * params.out_width) + place;
    return vec4<f32>(kernel[at.x], kernel[at.y], kernel[at.z], kernel[at.w]);
}
#endif

// The kernel of the pixels in this row. The taps move up as they are read: one load in a loop, where each load in line
// makes the kernel longer to compile than to run.
fn taps_of(place: Place, oy: u32) -> Taps {
    var taps: Taps;
    var row = place.matrix * K * K * params.out_height + oy;
    for (var ky = 0u; ky < params.window.kernel_height; ky++) {
        var along: array<vec4<f32>, 7>;
        for (var kx = 0u; kx < params.window.kernel_width; kx++) {
            along = array<vec4<f32>, 7>(
                along[1], along[2], along[3], along[4], along[5], along[6], weights4(row, place.column),
            );
            row += params.out_height;
        }
        taps = Taps(taps[1], taps[2], taps[3], taps[4], taps[5], taps[6], along);
    }
    return taps;
}

// Fetches the kernel of the pixels of all lanes in this row.
fn fetched(place: Place, oy: u32) -> f32 {
    let ends = vec4<u32>(
        subgroupBroadcast(oy, 0u), subgroupBroadcast(place.column, 0u),
        subgroupBroadcast(oy, 7u), subgroupBroadcast(place.column, 7u),
    );
    let end = select(ends.xy, ends.zw, (place.lane & 1u) != 0u);
    var sum = 0.0;
    for (var tap = place.lane / 2u; tap < K * K; tap += 4u) {
        sum += weights4((place.matrix * K * K + tap) * params.out_height + end.x, end.y).x;
    }
    return sum;
}

// The taps of a place, and of the row below it where R = 2.
fn hold(place: Place, below: u32, taps: ptr<function, Taps>, taps_below: ptr<function, Taps>) {
    if params.out_height * place.columns >= FAR {
        let sum = fetched(place, place.oy) + fetched(place, below);
        // Never so, but not known when the kernel is compiled: nobody may leave out what was fetched.
        if params.batch == 0u {
            store4(vec4<f32>(sum), 0u, 0u);
        }
    }
    *taps = taps_of(place, place.oy);
    if R == 2u {
        *taps_below = taps_of(place, below);
    }
}

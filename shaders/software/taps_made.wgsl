// The taps of involution.wgsl made where they are needed: the 1x1 convolution of the pixel that is the last
// layer of the branch that makes kernels. Reduced channels are a multiple of two.
// requires: K, Place, R, Taps, params
#import common/vec4

#ifdef ALIGNED
@group(0) @binding(2) var<storage, read> reduced: array<Packed4>; // [N, Cr, H', W']

fn reduced4(row: u32, column: u32) -> vec4<f32> {
    return unpack4(reduced[row * (params.out_width / 4u) + column]);
}
#else
@group(0) @binding(2) var<storage, read> reduced: array<f32>; // [N, Cr, H', W']

// Past the end of the row the last value is repeated.
fn reduced4(row: u32, column: u32) -> vec4<f32> {
    let place = min(vec4<u32>(column * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.out_width - 1u));
    let at = vec4<u32>(row * params.out_width) + place;
    return vec4<f32>(reduced[at.x], reduced[at.y], reduced[at.z], reduced[at.w]);
}
#endif

@group(0) @binding(6) var<storage, read> weight: array<Packed4>;      // see prepack.wgsl
@group(0) @binding(7) var<storage, read> bias: array<f32>;         // [G*Kh*Kw]

alias Along = array<vec4<f32>, 7>;

// The biases of a row of taps, of which each lane reads one.
fn biases(place: Place, ky: u32) -> Along {
    var mine = 0.0;
    if params.has_bias != 0u {
        mine = bias[(place.group * K + min(ky, K - 1u)) * K + min(place.lane, K - 1u)];
    }
    var along: Along;
    along[6] = vec4<f32>(subgroupBroadcast(mine, K - 1u));
    along[5] = vec4<f32>(subgroupBroadcast(mine, K - 2u));
    along[4] = vec4<f32>(subgroupBroadcast(mine, K - 3u));
    if K > 4u {
        along[3] = vec4<f32>(subgroupBroadcast(mine, max(K, 4u) - 4u));
        along[2] = vec4<f32>(subgroupBroadcast(mine, max(K, 5u) - 5u));
    }
    if K > 6u {
        along[1] = vec4<f32>(subgroupBroadcast(mine, 1u));
        along[0] = vec4<f32>(subgroupBroadcast(mine, 0u));
    }
    return along;
}

// Adds two inputs to a row of taps, of which each lane holds the weights of one.
fn add2(along: ptr<function, Along>, x: mat2x4<f32>, mine: vec2<f32>) {
    (*along)[6] += x * subgroupBroadcast(mine, K - 1u);
    (*along)[5] += x * subgroupBroadcast(mine, K - 2u);
    (*along)[4] += x * subgroupBroadcast(mine, K - 3u);
    if K > 4u {
        (*along)[3] += x * subgroupBroadcast(mine, max(K, 4u) - 4u);
        (*along)[2] += x * subgroupBroadcast(mine, max(K, 5u) - 5u);
    }
    if K > 6u {
        (*along)[1] += x * subgroupBroadcast(mine, 1u);
        (*along)[0] += x * subgroupBroadcast(mine, 0u);
    }
}

fn taps_of(place: Place, oy: u32) -> Taps {
    let k = params.reduced_channels;
    let blocks = (K + 3u) / 4u;
    var row = place.matrix / params.groups * k * params.out_height + oy;
    var mine = place.group * blocks * k * 8u + place.lane;
    // The last of seven is the last row of taps.
    var along6 = biases(place, K - 1u);
    var along5 = biases(place, K - 2u);
    var along4 = biases(place, K - 3u);
    var along3: Along; var along2: Along; var along1: Along; var along0: Along;
    if K > 4u {
        along3 = biases(place, max(K, 4u) - 4u);
        along2 = biases(place, max(K, 5u) - 5u);
    }
    if K > 6u {
        along1 = biases(place, 1u);
        along0 = biases(place, 0u);
    }
    for (var pair = 0u; pair < k / 2u; pair++) {
        let x = mat2x4<f32>(reduced4(row, place.column), reduced4(row + params.out_height, place.column));
        let a0 = unpack4(weight[mine]);
        let a1 = unpack4(weight[mine + 8u]);
        // Decided when the kernel is compiled.
        if K == 3u {
            add2(&along4, x, vec2<f32>(a0.x, a1.x));
            add2(&along5, x, vec2<f32>(a0.y, a1.y));
            add2(&along6, x, vec2<f32>(a0.z, a1.z));
        } else {
            let b0 = unpack4(weight[mine + k * 8u]);
            let b1 = unpack4(weight[mine + k * 8u + 8u]);
            if K == 5u {
                add2(&along2, x, vec2<f32>(a0.x, a1.x));
                add2(&along3, x, vec2<f32>(a0.y, a1.y));
                add2(&along4, x, vec2<f32>(a0.z, a1.z));
                add2(&along5, x, vec2<f32>(a0.w, a1.w));
                add2(&along6, x, vec2<f32>(b0.x, b1.x));
            } else {
                add2(&along0, x, vec2<f32>(a0.x, a1.x));
                add2(&along1, x, vec2<f32>(a0.y, a1.y));
                add2(&along2, x, vec2<f32>(a0.z, a1.z));
                add2(&along3, x, vec2<f32>(a0.w, a1.w));
                add2(&along4, x, vec2<f32>(b0.x, b1.x));
                add2(&along5, x, vec2<f32>(b0.y, b1.y));
                add2(&along6, x, vec2<f32>(b0.z, b1.z));
            }
        }
        row += 2u * params.out_height;
        mine += 16u;
    }
    return Taps(along0, along1, along2, along3, along4, along5, along6);
}

// The taps of a place, and of the row below it where R = 2.
fn hold(place: Place, below: u32, taps: ptr<function, Taps>, taps_below: ptr<function, Taps>) {
    *taps = taps_of(place, place.oy);
    if R == 2u {
        *taps_below = taps_of(place, below);
    }
}

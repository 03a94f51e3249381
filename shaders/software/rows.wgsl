// Convolution with a small window that keeps the width, or halves it, over rows of whole vec4s. Each of eight lanes holds
// neighbouring pixels of a row, takes what the window needs beside them from the next lanes, and has a register tile of 32
// output channels by four pixels. The lanes have the same channels: each loads an eighth of the weights (prepack.wgsl) and
// broadcasts them. On a software adapter a broadcast is one instruction, where the load of the same word is a dozen.
#requires subgroups
#variant K=5 S=1 ALIGNED
#variant K=7 S=1,2 ALIGNED
#import common/real
#import common/activation
#import software/lanes
#import common/vec4
#import software/eight_sums
#import software/neighbours
#import software/place

const K: u32 = 5u; // taps of a kernel row, odd
const S: u32 = 1u; // stride along the row, 1 or 2

@group(0) @binding(1) var<storage, read> x: array<Packed4>;      // [N, Ci, H, W]
@group(0) @binding(2) var<storage, read> weight: array<Packed4>;      // see prepack.wgsl
@group(0) @binding(3) var<storage, read> bias: array<f32>;         // [Co] or [N, Co]

// Output channels of a tile.
const CHANNELS: u32 = 32u;

fn block_channels() -> u32 {
    return CHANNELS;
}

// Where the weights of the tile's first input lie that this lane holds; eight further for each input.
fn weights_of(place: Place, lane: u32, k: u32) -> u32 {
    let blocks = (params.out_channels / params.groups + CHANNELS - 1u) / CHANNELS;
    let matrix = place.weights * params.groups + place.group;
    return (matrix * blocks + place.first / CHANNELS) * k * 8u + lane;
}

// Eight sums that begin with the biases of their channels.
fn start(place: Place, lane: u32, channel: u32) -> array<vec4<f32>, 8> {
    let group_out = params.out_channels / params.groups;
    var mine = 0.0;
    if params.has_bias != 0u {
        let own = min(place.first + channel + lane, group_out - 1u);
        mine = bias[place.weights * params.bias_sample_stride + place.group * group_out + own];
    }
    return sums_from(mine);
}

// Adds two inputs to the eight channels of which this lane holds one for each.
fn accumulate2(sum: ptr<function, array<vec4<f32>, 8>>, x0: vec4<f32>, x1: vec4<f32>, mine: vec2<f32>) {
    let x = mat2x4<f32>(x0, x1);
    (*sum)[0] += x * subgroupBroadcast(mine, 0u);
    (*sum)[1] += x * subgroupBroadcast(mine, 1u);
    (*sum)[2] += x * subgroupBroadcast(mine, 2u);
    (*sum)[3] += x * subgroupBroadcast(mine, 3u);
    (*sum)[4] += x * subgroupBroadcast(mine, 4u);
    (*sum)[5] += x * subgroupBroadcast(mine, 5u);
    (*sum)[6] += x * subgroupBroadcast(mine, 6u);
    (*sum)[7] += x * subgroupBroadcast(mine, 7u);
}

// Adds three.
fn accumulate3(sum: ptr<function, array<vec4<f32>, 8>>, x: mat3x4<f32>, mine: vec3<f32>) {
    (*sum)[0] += x * subgroupBroadcast(mine, 0u);
    (*sum)[1] += x * subgroupBroadcast(mine, 1u);
    (*sum)[2] += x * subgroupBroadcast(mine, 2u);
    (*sum)[3] += x * subgroupBroadcast(mine, 3u);
    (*sum)[4] += x * subgroupBroadcast(mine, 4u);
    (*sum)[5] += x * subgroupBroadcast(mine, 5u);
    (*sum)[6] += x * subgroupBroadcast(mine, 6u);
    (*sum)[7] += x * subgroupBroadcast(mine, 7u);
}

// The sum of a channel of the tile.
fn sum_of(
    sum0: ptr<function, array<vec4<f32>, 8>>,
    sum1: ptr<function, array<vec4<f32>, 8>>,
    sum2: ptr<function, array<vec4<f32>, 8>>,
    sum3: ptr<function, array<vec4<f32>, 8>>,
    channel: u32,
) -> vec4<f32> {
    let odd = (channel & 8u) != 0u;
    let low = select(picked(sum0, channel), picked(sum1, channel), odd);
    let high = select(picked(sum2, channel), picked(sum3, channel), odd);
    return select(low, high, (channel & 16u) != 0u);
}

@group(0) @binding(4) var<storage, read_write> out: array<Packed4>;      // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<Packed4>;       // the shape of out

// Residual, activation and store of the tile, as far as the group goes; `vec4s` are in a plane.
fn store(
    sum0: ptr<function, array<vec4<f32>, 8>>,
    sum1: ptr<function, array<vec4<f32>, 8>>,
    sum2: ptr<function, array<vec4<f32>, 8>>,
    sum3: ptr<function, array<vec4<f32>, 8>>,
    place: Place,
    vec4s: u32,
) {
    let first = first_channel(place);
    let channels = channels_of(place);
    for (var c = 0u; c < channels; c++) {
        let at = (first + c) * vec4s + place.vec4_index;
        var value = sum_of(sum0, sum1, sum2, sum3, c);
        if params.has_residual != 0u {
            value += unpack4(residual[at]);
        }
        out[at] = pack4(clip4(value, params.activation));
    }
}

// Adds two neighbouring taps to the whole tile; the lane's weights of the first are at `mine`.
fn add2(
    sum0: ptr<function, array<vec4<f32>, 8>>,
    sum1: ptr<function, array<vec4<f32>, 8>>,
    sum2: ptr<function, array<vec4<f32>, 8>>,
    sum3: ptr<function, array<vec4<f32>, 8>>,
    x: mat2x4<f32>,
    mine: u32,
) {
    let w0 = unpack4(weight[mine]);
    let w1 = unpack4(weight[mine + 8u]);
    accumulate2(sum0, x[0], x[1], vec2<f32>(w0.x, w1.x));
    accumulate2(sum1, x[0], x[1], vec2<f32>(w0.y, w1.y));
    accumulate2(sum2, x[0], x[1], vec2<f32>(w0.z, w1.z));
    accumulate2(sum3, x[0], x[1], vec2<f32>(w0.w, w1.w));
}

// Adds three neighbouring taps to the whole tile; the lane's weights of the first are at `mine`.
fn add3(
    sum0: ptr<function, array<vec4<f32>, 8>>,
    sum1: ptr<function, array<vec4<f32>, 8>>,
    sum2: ptr<function, array<vec4<f32>, 8>>,
    sum3: ptr<function, array<vec4<f32>, 8>>,
    x: mat3x4<f32>,
    mine: u32,
) {
    let w0 = unpack4(weight[mine]);
    let w1 = unpack4(weight[mine + 8u]);
    let w2 = unpack4(weight[mine + 16u]);
    accumulate3(sum0, x, vec3<f32>(w0.x, w1.x, w2.x));
    accumulate3(sum1, x, vec3<f32>(w0.y, w1.y, w2.y));
    accumulate3(sum2, x, vec3<f32>(w0.z, w1.z, w2.z));
    accumulate3(sum3, x, vec3<f32>(w0.w, w1.w, w2.w));
}

@compute @workgroup_size(8)
fn main(thread: Lane) {
    let lane = thread.lane;
    let group_in = params.in_channels / params.groups;
    let k = group_in * params.window.kernel_height * K;
    let columns = params.out_width / 4u;
    let vec4s = params.out_height * columns;
    let place = place_of(linear_workgroup(thread), lane, vec4s);
    if is_past_end(place) {
        return;
    }
    let oy = place.vec4_index / columns;
    let column = place.vec4_index % columns;
    let iy0 = oy * params.window.stride_y - params.window.padding_top;
    var plane = (place.sample * params.in_channels + place.group * group_in) * params.height;
    var mine = weights_of(place, lane, k);
    var sum0 = start(place, lane, 0u); var sum1 = start(place, lane, 8u);
    var sum2 = start(place, lane, 16u); var sum3 = start(place, lane, 24u);
    for (var c = 0u; c < group_in; c++) {
        for (var ky = 0u; ky < params.window.kernel_height; ky++) {
            let iy = iy0 + ky * params.window.dilation_y;
            let row = row_of(row_first(plane + iy), iy < params.height, column, columns, lane, S);
            // The conditions on K are decided when the kernel is compiled. As many taps as fit are added at
            // once: each time, all sums are moved.
            let first = 3u - K / 2u;
            let taps = mat3x4<f32>(under(row, first, S), under(row, first + 1u, S), under(row, first + 2u, S));
            add3(&sum0, &sum1, &sum2, &sum3, taps, mine);
            if K > 4u {
                let more = mat2x4<f32>(under(row, first + 3u, S), under(row, first + 4u, S));
                add2(&sum0, &sum1, &sum2, &sum3, more, mine + 24u);
            }
            if K > 6u {
                let more = mat2x4<f32>(under(row, first + 5u, S), under(row, first + 6u, S));
                add2(&sum0, &sum1, &sum2, &sum3, more, mine + 40u);
            }
            mine += K * 8u;
        }
        plane += params.height;
    }
    if place.valid {
        store(&sum0, &sum1, &sum2, &sum3, place, vec4s);
    }
}

// Matrix products of GPUs: weights [channels, k] times inputs [k, columns]. A workgroup computes a tile of M channels by
// N columns in S slices of the reduction, an invocation 8 channels by 4 columns of one slice, or with WIDE by 8. Both
// factors pass through workgroup memory, of which one side is read while the other is filled: one barrier a step. Their
// rows lie there in halves, so that a lane's reads differ by constants.
// Columns are pixels, those of all samples where these share their weights. With ALIGNED the convolution is
// 1x1 without stride over planes of whole vec4s; else inputs of any window are read value by value, and k runs over the
// taps and, within a tap, over the input channels. With DEPTH x is a volume.
#variant M=128 N=128,64 WIDE ALIGNED?
#variant M=64 N=64 ALIGNED?
#variant M=32 N=32 SPLIT ALIGNED?
#variant M=128 N=128,64 WIDE DEPTH
#variant M=64 N=64 DEPTH
#variant M=32 N=32 SPLIT DEPTH
#define GEMM
#import common/real
#import common/grid
#import common/activation
#import conv/params

@group(0) @binding(2) var<storage, read> weight: array<real4>; // as gemm/prepack.wgsl lays them out
@group(0) @binding(3) var<storage, read> bias: array<real>;    // [Co] or [N, Co]

const M: u32 = 128u;
const N: u32 = 128u;
#ifdef SPLIT
const S: u32 = 4u;
const ROWS: u32 = 4u; // of a slice in a step
#else
const S: u32 = 1u;
const ROWS: u32 = 8u;
#endif
const M4: u32 = M / 4u;
const N4: u32 = N / 4u;
#ifdef WIDE
const N_LANES: u32 = N / 8u;
#else
const N_LANES: u32 = N / 4u;
#endif
const K: u32 = ROWS * S;              // rows of a step
const SLICE: u32 = M / 8u * N_LANES;  // invocations of a slice
const THREADS: u32 = SLICE * S;

// Each pass of an invocation stages a vec4 of the weights W_ROWS below the one before, and inputs X_ROWS below.
const W_ROWS: u32 = THREADS / M4;
const W_PASSES: u32 = K / W_ROWS;
const X_ROWS: u32 = THREADS / WIDTH;
const X_PASSES: u32 = K / X_ROWS;

var<workgroup> ws: array<array<array<array<array<real4, M4 / 2u>, 2>, W_ROWS>, W_PASSES>, 2>;
var<workgroup> xs: array<array<array<array<array<real4, N_LANES>, N4 / N_LANES>, X_ROWS>, X_PASSES>, 2>;

#import gemm/tensors

fn next_weights(at: u32) -> array<real4, W_PASSES> {
    var next: array<real4, W_PASSES>;
    for (var p = 0u; p < W_PASSES; p++) {
        next[p] = weight[at + p * THREADS];
    }
    return next;
}

fn stage(other: u32, weights: array<real4, W_PASSES>, inputs: array<Input, X_PASSES>, local_index: u32) {
    var w = weights;
    var v = inputs;
    for (var p = 0u; p < W_PASSES; p++) {
        ws[other][p][local_index / M4][local_index % M4 / (M4 / 2u)][local_index % (M4 / 2u)] = w[p];
    }
    for (var p = 0u; p < X_PASSES; p++) {
#ifdef ALIGNED
        xs[other][p][local_index / WIDTH][local_index % WIDTH / N_LANES][local_index % N_LANES] = v[p];
#else
        xs[other][p][local_index / WIDTH][local_index % WIDTH / 4u / N_LANES][local_index / 4u % N_LANES][local_index % 4u] = v[p];
#endif
    }
}

alias Sums = array<vec4<f32>, 8>; // of four columns and eight channels: four, and four half a tile further

fn add(sums: ptr<function, Sums>, a0: vec4<f32>, a1: vec4<f32>, b: vec4<f32>) {
    (*sums)[0] += a0.x * b;
    (*sums)[1] += a0.y * b;
    (*sums)[2] += a0.z * b;
    (*sums)[3] += a0.w * b;
    (*sums)[4] += a1.x * b;
    (*sums)[5] += a1.y * b;
    (*sums)[6] += a1.z * b;
    (*sums)[7] += a1.w * b;
}

// Adds the products of the rows of a step, of which the slice's first one is given.
fn multiply_all(near: ptr<function, Sums>, far: ptr<function, Sums>, side: u32, row: u32, m: u32, n: u32) {
    multiply(near, far, side, row, m, n);
    multiply(near, far, side, row + 1u, m, n);
    multiply(near, far, side, row + 2u, m, n);
    multiply(near, far, side, row + 3u, m, n);
#ifdef SPLIT
#else
    multiply(near, far, side, row + 4u, m, n);
    multiply(near, far, side, row + 5u, m, n);
    multiply(near, far, side, row + 6u, m, n);
    multiply(near, far, side, row + 7u, m, n);
#endif
}

// Adds the products of a row of the step; the far columns are half a tile further than the near ones.
fn multiply(near: ptr<function, Sums>, far: ptr<function, Sums>, side: u32, row: u32, m: u32, n: u32) {
    let a0 = vec4<f32>(ws[side][row / W_ROWS][row % W_ROWS][0][m]);
    let a1 = vec4<f32>(ws[side][row / W_ROWS][row % W_ROWS][1][m]);
    add(near, a0, a1, vec4<f32>(xs[side][row / X_ROWS][row % X_ROWS][0][n]));
#ifdef WIDE
    add(far, a0, a1, vec4<f32>(xs[side][row / X_ROWS][row % X_ROWS][1][n]));
#endif
}

#ifdef SPLIT
// Sums on their way from one invocation to another: in place of what was staged before, where that has their precision.
#ifdef F16
var<workgroup> partial: array<array<vec4<f32>, 2>, THREADS>;

fn hand_over(other: u32, local_index: u32, a: vec4<f32>, b: vec4<f32>) {
    partial[local_index] = array<vec4<f32>, 2>(a, b);
}

fn handed_over(other: u32, local_index: u32, slice: u32) -> array<vec4<f32>, 2> {
    return partial[local_index + SLICE * slice];
}
#else
fn hand_over(other: u32, local_index: u32, a: vec4<f32>, b: vec4<f32>) {
    ws[other][0][local_index / M4][local_index % M4 / (M4 / 2u)][local_index % (M4 / 2u)] = a;
    xs[other][local_index / N4 / X_ROWS][local_index / N4 % X_ROWS][0][local_index % N4] = b;
}

fn handed_over(other: u32, local_index: u32, slice: u32) -> array<vec4<f32>, 2> {
    let lane = local_index + SLICE * slice;
    return array<vec4<f32>, 2>(
        ws[other][0][lane / M4][lane % M4 / (M4 / 2u)][lane % (M4 / 2u)],
        xs[other][lane / N4 / X_ROWS][lane / N4 % X_ROWS][0][lane % N4],
    );
}
#endif

// Adds two of the sums of the other slices to those of the first one.
fn add_slices(sums: ptr<function, Sums>, first: u32, other: u32, local_index: u32) {
    hand_over(other, local_index, (*sums)[first], (*sums)[first + 1u]);
    workgroupBarrier();
    if local_index < 32u {
        for (var i = 1u; i < S; i++) {
            let more = handed_over(other, local_index, i);
            (*sums)[first] += more[0];
            (*sums)[first + 1u] += more[1];
        }
    }
    workgroupBarrier();
}
#endif

// Whether the group has a channel.
fn is_channel(own: u32) -> bool {
    return own < params.out_channels / params.groups;
}

// What is added to the sums of a channel of the group at four columns.
fn addend(place: Target, biases: u32, group: u32, own: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    if is_channel(own) {
        let channel = group * (params.out_channels / params.groups) + own;
        if params.has_bias != 0u {
            sum = vec4<f32>(f32(bias[biases + channel]));
        }
        if params.has_residual != 0u {
            sum += residual_at(place, channel);
        }
    }
    return sum;
}

fn store_channel(place: Target, group: u32, own: u32, value: vec4<f32>) {
    if is_channel(own) {
        store(place, group * (params.out_channels / params.groups) + own, value);
    }
}

fn finish_all(place: Target, biases: u32, group: u32, first: u32, sums: Sums) {
    var values = Eight(
        sums[0] + addend(place, biases, group, first),
        sums[1] + addend(place, biases, group, first + 1u),
        sums[2] + addend(place, biases, group, first + 2u),
        sums[3] + addend(place, biases, group, first + 3u),
        sums[4] + addend(place, biases, group, first + M / 2u),
        sums[5] + addend(place, biases, group, first + M / 2u + 1u),
        sums[6] + addend(place, biases, group, first + M / 2u + 2u),
        sums[7] + addend(place, biases, group, first + M / 2u + 3u),
    );
    activate8(&values, params.activation);
    store_channel(place, group, first, values[0]);
    store_channel(place, group, first + 1u, values[1]);
    store_channel(place, group, first + 2u, values[2]);
    store_channel(place, group, first + 3u, values[3]);
    store_channel(place, group, first + M / 2u, values[4]);
    store_channel(place, group, first + M / 2u + 1u, values[5]);
    store_channel(place, group, first + M / 2u + 2u, values[6]);
    store_channel(place, group, first + M / 2u + 3u, values[7]);
}

@compute @workgroup_size(THREADS)
fn main(thread: Invocation) {
    let group_in = params.in_channels / params.groups;
    let group_out = params.out_channels / params.groups;
    let shared_weights = params.weight_sample_stride == 0u;
    let tiles = (group_out + M - 1u) / M;
    let pixels = out_plane() / (N / WIDTH);
    let columns = pixels * select(1u, params.batch, shared_weights);
    let column_tiles = (columns + WIDTH - 1u) / WIDTH;
#ifdef ALIGNED
    let taps = 1u;
#else
    let taps = tap_rows() * params.window.kernel_width;
#endif

    // item = ((first_sample * groups + group) * column_tiles + column tile) * tiles + tile
    var item = linear_workgroup(thread);
    let tile = item % tiles;
    item /= tiles;
    let column = item % column_tiles * WIDTH;
    item /= column_tiles;
    let group = item % params.groups;
    let first_sample = item / params.groups;
    if first_sample >= select(params.batch, 1u, shared_weights) {
        return;
    }

    let local_index = thread.local_index;
    let source_column = min(column + local_index % WIDTH, columns - 1u);
    let source_channel = (first_sample + source_column / pixels) * params.in_channels + group * group_in;
    var source = source_of(source_channel, source_column % pixels, local_index / WIDTH);
    var at = ((first_sample * params.groups + group) * tiles + tile) * (taps * params.steps) * (K * M4) + local_index;

    let lane = local_index % SLICE;
    let m = lane / N_LANES;
    let n = lane % N_LANES;
#ifdef SPLIT
    let row = local_index / SLICE * ROWS; // the first of the slice
#else
    let row = 0u;
#endif

    var near: Sums;
    var far: Sums;
    var side = 1u;
    begin_tap(&source);
    stage(1u - side, next_weights(at), next_inputs(&source), local_index);
    side = 1u - side;
    workgroupBarrier();
    for (var tap = 0u; tap < taps; tap++) {
        if tap > 0u {
            begin_tap(&source);
        }
        // The first step of all has been staged.
        for (var step = select(0u, 1u, tap == 0u); step < params.steps; step++) {
            at += K * M4;
            let weights = next_weights(at);
            let inputs = next_inputs(&source);
            multiply_all(&near, &far, side, row, m, n);
            stage(1u - side, weights, inputs, local_index);
            side = 1u - side;
            workgroupBarrier();
        }
    }
    multiply_all(&near, &far, side, row, m, n);
#ifdef SPLIT
    add_slices(&near, 0u, 1u - side, local_index);
    add_slices(&near, 2u, 1u - side, local_index);
    add_slices(&near, 4u, 1u - side, local_index);
    add_slices(&near, 6u, 1u - side, local_index);
    if local_index >= SLICE {
        return;
    }
#endif
    let first = tile * M + m * 4u;
    let biases = first_sample * params.bias_sample_stride;
    let own_column = column + n * (WIDTH / N4);
    finish_all(target_of(first_sample, own_column, pixels, columns), biases, group, first, near);
#ifdef WIDE
    finish_all(target_of(first_sample, own_column + WIDTH / 2u, pixels, columns), biases, group, first, far);
#endif
}

// Matrix products of GPUs: weights [channels, k] times inputs [k, columns]. A workgroup computes a tile of M channels by
// N columns in S slices of the reduction, an invocation 8 channels by 4 columns of one slice, or with WIDE by 8. Both
// factors pass through workgroup memory, of which one side is read while the other is filled: one barrier a step.
// Columns are pixels, those of all samples where these share their weights. With ALIGNED the convolution is
// 1x1 without stride over planes of whole vec4s; else inputs of any window are read value by value, and k runs over the
// taps and, within a tap, over the input channels.
#variant M=128 N=128,64 WIDE ALIGNED?
#variant M=64 N=64 ALIGNED?
#variant M=32 N=32 SPLIT ALIGNED?
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

var<workgroup> ws: array<array<array<array<real4, M4>, W_ROWS>, W_PASSES>, 2>;
var<workgroup> xs: array<array<array<array<real4, N4>, X_ROWS>, X_PASSES>, 2>;

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
        ws[other][p][local_index / M4][local_index % M4] = w[p];
    }
    for (var p = 0u; p < X_PASSES; p++) {
#ifdef ALIGNED
        xs[other][p][local_index / WIDTH][local_index % WIDTH] = v[p];
#else
        xs[other][p][local_index / WIDTH][local_index % WIDTH / 4u][local_index % 4u] = v[p];
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

// Adds the products of a row of the step; the far columns are half a tile further than the near ones.
fn multiply(near: ptr<function, Sums>, far: ptr<function, Sums>, side: u32, row: u32, m: u32, n: u32) {
    let a0 = vec4<f32>(ws[side][row / W_ROWS][row % W_ROWS][m]);
    let a1 = vec4<f32>(ws[side][row / W_ROWS][row % W_ROWS][m + M4 / 2u]);
    add(near, a0, a1, vec4<f32>(xs[side][row / X_ROWS][row % X_ROWS][n]));
#ifdef WIDE
    add(far, a0, a1, vec4<f32>(xs[side][row / X_ROWS][row % X_ROWS][n + N_LANES]));
#endif
}

#ifdef SPLIT
var<workgroup> partial: array<array<vec4<f32>, 2>, THREADS>;

// Adds two of the sums of the other slices to those of the first one.
fn add_slices(sums: ptr<function, Sums>, first: u32, local_index: u32) {
    partial[local_index] = array<vec4<f32>, 2>((*sums)[first], (*sums)[first + 1u]);
    workgroupBarrier();
    if local_index < 32u {
        for (var i = 1u; i < S; i++) {
            let more = partial[local_index + 32u * i];
            (*sums)[first] += more[0];
            (*sums)[first + 1u] += more[1];
        }
    }
    workgroupBarrier();
}
#endif

// Finishes a channel of the group at four columns, where there is such a channel.
fn finish(place: Target, biases: u32, group: u32, own: u32, sum: vec4<f32>) {
    let group_out = params.out_channels / params.groups;
    if own < group_out {
        let channel = group * group_out + own;
        var shift = 0.0;
        if params.has_bias != 0u {
            shift = f32(bias[biases + channel]);
        }
        store(place, channel, sum + shift);
    }
}

fn finish_all(place: Target, biases: u32, group: u32, first: u32, sums: Sums) {
    finish(place, biases, group, first, sums[0]);
    finish(place, biases, group, first + 1u, sums[1]);
    finish(place, biases, group, first + 2u, sums[2]);
    finish(place, biases, group, first + 3u, sums[3]);
    finish(place, biases, group, first + M / 2u, sums[4]);
    finish(place, biases, group, first + M / 2u + 1u, sums[5]);
    finish(place, biases, group, first + M / 2u + 2u, sums[6]);
    finish(place, biases, group, first + M / 2u + 3u, sums[7]);
}

@compute @workgroup_size(THREADS)
fn main(thread: Invocation) {
    let group_in = params.in_channels / params.groups;
    let group_out = params.out_channels / params.groups;
    let shared_weights = params.weight_sample_stride == 0u;
    let tiles = (group_out + M - 1u) / M;
    let pixels = params.out_height * params.out_width / (N / WIDTH);
    let columns = pixels * select(1u, params.batch, shared_weights);
    let column_tiles = (columns + WIDTH - 1u) / WIDTH;

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
    var at = ((first_sample * params.groups + group) * tiles + tile) * params.steps * (K * M4) + local_index;

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
    stage(1u - side, next_weights(at), next_inputs(&source), local_index);
    side = 1u - side;
    workgroupBarrier();
    for (var step = 0u; step < params.steps; step++) {
        // Past the last step what is staged is not used.
        at += K * M4;
        let weights = next_weights(at);
        let inputs = next_inputs(&source);
        multiply(&near, &far, side, row, m, n);
        multiply(&near, &far, side, row + 1u, m, n);
        multiply(&near, &far, side, row + 2u, m, n);
        multiply(&near, &far, side, row + 3u, m, n);
#ifdef SPLIT
#else
        multiply(&near, &far, side, row + 4u, m, n);
        multiply(&near, &far, side, row + 5u, m, n);
        multiply(&near, &far, side, row + 6u, m, n);
        multiply(&near, &far, side, row + 7u, m, n);
#endif
        stage(1u - side, weights, inputs, local_index);
        side = 1u - side;
        workgroupBarrier();
    }
#ifdef SPLIT
    add_slices(&near, 0u, local_index);
    add_slices(&near, 2u, local_index);
    add_slices(&near, 4u, local_index);
    add_slices(&near, 6u, local_index);
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

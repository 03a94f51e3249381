// Matrix products of matrix units: weights [channels, k] times inputs [k, columns], as in gemm.wgsl, for devices that store
// half precision. A workgroup computes a tile of M channels by N columns, a subgroup two by two square matrices of sums in
// single precision, or with TALL four by two, and with WIDE four by four. The matrices of a subgroup are spread over the
// tile: those of all subgroups with one number lie side by side. Both factors pass through workgroup memory, where the K rows
// of a step lie side by side for each channel and for each column: lanes then read 16 bytes at a time.
enable wgpu_cooperative_matrix;
// The analysis of the compiler takes what a function returns for different in each lane. Here whole workgroups leave, or
// none of their lanes does.
diagnostic(off, derivative_uniformity);
#requires subgroups
#requires matrices
#variant M=128 N=128 LANES=64 MATRIX16 TALL WIDE ALIGNED?
#variant M=128 N=64 LANES=64,32 MATRIX16 TALL ALIGNED?
#variant M=64 N=64 LANES=64 MATRIX16 TALL ALIGNED?
#variant M=128 N=128 LANES=32 MATRIX16 TALL ALIGNED?
#variant M=64 N=64 LANES=32 MATRIX16 ALIGNED?
#variant M=64 N=64 LANES=32 TALL WIDE ALIGNED?
#variant M=32 N=32 LANES=32 ALIGNED?
#variant M=128 N=32 LANES=8 TALL WIDE ALIGNED?
#variant M=64 N=64 LANES=8 TALL ALIGNED?
#variant M=32 N=32 LANES=8 ALIGNED?
#define GEMM
#import common/real
#import common/grid
#import common/activation
#import conv/params

alias Run = array<real4, 2>;

@group(0) @binding(2) var<storage, read> weight: array<Run>; // as gemm/prepack.wgsl lays them out
@group(0) @binding(3) var<storage, read> bias: array<real>;    // [Co] or [N, Co]

#ifdef MATRIX16
const SIDE: u32 = 16u; // rows and columns of a matrix
alias Left = coop_mat16x16<real, A>;
alias Right = coop_mat16x16<real, B>;
alias Sum = coop_mat16x16<f32, C>;
#else
const SIDE: u32 = 8u;
alias Left = coop_mat8x8<real, A>;
alias Right = coop_mat8x8<real, B>;
alias Sum = coop_mat8x8<f32, C>;
#endif
#ifdef TALL
const HIGH: u32 = 4u; // matrices of a subgroup
#else
const HIGH: u32 = 2u;
#endif
#ifdef WIDE
const BROAD: u32 = 4u;
#else
const BROAD: u32 = 2u;
#endif
const M: u32 = 128u;
const N: u32 = 128u;
const LANES: u32 = 64u; // of a subgroup
const DOWN: u32 = M / (SIDE * HIGH); // subgroups of a workgroup
const ACROSS: u32 = N / (SIDE * BROAD);
const K: u32 = 32u; // rows of a step
const SUBGROUPS: u32 = DOWN * ACROSS;
const THREADS: u32 = LANES * SUBGROUPS;

// Each pass of an invocation stages eight weights of a channel W_ROWS below the one before, and inputs X_ROWS below.
const W_ROWS: u32 = THREADS / (K / 8u);
const W_PASSES: u32 = M / W_ROWS;
const X_ROWS: u32 = THREADS / WIDTH;
const X_PASSES: u32 = K / X_ROWS;
const X_RUN: u32 = min(X_PASSES, 8u); // inputs of an invocation that lie side by side

// Run values more than K keep lanes on different banks.
const PITCH: u32 = K + 8u;
var<workgroup> ws: array<array<array<array<array<real, 8>, PITCH / 8u>, SIDE>, DOWN>, HIGH>;
var<workgroup> xs: array<array<array<array<array<real, X_RUN>, PITCH / X_RUN>, SIDE>, ACROSS>, BROAD>;

#import gemm/tensors

fn next_weights(at: u32) -> array<Run, W_PASSES> {
    var next: array<Run, W_PASSES>;
    for (var p = 0u; p < W_PASSES; p++) {
        next[p] = weight[at + p * THREADS];
    }
    return next;
}

fn stage(weights: array<Run, W_PASSES>, inputs: array<Input, X_PASSES>, local_index: u32) {
    var w = weights;
    var v = inputs;
    let part = local_index % (K / 8u);
    for (var p = 0u; p < W_PASSES; p++) {
        let row = p * W_ROWS + local_index / (K / 8u);
        for (var j = 0u; j < 8u; j++) {
            ws[row / (SIDE * DOWN)][row / SIDE % DOWN][row % SIDE][part][j] = w[p][j / 4u][j % 4u];
        }
    }
    let run = local_index / WIDTH * (X_PASSES / X_RUN);
    for (var c = 0u; c < N / WIDTH; c++) {
        let column = local_index % WIDTH * (N / WIDTH) + c;
        for (var p = 0u; p < X_PASSES; p++) {
#ifdef ALIGNED
            let value = v[p][c];
#else
            let value = v[p];
#endif
            xs[column / (SIDE * ACROSS)][column / SIDE % ACROSS][column % SIDE][run + p / X_RUN][p % X_RUN] = value;
        }
    }
}

alias Sums = array<array<Sum, BROAD>, HIGH>;

// A matrix begins in its first row, and goes on in the rows that follow that one in memory.
fn left(i: u32, down: u32, k: u32) -> Left {
    return coopLoadT<Left>(&ws[i][down][0][k / 8u][0], PITCH);
}

fn right(j: u32, across: u32, k: u32) -> Right {
    return coopLoad<Right>(&xs[j][across][0][k / X_RUN][0], PITCH);
}

// Adds the products of a column of matrices with one matrix.
fn add(sums: ptr<function, Sums>, j: u32, a: array<Left, HIGH>, b: Right) {
    (*sums)[0][j] = coopMultiplyAdd(a[0], b, (*sums)[0][j]);
    (*sums)[1][j] = coopMultiplyAdd(a[1], b, (*sums)[1][j]);
#ifdef TALL
    (*sums)[2][j] = coopMultiplyAdd(a[2], b, (*sums)[2][j]);
    (*sums)[3][j] = coopMultiplyAdd(a[3], b, (*sums)[3][j]);
#endif
}

// Adds the products of SIDE rows of the step.
fn multiply(sums: ptr<function, Sums>, down: u32, across: u32, k: u32) {
    var a: array<Left, HIGH>;
    a[0] = left(0u, down, k);
    a[1] = left(1u, down, k);
#ifdef TALL
    a[2] = left(2u, down, k);
    a[3] = left(3u, down, k);
#endif
    add(sums, 0u, a, right(0u, across, k));
    add(sums, 1u, a, right(1u, across, k));
#ifdef WIDE
    add(sums, 2u, a, right(2u, across, k));
    add(sums, 3u, a, right(3u, across, k));
#endif
}

// Adds the products of a step.
fn multiply_all(sums: ptr<function, Sums>, down: u32, across: u32) {
    multiply(sums, down, across, 0u);
#ifdef MATRIX16
    multiply(sums, down, across, 16u);
#else
    multiply(sums, down, across, 8u);
    multiply(sums, down, across, 16u);
    multiply(sums, down, across, 24u);
#endif
}

// Matrices of a subgroup that are finished at a time.
#ifdef MATRIX16
const FINISHED: u32 = 1u;
#else
const FINISHED: u32 = 2u;
#endif
const FOURS: u32 = SIDE * SIDE / 4u; // of a matrix
var<workgroup> results: array<array<array<array<f32, 4>, FOURS>, SUBGROUPS>, FINISHED>;

fn hold(subgroup: u32, sum: Sum) {
    coopStoreT(sum, &results[0][subgroup][0][0], SIDE);
}

#ifdef MATRIX16
#else
fn hold_next(subgroup: u32, sum: Sum) {
    coopStoreT(sum, &results[1][subgroup][0][0], SIDE);
}
#endif

// What a lane needs to know to finish results.
struct Place {
    first_sample: u32,
    column: u32, // the first of the tile
    columns: u32,
    pixels: u32,
    group: u32,
    channel: u32, // of the group, the first of the tile
    subgroup: u32,
    lane: u32,
}

// Finishes what is held: matrices side by side, the first of them the j'th, which the lanes of the subgroup share by fours.
fn finish(place: Place, i: u32, j: u32) {
    let subgroup = place.subgroup;
    workgroupBarrier();
    let group_out = params.out_channels / params.groups;
    for (var v = 0u; v < FOURS * FINISHED / LANES; v++) {
        let index = place.lane + v * LANES;
        let number = index / FOURS;
        let four = index % FOURS;
        let own = place.channel + (i * DOWN + subgroup / ACROSS) * SIDE + four / (SIDE / 4u);
        let column = ((j + number) * ACROSS + subgroup % ACROSS) * SIDE + four % (SIDE / 4u) * 4u;
        if own < group_out {
            let channel = place.group * group_out + own;
            let own_column = place.column + column / (N / WIDTH);
            let own_place = target_of(place.first_sample, own_column, place.pixels, place.columns);
            var value = vec4<f32>(
                results[number][subgroup][four][0],
                results[number][subgroup][four][1],
                results[number][subgroup][four][2],
                results[number][subgroup][four][3],
            );
            if params.has_bias != 0u {
                value += f32(bias[place.first_sample * params.bias_sample_stride + channel]);
            }
            if params.has_residual != 0u {
                value += residual_at(own_place, channel);
            }
            store(own_place, channel, activate4(value, params.activation));
        }
    }
    workgroupBarrier();
}

fn finish_row(place: Place, i: u32, sums: array<Sum, BROAD>) {
#ifdef MATRIX16
    hold(place.subgroup, sums[0]);
    finish(place, i, 0u);
    hold(place.subgroup, sums[1]);
    finish(place, i, 1u);
#ifdef WIDE
    hold(place.subgroup, sums[2]);
    finish(place, i, 2u);
    hold(place.subgroup, sums[3]);
    finish(place, i, 3u);
#endif
#else
    hold(place.subgroup, sums[0]);
    hold_next(place.subgroup, sums[1]);
    finish(place, i, 0u);
#ifdef WIDE
    hold(place.subgroup, sums[2]);
    hold_next(place.subgroup, sums[3]);
    finish(place, i, 2u);
#endif
#endif
}

@compute @workgroup_size(THREADS)
fn main(thread: Invocation, @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let group_in = params.in_channels / params.groups;
    let group_out = params.out_channels / params.groups;
    let shared_weights = params.weight_sample_stride == 0u;
    let tiles = (group_out + M - 1u) / M;
    let pixels = params.out_height * params.out_width / (N / WIDTH);
    let columns = pixels * select(1u, params.batch, shared_weights);
    let column_tiles = (columns + WIDTH - 1u) / WIDTH;
#ifdef ALIGNED
    let taps = 1u;
#else
    let taps = params.window.kernel_height * params.window.kernel_width;
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
    var at = ((first_sample * params.groups + group) * tiles + tile) * (taps * params.steps) * (M * K / 8u) + local_index;
    let down = subgroup / ACROSS;
    let across = subgroup % ACROSS;

    var sums: Sums;
    begin_tap(&source);
    stage(next_weights(at), next_inputs(&source), local_index);
    workgroupBarrier();
    for (var tap = 0u; tap < taps; tap++) {
        if tap > 0u {
            begin_tap(&source);
        }
        // The first step of all has been staged.
        for (var step = select(0u, 1u, tap == 0u); step < params.steps; step++) {
            at += M * K / 8u;
            let weights = next_weights(at);
            let inputs = next_inputs(&source);
            multiply_all(&sums, down, across);
            workgroupBarrier();
            stage(weights, inputs, local_index);
            workgroupBarrier();
        }
    }
    multiply_all(&sums, down, across);
    let place = Place(first_sample, column, columns, pixels, group, tile * M, subgroup, lane);
    finish_row(place, 0u, sums[0]);
    finish_row(place, 1u, sums[1]);
#ifdef TALL
    finish_row(place, 2u, sums[2]);
    finish_row(place, 3u, sums[3]);
#endif
}

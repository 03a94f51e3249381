// Two products of matrix units, each by a subgroup of its own, for the host to compare: what is needed of subgroups, of the
// layout of matrices in memory, and of the precision of sums is asked for as in gemm/cooperative.wgsl.
enable wgpu_cooperative_matrix;
diagnostic(off, derivative_uniformity);
#requires subgroups
#requires matrices
#variant MATRIX16 LANES=64,32
#variant LANES=32,8
#import common/real

struct Params {
    k: u32, // rows of the factors, two matrices
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<real>;        // [2, 2, SIDE, k]: rows of the one, columns of the other
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [2, SIDE, SIDE]

#ifdef MATRIX16
const SIDE: u32 = 16u;
alias Left = coop_mat16x16<real, A>;
alias Right = coop_mat16x16<real, B>;
alias Sum = coop_mat16x16<f32, C>;
#else
const SIDE: u32 = 8u;
alias Left = coop_mat8x8<real, A>;
alias Right = coop_mat8x8<real, B>;
alias Sum = coop_mat8x8<f32, C>;
#endif
const LANES: u32 = 64u;
const K: u32 = 2u * SIDE;

var<workgroup> factors: array<array<array<array<real, K + 8u>, SIDE>, 2>, 2>;
var<workgroup> results: array<array<f32, SIDE * SIDE>, 2>;

@compute @workgroup_size(LANES * 2u)
fn main(
    @builtin(local_invocation_index) local_index: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    for (var i = 0u; i < 2u * SIDE * K / LANES; i++) {
        let at = local_index + i * LANES * 2u;
        factors[at / (2u * SIDE * K)][at / (SIDE * K) % 2u][at / K % SIDE][at % K] = x[at];
    }
    workgroupBarrier();
    var sum: Sum;
    for (var k = 0u; k < params.k; k += SIDE) {
        let left = coopLoadT<Left>(&factors[subgroup][0][0][k], K + 8u);
        let right = coopLoad<Right>(&factors[subgroup][1][0][k], K + 8u);
        sum = coopMultiplyAdd(left, right, sum);
    }
    coopStoreT(sum, &results[subgroup][0], SIDE);
    workgroupBarrier();
    for (var i = 0u; i < SIDE * SIDE / LANES; i++) {
        let at = lane + i * LANES;
        out[subgroup * SIDE * SIDE + at] = results[subgroup][at];
    }
}

// Batch normalisation. One invocation handles four neighbouring values of one channel of one sample, or with ALIGNED PER
// neighbouring vec4s, so that the channel's parameters are found and its scale computed once for them. With WIDE, too, a
// workgroup handles PER runs of 64 neighbouring vec4s of one channel: on a GPU its invocations load together what lies
// together, and the parameters once for all of them.
#variant ALIGNED?
#variant ALIGNED WIDE
#import common/real
#import common/grid
#import common/activation
#ifdef ALIGNED
#import common/vec4
#endif

struct Params {
    planes: u32, // N*C
    channels: u32,
    values: u32, // of one channel of one sample
    has_affine: u32,
    activation: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> running_mean: array<real>; // [C]
@group(0) @binding(3) var<storage, read> running_var: array<real>;  // [C]
@group(0) @binding(4) var<storage, read> weight: array<real>;       // [C]
@group(0) @binding(5) var<storage, read> bias: array<real>;         // [C]

// (value - mean) * scale + shift.
struct Line {
    mean: f32,
    scale: f32,
    shift: f32,
}

// The mean is taken away first: folded into the shift it would cancel against a large value.
fn line_of(channel: u32) -> Line {
    var by = Line(f32(running_mean[channel]), 1.0 / sqrt(f32(running_var[channel]) + params.eps), 0.0);
    if params.has_affine != 0u {
        by.scale *= f32(weight[channel]);
        by.shift = f32(bias[channel]);
    }
    return by;
}

#ifdef ALIGNED
@group(0) @binding(1) var<storage, read> x: array<Packed4>;         // [N, C, values]
@group(0) @binding(6) var<storage, read_write> out: array<Packed4>; // [N, C, values]
const WORKGROUP: u32 = 64u;
#else
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, C, values]
@group(0) @binding(6) var<storage, read_write> out: array<real>; // [N, C, values]
const WORKGROUP: u32 = 256u;
#endif

@compute @workgroup_size(WORKGROUP)
fn main(thread: Invocation) {
    // item = plane * runs + run
#ifdef ALIGNED
    let elements = params.values / 4u;
#else
    let elements = params.values;
#endif
#ifdef WIDE
    let step = WORKGROUP;
    let runs = (elements + PER * step - 1u) / (PER * step);
    let item = linear_workgroup(thread);
    let lane = thread.local_index;
#else
    let step = 1u;
    let runs = (elements + PER - 1u) / PER;
    let item = linear_workgroup(thread) * WORKGROUP + thread.local_index;
    let lane = 0u;
#endif
    let plane = item / runs;
    if plane >= params.planes {
        return;
    }
    let by = line_of(plane % params.channels);
    let start = (item % runs) * PER * step + lane;
    for (var i = 0u; i < PER; i++) {
        if start + i * step < elements {
            let at = plane * elements + start + i * step;
#ifdef ALIGNED
            let value = (unpack4(x[at]) - by.mean) * by.scale + by.shift;
            out[at] = pack4(activate4(value, params.activation));
#else
            out[at] = real(activate((f32(x[at]) - by.mean) * by.scale + by.shift, params.activation));
#endif
        }
    }
}

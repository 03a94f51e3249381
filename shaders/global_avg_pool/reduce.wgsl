// Global average pooling where lanes are many: one workgroup sums one plane, each lane every 64th pixel,
// then a tree over the lanes.
#import common/grid
#import common/global_avg_pool

const LANES: u32 = 64u;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // The folded grid may hold more workgroups than there are planes; they leave as a whole.
    let plane = linear_workgroup(id, count);
    if plane >= params.planes {
        return;
    }

    var sum = 0.0;
    for (var pixel = lane; pixel < params.pixels; pixel += LANES) {
        sum += x[plane * params.pixels + pixel];
    }
    partial[lane] = sum;

    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane < width {
            partial[lane] += partial[lane + width];
        }
    }
    if lane == 0u {
        out[plane] = partial[0] / f32(params.pixels);
    }
}

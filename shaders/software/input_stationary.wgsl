// Input-stationary convolution: a lane reads 64 inputs of its four pixels and goes through the output channels with them, so
// that a product takes two instructions of a processor. Sums in registers would take more than three, for each is read,
// masked and written in every trip; here each sum takes one trip through the output for every 64 inputs. Lane l reads the
// weights of the inputs 8 l to 8 l + 7 of a channel, and broadcasts them. Inputs are a multiple of eight: of one pixel, or
// with WINDOW of a window (inputs.wgsl). With ALIGNED planes of the output are whole vec4s (sums.wgsl).
#requires subgroups
#define INPUT_STATIONARY
#variant WINDOW? ALIGNED?
#import common/real
#import common/vec4
#import software/lanes
#import software/place
#import software/inputs
#import software/sums

@group(0) @binding(2) var<storage, read> weight: array<Packed8>; // [Co, inputs], or [N, Co, inputs]
@group(0) @binding(3) var<storage, read> bias: array<f32>;     // [Co] or [N, Co]

// Output channels of an invocation: enough to be worth the reading of its inputs.
fn block_channels() -> u32 {
    return params.block_channels;
}

// Inputs of each pixel that stay in registers.
const BLOCK: u32 = 64u;

alias Inputs = array<vec4<f32>, 64>;

// Adds eight inputs; even and odd ones apart, for an addition has to wait for the one before.
fn add8(sums: ptr<function, array<vec4<f32>, 2>>, inputs: ptr<function, Inputs>, first: u32, near: vec4<f32>, far: vec4<f32>) {
    (*sums)[0] += (*inputs)[first] * near.x;
    (*sums)[1] += (*inputs)[first + 1u] * near.y;
    (*sums)[0] += (*inputs)[first + 2u] * near.z;
    (*sums)[1] += (*inputs)[first + 3u] * near.w;
    (*sums)[0] += (*inputs)[first + 4u] * far.x;
    (*sums)[1] += (*inputs)[first + 5u] * far.y;
    (*sums)[0] += (*inputs)[first + 6u] * far.z;
    (*sums)[1] += (*inputs)[first + 7u] * far.w;
}

@compute @workgroup_size(8)
fn main(thread: Lane) {
    let lane = thread.lane;
    let k = params.in_channels / params.groups * params.window.kernel_height * params.window.kernel_width;
    let group_out = params.out_channels / params.groups;
    let vec4s = (params.out_height * params.out_width + 3u) / 4u;
    let place = place_of(linear_workgroup(thread), lane, vec4s);
    if is_past_end(place) {
        return;
    }
    let matrix = place.weights * params.groups + place.group;
    let biases = place.weights * params.bias_sample_stride + place.group * group_out;
    let channels = channels_of(place);
    var seen = 0.0;
    for (var first = 0u; first < k; first += BLOCK) {
        // What is read last comes to lie last: where less than 64 inputs are left, they are behind zeros.
        let eights = min(k - first, BLOCK) / 8u;
        var inputs: Inputs;
        var source = source_of(place, first, vec4s);
        seen += fetch_profitable(source, lane, vec4s, 8u * eights);
        // Four at a time: twice as many take a third longer to compile.
        for (var i = 0u; i < 2u * eights; i++) {
            inputs = Inputs(
                inputs[4], inputs[5], inputs[6], inputs[7], inputs[8], inputs[9], inputs[10], inputs[11], inputs[12], inputs[13], inputs[14],
                inputs[15], inputs[16], inputs[17], inputs[18], inputs[19], inputs[20], inputs[21], inputs[22], inputs[23], inputs[24],
                inputs[25], inputs[26], inputs[27], inputs[28], inputs[29], inputs[30], inputs[31], inputs[32], inputs[33], inputs[34],
                inputs[35], inputs[36], inputs[37], inputs[38], inputs[39], inputs[40], inputs[41], inputs[42], inputs[43], inputs[44],
                inputs[45], inputs[46], inputs[47], inputs[48], inputs[49], inputs[50], inputs[51], inputs[52], inputs[53], inputs[54],
                inputs[55], inputs[56], inputs[57], inputs[58], inputs[59], inputs[60], inputs[61], inputs[62], inputs[63],
                next(&source, vec4s), next(&source, vec4s), next(&source, vec4s), next(&source, vec4s),
            );
        }
        let reads = lane + eights >= 8u;
        let own = select(0u, lane + eights - 8u, reads);
        var mine = ((matrix * group_out + place.first) * k + first) / 8u + own;
        for (var c = 0u; c < channels; c++) {
            let row = unpack8(weight[mine]);
            mine += k / 8u;
            let near = select(vec4<f32>(), row[0], reads);
            let far = select(vec4<f32>(), row[1], reads);
            var sums: array<vec4<f32>, 2>;
            if first > 0u {
                sums[0] = partial4(place, c, vec4s);
            } else if params.has_bias != 0u {
                sums[0] = vec4<f32>(bias[biases + place.first + c]);
            }
            add8(&sums, &inputs, 0u, subgroupBroadcast(near, 0u), subgroupBroadcast(far, 0u));
            add8(&sums, &inputs, 8u, subgroupBroadcast(near, 1u), subgroupBroadcast(far, 1u));
            add8(&sums, &inputs, 16u, subgroupBroadcast(near, 2u), subgroupBroadcast(far, 2u));
            add8(&sums, &inputs, 24u, subgroupBroadcast(near, 3u), subgroupBroadcast(far, 3u));
            add8(&sums, &inputs, 32u, subgroupBroadcast(near, 4u), subgroupBroadcast(far, 4u));
            add8(&sums, &inputs, 40u, subgroupBroadcast(near, 5u), subgroupBroadcast(far, 5u));
            add8(&sums, &inputs, 48u, subgroupBroadcast(near, 6u), subgroupBroadcast(far, 6u));
            add8(&sums, &inputs, 56u, subgroupBroadcast(near, 7u), subgroupBroadcast(far, 7u));
            put4(place, c, vec4s, sums[0] + sums[1], first + BLOCK >= k);
        }
    }
    // Never so, but not known when the kernel is compiled: nobody may leave out what was fetched.
    if params.batch == 0u {
        put4(place, 0u, vec4s, vec4<f32>(seen), true);
    }
}

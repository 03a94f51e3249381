// Convolution that holds its inputs: a lane reads 64 terms of its four pixels, and goes through the output channels
// with them. A product then takes two instructions of a processor, one of which reads what is held; where sums are held
// and inputs go by, it takes more than three, for each sum is read, masked and written again in every trip. The price is
// one trip of each sum through the output for every 64 terms.
//
// Lane l reads the weights of the terms 8 l to 8 l + 7 of a channel as they lie in the tensor, and all lanes hear them.
// Terms are a multiple of eight: those of a window of one pixel, or with WINDOW of any (terms.wgsl). With ALIGNED planes of the
// output are a multiple of four pixels (sums.wgsl).
#requires subgroups
#variant WINDOW? ALIGNED?
#import common/vec4
#import common/grid
#import software/octets
#import software/terms
#import software/sums

@group(0) @binding(2) var<storage, read> weight: array<Eight>; // [Co, terms], or [N, Co, terms]
@group(0) @binding(3) var<storage, read> bias: array<f32>;     // [Co] or [N, Co]

// Output channels of an invocation: enough to be worth the reading of its inputs.
fn block_channels() -> u32 {
    return params.held_channels;
}

// Terms that are held.
const TERMS: u32 = 64u;

alias Held = array<vec4<f32>, 64>;

// Adds eight terms; even and odd ones apart, for an addition has to wait for the one before.
fn add8(sums: ptr<function, array<vec4<f32>, 2>>, held: ptr<function, Held>, first: u32, near: vec4<f32>, far: vec4<f32>) {
    (*sums)[0] += (*held)[first] * near.x;
    (*sums)[1] += (*held)[first + 1u] * near.y;
    (*sums)[0] += (*held)[first + 2u] * near.z;
    (*sums)[1] += (*held)[first + 3u] * near.w;
    (*sums)[0] += (*held)[first + 4u] * far.x;
    (*sums)[1] += (*held)[first + 5u] * far.y;
    (*sums)[0] += (*held)[first + 6u] * far.z;
    (*sums)[1] += (*held)[first + 7u] * far.w;
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(subgroup_invocation_id) voice: u32,
) {
    let terms = params.in_channels / params.groups * params.window.kernel_height * params.window.kernel_width;
    let group_out = params.out_channels / params.groups;
    let quads = (params.out_height * params.out_width + 3u) / 4u;
    let place = place_of(linear_workgroup(id, count), voice, quads);
    if is_past_end(place) {
        return;
    }
    let matrix = place.weights * params.groups + place.group;
    let biases = place.weights * params.bias_sample_stride + place.group * group_out;
    let channels = channels_of(place);
    var seen = 0.0;
    for (var first = 0u; first < terms; first += TERMS) {
        // What is read last comes to lie last: where less than 64 terms are left, they are behind zeros.
        let eights = min(terms - first, TERMS) / 8u;
        var held: Held;
        var source = source_of(place, first, quads);
        seen += fetched_of(source, voice, quads, 8u * eights);
        // Four at a time: twice as many take a third longer to compile.
        for (var i = 0u; i < 2u * eights; i++) {
            held = Held(
                held[4], held[5], held[6], held[7], held[8], held[9], held[10], held[11], held[12], held[13], held[14],
                held[15], held[16], held[17], held[18], held[19], held[20], held[21], held[22], held[23], held[24],
                held[25], held[26], held[27], held[28], held[29], held[30], held[31], held[32], held[33], held[34],
                held[35], held[36], held[37], held[38], held[39], held[40], held[41], held[42], held[43], held[44],
                held[45], held[46], held[47], held[48], held[49], held[50], held[51], held[52], held[53], held[54],
                held[55], held[56], held[57], held[58], held[59], held[60], held[61], held[62], held[63],
                next(&source, quads),
                next(&source, quads),
                next(&source, quads),
                next(&source, quads),
            );
        }
        let listens = voice + eights >= 8u;
        let own = select(0u, voice + eights - 8u, listens);
        var mine = ((matrix * group_out + place.first) * terms + first) / 8u + own;
        for (var c = 0u; c < channels; c++) {
            let row = eight(weight[mine]);
            mine += terms / 8u;
            let near = select(vec4<f32>(), row[0], listens);
            let far = select(vec4<f32>(), row[1], listens);
            var sums: array<vec4<f32>, 2>;
            if first > 0u {
                sums[0] = kept4(place, c, quads);
            } else if params.has_bias != 0u {
                sums[0] = vec4<f32>(bias[biases + place.first + c]);
            }
            add8(&sums, &held, 0u, subgroupBroadcast(near, 0u), subgroupBroadcast(far, 0u));
            add8(&sums, &held, 8u, subgroupBroadcast(near, 1u), subgroupBroadcast(far, 1u));
            add8(&sums, &held, 16u, subgroupBroadcast(near, 2u), subgroupBroadcast(far, 2u));
            add8(&sums, &held, 24u, subgroupBroadcast(near, 3u), subgroupBroadcast(far, 3u));
            add8(&sums, &held, 32u, subgroupBroadcast(near, 4u), subgroupBroadcast(far, 4u));
            add8(&sums, &held, 40u, subgroupBroadcast(near, 5u), subgroupBroadcast(far, 5u));
            add8(&sums, &held, 48u, subgroupBroadcast(near, 6u), subgroupBroadcast(far, 6u));
            add8(&sums, &held, 56u, subgroupBroadcast(near, 7u), subgroupBroadcast(far, 7u));
            put4(place, c, quads, sums[0] + sums[1], first + TERMS >= terms);
        }
    }
    // Never so, but not known when the kernel is compiled: nobody may leave out what was fetched.
    if params.batch == 0u {
        put4(place, 0u, quads, vec4<f32>(seen), true);
    }
}

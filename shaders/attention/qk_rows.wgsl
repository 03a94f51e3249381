// Products of queries with the keys of their windows, over rows of whole vec4s whose taps are neighbours. One invocation
// computes a row of K taps of one head at four neighbouring pixels: for each channel it reads a vec4 of queries and three of
// keys. Windows that are shifted into the image lie anywhere in these twelve keys, so all of them are multiplied.
#variant K=7,5,3 SHIFT?
#import common/real
#import common/grid
#import common/row
#import attention/params

@group(0) @binding(1) var<storage, read> query: array<real4>; // [N, heads*d, H, W]
@group(0) @binding(2) var<storage, read> key: array<real4>;   // [N, heads*d, H, W]
@group(0) @binding(3) var<storage, read> bias: array<real>;   // [heads, 2*Kh-1, 2*K-1]
#ifdef SHIFT
@group(0) @binding(4) var<storage, read_write> out: array<real>; // [N, heads*Kh*K, H, W]
const BORDER: u32 = 3u;
const SUMS: u32 = 12u; // one for each key
#else
@group(0) @binding(4) var<storage, read_write> out: array<real4>; // [N, heads*Kh*K, H, W]
const BORDER: u32 = 0u;
const SUMS: u32 = K; // one for each tap
#endif

const K: u32 = 7u; // taps of a row, odd

#import common/border

@compute @workgroup_size(64)
fn main(thread: Invocation) {
    let window = params.window;
    let columns = params.width / 4u;

    // item = (((sample * heads + head) * Kh + ky) * height + y) * columns + column
    var item = linear_workgroup(thread) * 64u + thread.local_index;
    let column = item % columns;
    item /= columns;
    let oy = item % params.height;
    item /= params.height;
    let ky = item % window.kernel_height;
    let matrix = item / window.kernel_height;
    if matrix >= params.batch * params.heads {
        return;
    }
    let down = Axis(window.kernel_height, 1u, window.padding_top, window.dilation_y, params.height);
    let iy = begin(vec4<u32>(oy), down).x + i32(ky * window.dilation_y);
    let inside = u32(iy) < params.height;
    let row = select(0u, u32(iy), inside);
#ifdef SHIFT
    // Twelve keys that have the windows of all four pixels among them; past the end of the row none of these does.
    let first = max(column, 1u) - 1u;
    let places = vec3<u32>(first, first + 1u, min(first + 2u, columns - 1u));
#else
    let places = vec3<u32>(max(column, 1u) - 1u, column, min(column + 1u, columns - 1u));
#endif
    let plane = params.height * columns;
    let base = matrix * params.head_channels * plane;
    let keys = base + row * columns + places;
    let queries = base + oy * columns + column;

    var sums: array<vec4<f32>, SUMS>;
    for (var c = 0u; c < params.head_channels; c++) {
        let q = vec4<f32>(query[queries + c * plane]);
        let near = Row(
            vec4<f32>(key[keys.x + c * plane]),
            vec4<f32>(key[keys.y + c * plane]),
            vec4<f32>(),
            vec4<f32>(key[keys.z + c * plane]),
        );
        for (var s = 0u; s < SUMS; s++) {
#ifdef SHIFT
            sums[s] += q * value_of(near, s);
#else
            sums[s] += q * under(near, s + 3u - K / 2u, 1u);
#endif
        }
    }
    let head = matrix % params.heads;
    let distances = 2u * K - 1u;
    let down_to = (iy - i32(oy)) / i32(window.dilation_y) + i32(window.kernel_height) - 1i;
    let biases = (head * (2u * window.kernel_height - 1u) + u32(down_to)) * distances;
    let at = ((matrix * window.kernel_height + ky) * K * params.height + oy) * columns + column;
#ifdef SHIFT
    let across = Axis(K, 1u, window.padding_left, 1u, params.width);
    let pixels = vec4<u32>(column * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let start = vec4<u32>(begin(pixels, across));
    for (var s = 0u; s < SUMS; s++) {
        for (var p = 0u; p < 4u; p++) {
            let place = first * 4u + s;
            let tap = place - start[p];
            if tap < K {
                var sum = params.scale * sums[s][p];
                if params.has_bias != 0u {
                    sum += f32(bias[biases + place + K - 1u - pixels[p]]);
                }
                out[(at + tap * plane) * 4u + p] = real(sum);
            }
        }
    }
#else
    for (var s = 0u; s < SUMS; s++) {
        let place = vec4<u32>(column * 4u + s - K / 2u) + vec4<u32>(0u, 1u, 2u, 3u);
        let there = (place < vec4<u32>(params.width)) & vec4<bool>(inside);
        var sum = select(vec4<f32>(), params.scale * sums[s], there);
        if params.has_bias != 0u {
            sum += f32(bias[biases + s + K / 2u]);
        }
        sum = select(sum, vec4<f32>(MASKED), vec4<bool>(params.mask != 0u) & !there);
        out[at + s * plane] = real4(sum);
    }
#endif
}

// One of twelve neighbouring values.
fn value_of(row: Row, number: u32) -> f32 {
    if number < 4u {
        return row.left[number];
    }
    if number < 8u {
        return row.own[number - 4u];
    }
    return row.right[number - 8u];
}

// Inputs and outputs of gemm.wgsl: with ALIGNED vec4s of planes, where a column is a vec4; else single values.
// requires: K, N, X_PASSES, X_ROWS, activate4, params, real, real4

#ifdef ALIGNED
@group(0) @binding(1) var<storage, read> x: array<real4>;         // [N, Ci, H, W]
@group(0) @binding(4) var<storage, read_write> out: array<real4>; // [N, Co, H, W]
@group(0) @binding(5) var<storage, read> residual: array<real4>;  // the shape of out

const WIDTH: u32 = N / 4u; // columns of a tile

alias Input = real4;

// Where the inputs lie that an invocation stages: of a column every X_ROWS'th row from `row` on.
struct Source {
    row: u32,
    rows: u32, // that the step and those to come have
    at: u32,
}

// `channel` and `pixel` are those of the first row.
fn source_of(channel: u32, pixel: u32, row: u32) -> Source {
    let plane = params.height * params.width / 4u;
    return Source(row, params.in_channels / params.groups, (channel + row) * plane + pixel);
}

// The inputs of the next step; zeros past the last row.
fn next_inputs(source: ptr<function, Source>) -> array<Input, X_PASSES> {
    let plane = params.height * params.width / 4u;
    var next: array<Input, X_PASSES>;
    for (var p = 0u; p < X_PASSES; p++) {
        let valid = (*source).row + p * X_ROWS < (*source).rows;
        next[p] = select(real4(), x[(*source).at + p * X_ROWS * plane], valid);
    }
    (*source).at += K * plane;
    (*source).rows -= min((*source).rows, K);
    return next;
}

// Where the outputs of a column lie.
struct Target {
    at: u32, // of the first channel
    valid: bool,
}

fn target_of(first_sample: u32, column: u32, pixels: u32, columns: u32) -> Target {
    let at = (first_sample + column / pixels) * params.out_channels * pixels + column % pixels;
    return Target(at, column < columns);
}

// Stores the outputs of a channel.
fn store(place: Target, channel: u32, sum: vec4<f32>) {
    if place.valid {
        let at = place.at + channel * (params.out_height * params.out_width / 4u);
        var value = sum;
        if params.has_residual != 0u {
            value += vec4<f32>(residual[at]);
        }
        out[at] = real4(activate4(value, params.activation));
    }
}
#else
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, Ci, H, W]
@group(0) @binding(4) var<storage, read_write> out: array<real>; // [N, Co, H', W']
@group(0) @binding(5) var<storage, read> residual: array<real>;  // the shape of out

const WIDTH: u32 = N; // columns of a tile

alias Input = real;

// Where the inputs lie that an invocation stages: of a column every X_ROWS'th row from `row` on. The rows are input
// channels, those of the first tap and then those of the next.
struct Source {
    row: u32,
    rows: u32,  // that the step and those to come have of the tap
    at: u32,
    first: u32, // the channel's first value
    iy: u32,    // where the window begins; left of or above the image it has wrapped around 0
    ix: u32,
    ky: u32,    // the next tap
    kx: u32,
    inside: bool,
}

// `channel` and `pixel` are those of the first row.
fn source_of(channel: u32, pixel: u32, row: u32) -> Source {
    var source: Source;
    source.row = row;
    source.first = (channel + row) * params.height * params.width;
    source.iy = pixel / params.out_width * params.window.stride_y - params.window.padding_top;
    source.ix = pixel % params.out_width * params.window.stride_x - params.window.padding_left;
    return source;
}

// The inputs of the next step, all of one tap; zeros past the last row and outside of the image.
fn next_inputs(source: ptr<function, Source>) -> array<Input, X_PASSES> {
    let plane = params.height * params.width;
    if (*source).rows == 0u {
        let iy = (*source).iy + (*source).ky * params.window.dilation_y;
        let ix = (*source).ix + (*source).kx * params.window.dilation_x;
        (*source).inside = iy < params.height && ix < params.width;
        (*source).at = (*source).first + iy * params.width + ix;
        (*source).rows = params.in_channels / params.groups;
        (*source).kx += 1u;
        if (*source).kx == params.window.kernel_width {
            (*source).kx = 0u;
            (*source).ky += 1u;
        }
    }
    // Outside of the image no row is left.
    let left = select(0u, (*source).rows - min((*source).rows, (*source).row), (*source).inside);
    var next: array<Input, X_PASSES>;
    for (var p = 0u; p < X_PASSES; p++) {
        next[p] = select(real(), x[(*source).at + p * X_ROWS * plane], p * X_ROWS < left);
    }
    (*source).at += K * plane;
    (*source).rows -= min((*source).rows, K);
    return next;
}

// Where the outputs of four columns lie.
struct Target {
    at: vec4<u32>, // of the first channel
    valid: vec4<bool>,
}

fn target_of(first_sample: u32, column: u32, pixels: u32, columns: u32) -> Target {
    let own = vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u);
    let at = (first_sample + own / pixels) * params.out_channels * pixels + own % pixels;
    return Target(at, own < vec4<u32>(columns));
}

// Stores the outputs of a channel.
fn store(place: Target, channel: u32, sum: vec4<f32>) {
    let at = place.at + channel * (params.out_height * params.out_width);
    var value = sum;
    if params.has_residual != 0u {
        let places = select(vec4<u32>(), at, place.valid);
        value += vec4<f32>(real4(residual[places.x], residual[places.y], residual[places.z], residual[places.w]));
    }
    value = activate4(value, params.activation);
    if place.valid.x { out[at.x] = real(value.x); }
    if place.valid.y { out[at.y] = real(value.y); }
    if place.valid.z { out[at.z] = real(value.z); }
    if place.valid.w { out[at.w] = real(value.w); }
}
#endif

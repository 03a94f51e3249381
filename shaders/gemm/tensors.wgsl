// Inputs and outputs of gemm.wgsl: with ALIGNED vec4s of planes, where a column is a vec4; else single values.
// requires: K, N, X_PASSES, X_ROWS, in_plane, out_plane, params, real, real4

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

// Without taps there is nothing to begin.
fn begin_tap(source: ptr<function, Source>) {
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

fn residual_at(place: Target, channel: u32) -> vec4<f32> {
    let at = place.at + channel * (params.out_height * params.out_width / 4u);
    return vec4<f32>(residual[select(0u, at, place.valid)]);
}

// Stores the outputs of a channel.
fn store(place: Target, channel: u32, value: vec4<f32>) {
    if place.valid {
        out[place.at + channel * (params.out_height * params.out_width / 4u)] = real4(value);
    }
}
#else
@group(0) @binding(1) var<storage, read> x: array<real>;         // [N, Ci, H, W] or [N, Ci, D, H, W]
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
    first: u32, // where the window begins; left of or above the image it has wrapped around 0
    iy: u32,
    ix: u32,
    dy: u32,    // from there to the next tap
    dx: u32,
#ifdef DEPTH
    iz: u32,
    dz: u32,
#endif
    inside: bool,
}

// `channel` and `pixel` are those of the first row.
fn source_of(channel: u32, pixel: u32, row: u32) -> Source {
    var source: Source;
    source.row = row;
    let out_row = pixel / params.out_width;
    source.ix = pixel % params.out_width * params.window.stride_x - params.window.padding_left;
#ifdef DEPTH
    source.iz = out_row / params.out_height * params.window.stride_z - params.window.padding_front;
    source.iy = out_row % params.out_height * params.window.stride_y - params.window.padding_top;
    let slice = (channel + row) * params.depth + source.iz;
#else
    source.iy = out_row * params.window.stride_y - params.window.padding_top;
    let slice = channel + row;
#endif
    source.first = (slice * params.height + source.iy) * params.width + source.ix;
    return source;
}

// Goes on to the first channels of the next tap.
fn begin_tap(source: ptr<function, Source>) {
    let dy = (*source).dy;
    let dx = (*source).dx;
    (*source).inside = (*source).iy + dy < params.height && (*source).ix + dx < params.width;
    (*source).at = (*source).first + dy * params.width + dx;
#ifdef DEPTH
    let dz = (*source).dz;
    (*source).inside = (*source).inside && (*source).iz + dz < params.depth;
    (*source).at += dz * params.height * params.width;
#endif
    (*source).rows = params.in_channels / params.groups;
    let next_dx = dx + params.window.dilation_x;
    let ends = next_dx == params.window.kernel_width * params.window.dilation_x;
    (*source).dx = select(next_dx, 0u, ends);
    let next_dy = dy + select(0u, params.window.dilation_y, ends);
#ifdef DEPTH
    let last_row = next_dy == params.window.kernel_height * params.window.dilation_y;
    (*source).dy = select(next_dy, 0u, last_row);
    (*source).dz = dz + select(0u, params.window.dilation_z, last_row);
#else
    (*source).dy = next_dy;
#endif
}

// The inputs of the next step of a tap; zeros past the last row and outside of the image.
fn next_inputs(source: ptr<function, Source>) -> array<Input, X_PASSES> {
    let plane = in_plane();
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

fn residual_at(place: Target, channel: u32) -> vec4<f32> {
    let at = select(vec4<u32>(), place.at + channel * out_plane(), place.valid);
    return vec4<f32>(real4(residual[at.x], residual[at.y], residual[at.z], residual[at.w]));
}

// Stores the outputs of a channel.
fn store(place: Target, channel: u32, value: vec4<f32>) {
    let at = place.at + channel * out_plane();
    if place.valid.x { out[at.x] = real(value.x); }
    if place.valid.y { out[at.y] = real(value.y); }
    if place.valid.z { out[at.z] = real(value.z); }
    if place.valid.w { out[at.w] = real(value.w); }
}
#endif

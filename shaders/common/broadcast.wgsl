// Operands that broadcast in up to six runs of dimensions, innermost first; runs that are not needed have size 1.
// requires: params

struct Params {
    elements: u32,
    size0: u32,
    size1: u32,
    size2: u32,
    size3: u32,
    size4: u32,
    x_stride0: u32, // 0 where x repeats
    x_stride1: u32,
    x_stride2: u32,
    x_stride3: u32,
    x_stride4: u32,
    x_stride5: u32,
    y_stride0: u32,
    y_stride1: u32,
    y_stride2: u32,
    y_stride3: u32,
    y_stride4: u32,
    y_stride5: u32,
    activation: u32,
}

// Divides the index that is left by the size of a run, and gives the remainder: the place in the run.
fn place_in(size: u32, rest: ptr<function, u32>) -> u32 {
    let quotient = *rest / size; // divisions are dear: one is enough for both
    let place = *rest - quotient * size;
    *rest = quotient;
    return place;
}

// The places in x and y that one value of the output is made from.
fn operands(index: u32) -> vec2<u32> {
    var rest = index;
    var at = place_in(params.size0, &rest) * vec2<u32>(params.x_stride0, params.y_stride0);
    at += place_in(params.size1, &rest) * vec2<u32>(params.x_stride1, params.y_stride1);
    // Three runs are enough for a bias per channel.
    if rest < params.size2 {
        return at + rest * vec2<u32>(params.x_stride2, params.y_stride2);
    }
    at += place_in(params.size2, &rest) * vec2<u32>(params.x_stride2, params.y_stride2);
    at += place_in(params.size3, &rest) * vec2<u32>(params.x_stride3, params.y_stride3);
    at += place_in(params.size4, &rest) * vec2<u32>(params.x_stride4, params.y_stride4);
    return at + rest * vec2<u32>(params.x_stride5, params.y_stride5);
}

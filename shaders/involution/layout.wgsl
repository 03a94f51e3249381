// Where the weights of a pixel lie in the kernel, by the codes of `KernelLayout` in src/ops/involution.rs.
// requires: params

// From a tap to the next. Before a pixel shuffle, a tap has as many planes as make up the larger one.
fn tap_step(height: u32, width: u32) -> u32 {
    return select(height * width, 1u, params.kernel_layout == 1u);
}

// The places of four pixels of a row, counted from the first weight of their group.
fn pixels_of(row: u32, columns: vec4<u32>, height: u32, width: u32, taps: u32) -> vec4<u32> {
    if params.kernel_layout == 2u {
        let upsample = params.upsample;
        let y = row / upsample;
        let x = columns / upsample;
        // The own plane of a pixel, among those that become the pixels of a position.
        let planes = (row - y * upsample) * upsample + columns - x * upsample;
        let narrow = width / upsample;
        return planes * (height / upsample * narrow) + y * narrow + x;
    }
    let pixels = row * width + columns;
    return select(pixels, pixels * taps, vec4<bool>(params.kernel_layout == 1u));
}

// Where the taps of a window read, by what there is outside of the image. `BORDER` is a code of `Border` in
// src/ops/involution.rs: 0 zero, 1 reflect, 2 replicate, 3 shift.
// requires: BORDER

// An axis of the window and of the image.
struct Axis {
    taps: u32,
    stride: u32,
    padding: u32,
    dilation: u32,
    length: u32,
}

// Where the windows of four positions begin along an axis.
fn begin(position: vec4<u32>, axis: Axis) -> vec4<i32> {
    if BORDER == 3u {
        let residue = position % axis.dilation;
        let places = (axis.length - residue + axis.dilation - 1u) / axis.dilation;
        let half = axis.taps / 2u;
        let start = min(max(position / axis.dilation, vec4<u32>(half)) - half, places - axis.taps);
        return vec4<i32>(residue + start * axis.dilation);
    }
    return vec4<i32>(position * axis.stride) - i32(axis.padding);
}

// Where taps at these places read; with zeros outside of the image past the end of the axis.
fn source_of(place: vec4<i32>, length: u32) -> vec4<u32> {
    let last = i32(length) - 1;
    if BORDER == 1u {
        return vec4<u32>(last - abs(last - abs(place)));
    }
    if BORDER == 2u {
        return vec4<u32>(clamp(place, vec4<i32>(), vec4<i32>(last)));
    }
    return vec4<u32>(place);
}

// Floats as integers that are compared as they are: compilers may assume that no float is NaN and rewrite v != v or
// !(v <= best) so that a NaN is lost, and WGSL has no way to write minus infinity.

const SIGN_BIT: u32 = 0x80000000u;
const INFINITY_BITS: u32 = 0x7f800000u;
const NAN_KEY: u32 = 0xffffffffu;
const LOWEST_KEY: u32 = 0x007fffffu; // the key of minus infinity

// An integer that grows as the float does, and that is largest for NaN of either sign: the bits of a
// positive float with the sign bit set, those of a negative one inverted.
fn key_of(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    let key = select(bits | SIGN_BIT, ~bits, (bits & SIGN_BIT) != 0u);
    return select(key, NAN_KEY, (bits & ~SIGN_BIT) > INFINITY_BITS);
}

// A key with which minus zero is as large as zero.
fn rank_of(value: f32) -> u32 {
    let key = key_of(value);
    return select(key, SIGN_BIT, key == SIGN_BIT - 1u);
}

fn value_of(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key & ~SIGN_BIT, (key & SIGN_BIT) != 0u));
}

// Activations by the codes of `Activation` in src/ops/activation.rs. NaN passes through each of them.

fn sigmoid(v: f32) -> f32 {
    // The exponent is never positive, so that it cannot overflow.
    let e = exp(-abs(v));
    // On some adapters `exp` of NaN is a number: NaN comes from the numerator.
    return select(select(v, 1.0, v >= 0.0), e, v < 0.0) / (1.0 + e);
}

fn activate(v: f32, kind: u32) -> f32 {
    switch kind {
        case 1u: { return select(v, 0.0, v < 0.0); }
        case 2u: { return select(select(v, 0.0, v < 0.0), 6.0, v > 6.0); }
        case 3u: { return sigmoid(v); }
        case 4u: { return v * sigmoid(v); }
        default: { return v; }
    }
}

// The activations that only clip, for four values: none, relu and relu6. The others take dozens of
// instructions wherever they stand: kernels that store at many places leave them to a step of their own.
fn clip4(v: vec4<f32>, kind: u32) -> vec4<f32> {
    let low = select(v, vec4<f32>(), v < vec4<f32>());
    let above = select(v, low, kind != 0u);
    return select(above, vec4<f32>(6.0), (above > vec4<f32>(6.0)) & vec4<bool>(kind == 2u));
}

// Any activation of four values.
fn activate4(v: vec4<f32>, kind: u32) -> vec4<f32> {
    switch kind {
        case 1u: { return select(v, vec4<f32>(), v < vec4<f32>()); }
        case 2u: { return select(select(v, vec4<f32>(), v < vec4<f32>()), vec4<f32>(6.0), v > vec4<f32>(6.0)); }
        case 0u: { return v; }
        default: { return vec4<f32>(activate(v.x, kind), activate(v.y, kind), activate(v.z, kind), activate(v.w, kind)); }
    }
}

alias Eight = array<vec4<f32>, 8>;

// Any activation of eight times four values. The ones that do more than clip take dozens of instructions, which stand here
// once.
fn activate8(values: ptr<function, Eight>, kind: u32) {
    if kind == 0u {
        return;
    }
    if kind < 3u {
        for (var i = 0u; i < 8u; i++) {
            (*values)[i] = select((*values)[i], vec4<f32>(), (*values)[i] < vec4<f32>());
        }
        if kind == 2u {
            for (var i = 0u; i < 8u; i++) {
                (*values)[i] = select((*values)[i], vec4<f32>(6.0), (*values)[i] > vec4<f32>(6.0));
            }
        }
        return;
    }
    for (var i = 0u; i < 8u; i++) {
        let v = *values;
        *values = Eight(v[1], v[2], v[3], v[4], v[5], v[6], v[7], activate4(v[0], kind));
    }
}

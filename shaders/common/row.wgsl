// Inputs around four neighbouring output pixels of a row, and which of them lie under each tap of a window.

// The values around four output pixels of a row, left to right.
struct Row {
    left: vec4<f32>,
    own: vec4<f32>,
    next: vec4<f32>, // the other half of eight, where the window moves by two; else unused
    right: vec4<f32>,
}

// The four values of a row under a tap; tap 3 is the middle one of a window of seven.
fn under(row: Row, tap: u32, stride: u32) -> vec4<f32> {
    if stride == 2u {
        switch tap {
            case 0u: { return vec4<f32>(row.left.yw, row.own.yw); }
            case 1u: { return vec4<f32>(row.left.z, row.own.xz, row.next.x); }
            case 2u: { return vec4<f32>(row.left.w, row.own.yw, row.next.y); }
            case 3u: { return vec4<f32>(row.own.xz, row.next.xz); }
            case 4u: { return vec4<f32>(row.own.yw, row.next.yw); }
            case 5u: { return vec4<f32>(row.own.z, row.next.xz, row.right.x); }
            default: { return vec4<f32>(row.own.w, row.next.yw, row.right.y); }
        }
    }
    switch tap {
        case 0u: { return vec4<f32>(row.left.yzw, row.own.x); }
        case 1u: { return vec4<f32>(row.left.zw, row.own.xy); }
        case 2u: { return vec4<f32>(row.left.w, row.own.xyz); }
        case 3u: { return row.own; }
        case 4u: { return vec4<f32>(row.own.yzw, row.right.x); }
        case 5u: { return vec4<f32>(row.own.zw, row.right.xy); }
        default: { return vec4<f32>(row.own.w, row.right.xyz); }
    }
}

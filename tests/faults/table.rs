//! Faults at edges, and the case that must catch each.

/// Operator, kernel, what is wrong or the story of the case that shows it, the right text, and the wrong one.
pub type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// Operator, kernel, the story of the fixed cases that catch it, the right text, and the wrong one: faults that show at one
/// size or one window alone.
pub const EDGES: &[Row] = &[
    (
        "conv2d",
        "software/input_stationary",
        "a channel more than a block of kept pixels",
        "block_channels() - 1u",
        "block_channels() - 2u",
    ),
    (
        "conv2d",
        "software/input_stationary",
        "a channel more than a block of kept windows, and a pixel more than fours",
        "block_channels() - 1u",
        "block_channels() - 2u",
    ),
    (
        "conv2d",
        "software/input_stationary",
        "fours for all lanes in two groups",
        "(span + 7u) / 8u",
        "(span + 8u) / 8u",
    ),
    (
        "conv2d",
        "software/input_stationary",
        "windows for all lanes in two groups",
        "(span + 7u) / 8u",
        "(span + 8u) / 8u",
    ),
    (
        "involution",
        "software/involution",
        "dilated rows of more than eight lanes",
        "+ lane * step",
        "+ lane",
    ),
    (
        "span_involution",
        "software/involution",
        "dilated rows of more than eight lanes",
        "+ lane * step",
        "+ lane",
    ),
    (
        "span_involution",
        "software/involution",
        "RedNet's groups of 16 channels, or one more",
        "group_channels + CHANNELS - 1u",
        "group_channels + CHANNELS",
    ),
    (
        "batch_norm",
        "elementwise/batch_norm",
        "planes of whole runs, in more than a workgroup",
        "elements + PER - 1u",
        "elements + PER",
    ),
];

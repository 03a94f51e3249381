//! Wrong shaders: what the checks are for is to catch these.

/// A kernel, what is wrong, the right text, and the wrong one.
pub type SeededFault = (&'static str, &'static str, &'static str, &'static str);

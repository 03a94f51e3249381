//! How far single precision may be from a definition, as the operator's arithmetic has it.

/// The distance from 1 to the next larger number in single precision.
pub(crate) const EPSILON: f64 = f32::EPSILON as f64;

/// A step may lose this much absolutely, where an adapter flushes subnormal numbers to zero.
pub(crate) const FLUSH: f64 = f32::MIN_POSITIVE as f64;

/// What rounding may do to the results of an operator, its activation apart.
#[derive(Debug, Clone, PartialEq)]
pub enum Rounding {
    /// Nothing.
    Exact,
    /// A sum of products, with so many roundings on the way to one result.
    Sum(usize),
    /// A rule of the operator's own: how far each result may be off.
    Own(Vec<f64>),
}

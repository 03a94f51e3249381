//! How far single precision may be from a definition, as the operator's arithmetic has it.

/// The distance from 1 to the next larger number in single precision.
pub(crate) const EPSILON: f64 = f32::EPSILON as f64;

/// A step may lose this much absolutely, where an adapter flushes subnormal numbers to zero.
pub(crate) const FLUSH: f64 = f32::MIN_POSITIVE as f64;

/// The distance from 1 to the next larger number in half precision: what is stored is one of the two nearest.
pub(crate) const HALF_EPSILON: f64 = 1.0 / 1024.0;

/// What storing in half precision may lose absolutely, where an adapter flushes subnormal numbers to zero.
pub(crate) const HALF_FLUSH: f64 = 1.0 / 16384.0;

/// The least number that becomes an infinity in half precision, whichever of the nearest is taken.
pub(crate) const HALF_INFINITE: f64 = 65_536.0;

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

//! Two tensors, broadcast as NumPy does.

use super::array::Array;

/// What `of` makes of each value of x and the value of y that belongs to it.
pub(super) fn zip(x: &Array, y: &Array, of: impl Fn(f64, f64) -> f64) -> Array {
    let rank = x.shape.len().max(y.shape.len());
    // Both shapes with the dimensions that the shorter one lacks, which have size 1.
    let aligned = |shape: &[usize]| [&vec![1; rank - shape.len()], shape].concat();
    let [x_shape, y_shape] = [aligned(&x.shape), aligned(&y.shape)];
    let shape: Vec<usize> = x_shape.iter().zip(&y_shape).map(|(&a, &b)| a.max(b)).collect();

    let mut out = Array::zeros(&shape);
    for place in 0..out.data.len() {
        let mut index = vec![0; rank];
        let mut rest = place;
        for axis in (0..rank).rev() {
            index[axis] = rest % shape[axis];
            rest /= shape[axis];
        }
        let value = |operand: &Array, own: &[usize]| {
            let repeated: Vec<usize> =
                index.iter().zip(own).map(|(&i, &size)| if size == 1 { 0 } else { i }).collect();
            operand.at(&repeated[rank - operand.shape.len()..])
        };
        out.data[place] = of(value(x, &x_shape), value(y, &y_shape));
    }
    out
}

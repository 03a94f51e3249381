//! The values of a tensor, out of its storage.

use super::value::{Heap, TensorView, Value};
use crate::error::BadView;
use crate::weights::element::{Element, Order};

/// Sizes, strides and offset of a tensor, in values of its storage.
pub(super) struct Layout {
    pub(super) sizes: Vec<usize>,
    strides: Vec<usize>,
    offset: usize,
}

impl Layout {
    /// The layout that the pickle describes, of at most so many dimensions; none where there are more.
    pub(super) fn of(
        heap: &Heap<'_>,
        view: &TensorView,
        dimensions: u64,
    ) -> Result<Option<Self>, BadView> {
        let sizes = heap.sequence(Value::Object(view.sizes)).unwrap_or_default();
        let strides = heap.sequence(Value::Object(view.strides)).unwrap_or_default();
        if sizes.len() != strides.len() {
            return Err(BadView::Rank);
        }
        if sizes.len() as u64 > dimensions {
            return Ok(None);
        }
        let whole = |value: &Value<'_>| match *value {
            Value::Int(value) if value < 0 => Err(BadView::Negative),
            Value::Int(value) => usize::try_from(value).map_err(|_| BadView::Overflow),
            Value::Long(_) => Err(BadView::Overflow),
            _ => Err(BadView::Rank),
        };
        let sizes = sizes.iter().map(whole).collect::<Result<_, _>>()?;
        let strides = strides.iter().map(whole).collect::<Result<_, _>>()?;
        let offset = whole(&Value::Int(view.offset))?;
        Ok(Some(Layout { sizes, strides, offset }))
    }

    /// The number of elements.
    fn count(&self) -> Option<usize> {
        self.sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
    }

    /// Checks that every element is a value of its own among the `available` ones.
    pub(super) fn check(&self, available: u64) -> Result<(), BadView> {
        if self.count().ok_or(BadView::Overflow)? == 0 {
            return Ok(());
        }
        let mut steps: Vec<(usize, usize)> = self
            .strides
            .iter()
            .zip(&self.sizes)
            .filter(|&(_, &size)| size > 1)
            .map(|(&stride, &size)| (stride, size))
            .collect();
        steps.sort_unstable();
        // A step is longer than all shorter ones together reach.
        let mut reach = 0usize;
        for (stride, size) in steps {
            if stride <= reach {
                return Err(BadView::Overlapping);
            }
            reach = stride
                .checked_mul(size - 1)
                .and_then(|span| span.checked_add(reach))
                .ok_or(BadView::Overflow)?;
        }
        let last = self.offset.checked_add(reach).ok_or(BadView::Overflow)?;
        if (last as u64) < available { Ok(()) } else { Err(BadView::OutOfRange) }
    }

    /// Whether the elements stand one after the other in the storage.
    fn is_dense(&self) -> bool {
        let mut expected = 1usize;
        for (&size, &stride) in self.sizes.iter().zip(&self.strides).rev() {
            if size > 1 && stride != expected {
                return false;
            }
            expected = expected.saturating_mul(size);
        }
        true
    }

    /// The elements in order; none where the layout was not checked against these bytes.
    pub(super) fn gather(&self, bytes: &[u8], element: Element, order: Order) -> Option<Vec<f32>> {
        let width = usize::try_from(element.size()).ok()?;
        let count = self.count()?;
        if count == 0 {
            return Some(Vec::new());
        }
        if self.is_dense() {
            let start = self.offset.checked_mul(width)?;
            let end = start.checked_add(count.checked_mul(width)?)?;
            return Some(element.decode_all(bytes.get(start..end)?, order));
        }
        let mut raw = Vec::with_capacity(count.checked_mul(width)?);
        let mut position = vec![0usize; self.sizes.len()];
        let mut at = self.offset;
        loop {
            let start = at.checked_mul(width)?;
            raw.extend_from_slice(bytes.get(start..start.checked_add(width)?)?);
            // To the next position, the last dimension first.
            let steps = position.iter_mut().zip(&self.sizes).zip(&self.strides).rev();
            let mut done = true;
            for ((index, &size), &stride) in steps {
                if *index + 1 < size {
                    *index += 1;
                    at = at.checked_add(stride)?;
                    done = false;
                    break;
                }
                at = at.checked_sub(stride.checked_mul(*index)?)?;
                *index = 0;
            }
            if done {
                return Some(element.decode_all(&raw, order));
            }
        }
    }
}

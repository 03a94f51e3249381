//! What a pickle leaves behind.

use super::globals::Global;
use crate::error::WeightsLimit;
use crate::weights::element::Element;
use crate::weights::limits::{Result, check};

/// A value on the stack. What can hold other values lies on the [`Heap`], so that a value is small, is
/// copied freely, and nothing that walks values can go deep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, as the bytes that the pickle has for it.
    Long(&'a [u8]),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Global(Global),
    /// Something beside the tensors that is not looked into.
    Opaque,
    /// A place on the heap.
    Object(usize),
}

/// A value that holds others.
#[derive(Debug)]
pub(super) enum Object<'a> {
    Tuple(Vec<Value<'a>>),
    List(Vec<Value<'a>>),
    /// In the order of insertion; of equal keys the last one counts.
    Dict(Vec<(Value<'a>, Value<'a>)>),
    Storage(Storage<'a>),
    Tensor(Tensor),
}

/// A tensor, as the pickle speaks of it.
#[derive(Debug, Clone)]
pub(super) enum Tensor {
    /// One that looks at a storage; apart, as most objects are smaller.
    View(Box<TensorView>),
    /// One that is not dense, or has no values in the file: why it is left out.
    LeftOut(&'static str),
}

/// The values of one or more tensors, as the pickle speaks of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Storage<'a> {
    pub(super) key: &'a str,
    pub(super) element: Element,
    /// The number of values.
    pub(super) count: u64,
}

impl Storage<'_> {
    /// Its bytes, where they can be counted.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.count.checked_mul(self.element.size())
    }

    /// Its bytes as values of a type.
    pub(super) fn of(&self, element: Element) -> Self {
        let count = self.bytes().unwrap_or_default() / element.size();
        if element == self.element { *self } else { Storage { element, count, ..*self } }
    }
}

/// How a tensor looks at a storage. Sizes and strides are places of tuples or lists on the heap.
#[derive(Debug, Clone)]
pub(super) struct TensorView {
    pub(super) storage: usize,
    /// The type of its values, mostly that of the storage.
    pub(super) element: Element,
    /// Whether each value stands for its negative.
    pub(super) negative: bool,
    pub(super) offset: i64,
    pub(super) sizes: usize,
    pub(super) strides: usize,
}

impl From<TensorView> for Object<'_> {
    fn from(view: TensorView) -> Self {
        Object::Tensor(Tensor::View(view.into()))
    }
}

/// Everything that holds other values.
#[derive(Debug, Default)]
pub(super) struct Heap<'a> {
    objects: Vec<Object<'a>>,
    /// How many pairs were copied from a list to a dictionary.
    copied: u64,
}

impl<'a> Heap<'a> {
    /// Adds an object; an error where there are too many.
    pub(super) fn add(&mut self, object: Object<'a>, allowed: u64) -> Result<Value<'a>> {
        let place = self.objects.len();
        let count = (place as u64).saturating_add(self.copied).saturating_add(1);
        check("the pickle", WeightsLimit::Objects, count, allowed)?;
        self.objects.push(object);
        Ok(Value::Object(place))
    }

    /// Counts pairs that are about to be copied, each as an object: the only step of a pickle that
    /// makes more than its own bytes account for.
    pub(super) fn copy(&mut self, pairs: usize, allowed: u64) -> Result<()> {
        self.copied = self.copied.saturating_add(pairs as u64);
        let count = (self.objects.len() as u64).saturating_add(self.copied);
        check("the pickle", WeightsLimit::Objects, count, allowed)
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &Object<'a>> {
        self.objects.iter()
    }

    pub(super) fn get(&self, value: Value<'a>) -> Option<&Object<'a>> {
        match value {
            Value::Object(place) => self.objects.get(place),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, value: Value<'a>) -> Option<&mut Object<'a>> {
        match value {
            Value::Object(place) => self.objects.get_mut(place),
            _ => None,
        }
    }

    pub(super) fn tuple(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        let Object::Tuple(items) = self.get(value)? else { return None };
        Some(items)
    }

    /// The items of a tuple or list.
    pub(super) fn sequence(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        let (Object::Tuple(items) | Object::List(items)) = self.get(value)? else { return None };
        Some(items)
    }

    pub(super) fn dict(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        let Object::Dict(pairs) = self.get(value)? else { return None };
        Some(pairs)
    }

    pub(super) fn tensor(&self, value: Value<'a>) -> Option<&Tensor> {
        let Object::Tensor(tensor) = self.get(value)? else { return None };
        Some(tensor)
    }

    pub(super) fn storage(&self, value: Value<'a>) -> Option<&Storage<'a>> {
        let Object::Storage(storage) = self.get(value)? else { return None };
        Some(storage)
    }
}

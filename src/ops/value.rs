//! Attributes of operators: what their values can be, and how an operator lists them.

use crate::shape::{Padding, Window, by};

pub(crate) type Name = &'static str;

pub(crate) type Done<V> = std::result::Result<(), <V as Visitor>::Error>;

/// Reads or writes the attributes of an operator, one after the other.
pub(crate) trait Visitor {
    type Error;
    /// An attribute with its default; nothing where it cannot be left out.
    fn visit<T: Value>(&mut self, name: Name, value: &mut T, default: Option<T>) -> Done<Self>;
}

/// An operator that is made from attributes.
pub(crate) trait Attributed: Sized {
    /// Tensors that may be there without the other optional ones: all of them or none.
    const APART: &'static [&'static str] = &["residual"];

    /// The operator before its attributes are read, with or without its optional tensors; whether there are those of
    /// `APART` is a choice of its own.
    fn blank(optional: bool, apart: bool) -> Self;

    /// Shows every attribute to `v`: the one place that lists them, for reading and for writing.
    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V>;
}

/// Shows the attributes of a window. The stride of a pooling window is its size where none is given.
pub(crate) fn visit_window<V: Visitor, const AXES: usize>(
    window: &mut Window<AXES>,
    v: &mut V,
    pools: bool,
) -> Done<V> {
    v.visit("kernel_size", &mut window.kernel_size, None)?;
    let default_stride = if pools { window.kernel_size } else { [1; AXES] };
    v.visit("stride", &mut window.stride, Some(default_stride))?;
    v.visit("padding", &mut window.padding, Some(Padding::default()))?;
    v.visit("dilation", &mut window.dilation, Some([1; AXES]))
}

/// What is one of a few, each with a name: `ALL` lists them.
macro_rules! named_values {
    ($($value:ty: $must:literal),+ $(,)?) => {
        $(impl Value for $value {
            const MUST: &'static str = $must;
            fn read(text: &str) -> Option<Self> {
                <$value>::ALL.into_iter().find(|&(name, _)| name == text).map(|(_, known)| known)
            }
            fn write(&self) -> String {
                <$value>::ALL.iter().filter(|(_, known)| known == self).map(|&(name, _)| name).collect()
            }
        })+
    };
}
pub(super) use named_values;

/// What an attribute can be: how it is read and written.
pub(crate) trait Value: PartialEq + Sized {
    /// What its text must be, for messages.
    const MUST: &'static str;
    fn read(text: &str) -> Option<Self>;
    fn write(&self) -> String;
}

/// Numbers, and what else Rust reads and writes as wanted: floats in the shortest text that is exact.
macro_rules! plain_values {
    ($($value:ty: $must:literal),+ $(,)?) => {
        $(impl Value for $value {
            const MUST: &'static str = $must;
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn write(&self) -> String {
                format!("{self:?}")
            }
        })+
    };
}

plain_values! {
    usize: "an integer of at least 0", isize: "an integer", f32: "a number", f64: "a number",
}

impl Value for String {
    const MUST: &'static str = "text";
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn write(&self) -> String {
        self.clone()
    }
}

impl Value for bool {
    const MUST: &'static str = "true or false";
    fn read(text: &str) -> Option<Self> {
        // Python's spelling, too.
        let on = matches!(text, "true" | "True" | "1");
        (on || matches!(text, "false" | "False" | "0")).then_some(on)
    }
    fn write(&self) -> String {
        self.to_string()
    }
}

/// Sizes along each axis, or one for all of them.
impl<const AXES: usize> Value for [usize; AXES] {
    const MUST: &'static str = match AXES {
        2 => "a size such as 3 or 3x5 (height x width)",
        _ => "a size such as 3 or 3x5x7 (depth x height x width)",
    };
    fn read(text: &str) -> Option<Self> {
        let sizes: Vec<usize> = text.split('x').map(usize::read).collect::<Option<_>>()?;
        match sizes[..] {
            [size] => Some([size; AXES]),
            _ => sizes.try_into().ok(),
        }
    }
    fn write(&self) -> String {
        let [first, others @ ..] = &self[..] else { return String::new() };
        if others.iter().all(|size| size == first) { first.to_string() } else { by(self) }
    }
}

/// Sizes that may be left open.
impl<const AXES: usize> Value for Option<[usize; AXES]> {
    const MUST: &'static str = "none or a size such as 3 or 3x5 (height x width)";
    fn read(text: &str) -> Option<Self> {
        if text == "none" { Some(None) } else { Value::read(text).map(Some) }
    }
    fn write(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), Value::write)
    }
}

impl<const AXES: usize> Value for Padding<AXES> {
    const MUST: &'static str = match AXES {
        2 => "same, valid, full, 1, 1x2 (height x width) or top,left,bottom,right",
        _ => {
            "same, valid, full, 1, 1x2x3 (depth x height x width) or front,top,left,back,bottom,right"
        }
    };
    fn read(text: &str) -> Option<Self> {
        match text {
            "same" => Some(Padding::Same),
            "valid" => Some(Padding::Valid),
            "full" => Some(Padding::Full),
            _ if text.contains(',') => {
                let sides: Vec<usize> = text.split(',').map(usize::read).collect::<Option<_>>()?;
                let side = |axis| [sides[axis], sides[AXES + axis]];
                (sides.len() == 2 * AXES).then(|| Padding::Explicit(std::array::from_fn(side)))
            }
            _ => <[usize; AXES]>::read(text).map(Padding::from),
        }
    }
    fn write(&self) -> String {
        match *self {
            Padding::Same => "same".to_owned(),
            Padding::Valid => "valid".to_owned(),
            Padding::Full => "full".to_owned(),
            Padding::Explicit(sides) => {
                let [before, after] = [0, 1].map(|side| sides.map(|axis| axis[side]));
                if before == after {
                    return before.write();
                }
                let sides: Vec<String> =
                    [before, after].as_flattened().iter().map(usize::to_string).collect();
                sides.join(",")
            }
        }
    }
}

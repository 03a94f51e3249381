//! Operators from text and back: a name and attributes such as `stride=2`, as the command line and the
//! files of the tests give them.

use super::{
    Activate, Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, ChannelOrder, Conv2d,
    DynamicConv2d, Fold, GlobalAvgPool, Involution, Linear, MaxPool2d, NAMES, Op, Operator,
    Softmax, SpanInvolution, Unfold,
};
use crate::error::ShapeError;
use crate::shape::{Padding, Shape, Window};

type Result<T> = std::result::Result<T, ShapeError>;
type Name = &'static str;

/// Names and values of an operator's attributes, as text.
///
/// | attribute | value |
/// |---|---|
/// | `kernel_size`, `stride`, `dilation`, `output_size` | `3` or `3x5`: height x width |
/// | `padding` | `1`, `1x2` (rows x columns on both sides), `0,3,2,1` (top, left, bottom, right), `same`, `valid` or `full` |
/// | `groups`, `axis`, `eps`, `temperature` | a number, an integer for the first two |
/// | `ceil_mode`, `count_include_pad` | `true` or `false`, or `1` or `0` |
/// | `channel_order` | `blocked` or `interleaved` |
/// | `activation` | `none`, `relu`, `relu6`, `sigmoid` or `silu` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes(pub(crate) Vec<(String, String)>);

impl Attributes {
    /// Attributes of these names and values.
    pub fn new<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Attributes(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// Attributes written as `name=value`.
    pub fn parse<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Result<Self> {
        let pair = |item: S| {
            let value = format!("'{}'", item.as_ref());
            let (parameter, must) = ("an attribute", "written as name=value");
            let wrong = ShapeError::Parameter { parameter, must, value };
            let (name, value) = item.as_ref().split_once('=').ok_or(wrong)?;
            Ok((name.to_owned(), value.to_owned()))
        };
        items.into_iter().map(pair).collect::<Result<_>>().map(Attributes)
    }
}

/// Activations are operators by their own name, too.
fn alias(name: &str) -> Option<Activation> {
    Activation::read(name).filter(|&activation| activation != Activation::None)
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The operator of this name before its attributes are read, with or without its optional tensors; whether
/// there are those of [`apart`] is a choice of its own.
fn blank(name: &str, optional: bool, apart: bool) -> Result<Operator> {
    let window = Window::new([1, 1]);
    let conv = Conv2d { bias: optional, ..Conv2d::default() };
    Ok(match name {
        "unfold" => Unfold { window }.into(),
        "fold" => Fold { window, output_size: [1, 1] }.into(),
        "conv2d" => Conv2d { residual: apart, ..conv }.into(),
        "dynamic_conv2d" => DynamicConv2d { conv }.into(),
        "involution" => Involution { affine: optional, ..Involution::new(window, 1) }.into(),
        "span_involution" => {
            let involution = Involution { affine: apart, ..Involution::new(window, 1) };
            SpanInvolution { involution, bias: optional }.into()
        }
        "batch_norm" => BatchNorm { affine: optional, ..BatchNorm::default() }.into(),
        "activation" => Activate::default().into(),
        "avg_pool2d" => AvgPool2d::new(window).into(),
        "max_pool2d" => MaxPool2d::new(window).into(),
        "global_avg_pool" => GlobalAvgPool.into(),
        "adaptive_avg_pool2d" => AdaptiveAvgPool2d { output_size: [1, 1] }.into(),
        "softmax" => Softmax::default().into(),
        "linear" => Linear { bias: optional, ..Linear::default() }.into(),
        "add" => Add::default().into(),
        _ => {
            // All but the first of them, which does nothing.
            let activations = Activation::ALL.map(|(name, _)| name);
            let known = listed(&[NAMES, &activations[1..]].concat());
            let unknown = ShapeError::UnknownOperator { name: name.to_owned(), known };
            Activate { activation: alias(name).ok_or(unknown)? }.into()
        }
    })
}

type Done<V> = std::result::Result<(), <V as Visitor>::Error>;

/// Reads or writes the attributes of an operator, one after the other.
trait Visitor {
    type Error;
    /// An attribute with its default; nothing where it cannot be left out.
    fn visit<T: Value>(&mut self, name: Name, value: &mut T, default: Option<T>) -> Done<Self>;
}

/// Shows every attribute of `op` to `v`: the one place that lists them, for reading and for writing.
fn visit<V: Visitor>(op: &mut Operator, v: &mut V) -> Done<V> {
    let none = Some(Activation::None);
    match op {
        Operator::Unfold(op) => visit_window(&mut op.window, v, false),
        Operator::Fold(op) => {
            v.visit("output_size", &mut op.output_size, None)?;
            visit_window(&mut op.window, v, false)
        }
        Operator::Conv2d(op) | Operator::DynamicConv2d(DynamicConv2d { conv: op }) => {
            // The weight has the kernel size: it may be given, to be checked, but is never written.
            v.visit("kernel_size", &mut [0, 0], Some([0, 0]))?;
            v.visit("stride", &mut op.stride, Some([1, 1]))?;
            v.visit("padding", &mut op.padding, Some(Padding::default()))?;
            v.visit("dilation", &mut op.dilation, Some([1, 1]))?;
            v.visit("groups", &mut op.groups, Some(1))?;
            v.visit("activation", &mut op.activation, none)
        }
        Operator::Involution(op)
        | Operator::SpanInvolution(SpanInvolution { involution: op, .. }) => {
            visit_window(&mut op.window, v, false)?;
            v.visit("groups", &mut op.groups, Some(1))?;
            v.visit("channel_order", &mut op.channel_order, Some(ChannelOrder::default()))?;
            v.visit("activation", &mut op.activation, none)
        }
        Operator::BatchNorm(op) => {
            v.visit("eps", &mut op.eps, Some(BatchNorm::default().eps))?;
            v.visit("activation", &mut op.activation, none)
        }
        Operator::Activate(op) => v.visit("activation", &mut op.activation, none),
        Operator::AvgPool2d(op) => {
            visit_window(&mut op.window, v, true)?;
            v.visit("ceil_mode", &mut op.ceil_mode, Some(false))?;
            v.visit("count_include_pad", &mut op.count_include_pad, Some(true))
        }
        Operator::MaxPool2d(op) => {
            visit_window(&mut op.window, v, true)?;
            v.visit("ceil_mode", &mut op.ceil_mode, Some(false))
        }
        Operator::GlobalAvgPool(GlobalAvgPool) => Ok(()),
        Operator::AdaptiveAvgPool2d(op) => v.visit("output_size", &mut op.output_size, None),
        Operator::Softmax(op) => {
            v.visit("axis", &mut op.axis, Some(Softmax::default().axis))?;
            v.visit("temperature", &mut op.temperature, Some(Softmax::default().temperature))
        }
        Operator::Linear(op) => v.visit("activation", &mut op.activation, none),
        Operator::Add(op) => v.visit("activation", &mut op.activation, none),
    }
}

fn visit_window<V: Visitor>(window: &mut Window, v: &mut V, pools: bool) -> Done<V> {
    v.visit("kernel_size", &mut window.kernel_size, None)?;
    let default_stride = if pools { window.kernel_size } else { [1, 1] };
    v.visit("stride", &mut window.stride, Some(default_stride))?;
    v.visit("padding", &mut window.padding, Some(Padding::default()))?;
    v.visit("dilation", &mut window.dilation, Some([1, 1]))
}

impl Operator {
    /// The operator of this name with these attributes, for tensors of these names and shapes.
    ///
    /// Which optional tensors there are decides `bias`, `affine` and `residual`. A convolution takes its kernel size
    /// from the weight; where it is given as well, it must be the same.
    pub fn from_attributes(
        name: &str,
        attributes: &Attributes,
        tensors: &[(&str, &Shape)],
    ) -> Result<Operator> {
        let mut reader = Reader::new(&attributes.0, Operator::attribute_names(name)?)?;
        let mut op = blank(name, optional_given(name, tensors)?, has_apart(name, tensors))?;
        if alias(name).is_none() {
            visit(&mut op, &mut reader)?;
        }
        // Of other operators the weight has another size.
        let convolves = matches!(op, Operator::Conv2d(_) | Operator::DynamicConv2d(_));
        let weight = tensors.iter().find(|(tensor, _)| convolves && *tensor == "weight");
        if let (Some(size), Some((_, weight))) = (reader.get::<[usize; 2]>("kernel_size")?, weight)
            && !weight.dims().ends_with(&size)
        {
            let value = format!("{} where weight is {weight}", size.write());
            let (parameter, must) = ("kernel_size", "that of weight");
            return Err(ShapeError::Parameter { parameter, must, value });
        }
        Ok(op)
    }

    /// The attributes that the operator of this name knows.
    pub fn attribute_names(name: &str) -> Result<Vec<Name>> {
        let mut writer = Writer::default();
        if alias(name).is_none() {
            let Ok(()) = visit(&mut blank(name, true, true)?, &mut writer);
        }
        Ok(writer.0.into_iter().map(|(name, ..)| name).collect())
    }

    /// The tensors that the operator of this name knows, in the order in which they are passed.
    pub fn tensor_names(name: &str) -> Result<Vec<Name>> {
        Ok(blank(name, true, true)?.inputs())
    }

    /// Those of them that it cannot do without.
    pub fn required_tensor_names(name: &str) -> Result<Vec<Name>> {
        Ok(blank(name, false, false)?.inputs())
    }

    /// The attributes that make this operator again, those left out that have their default.
    pub fn to_attributes(&self) -> Vec<(Name, String)> {
        let mut writer = Writer::default();
        let Ok(()) = visit(&mut self.clone(), &mut writer);
        writer.0.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    }
}

/// The tensors of the operator of this name that may be there without its other optional ones: all of them or none.
fn apart(name: &str) -> &'static [&'static str] {
    if name == "span_involution" { &["scale", "shift"] } else { &["residual"] }
}

fn has_apart(name: &str, tensors: &[(&str, &Shape)]) -> bool {
    apart(name).iter().any(|tensor| has(tensors, tensor))
}

fn has(tensors: &[(&str, &Shape)], name: &str) -> bool {
    tensors.iter().any(|&(tensor, _)| tensor == name)
}

/// Checks the names of the tensors, and says whether the optional ones are given: all of them or none.
fn optional_given(name: &str, tensors: &[(&str, &Shape)]) -> Result<bool> {
    let given = |name: &str| has(tensors, name);
    let names = Operator::tensor_names(name)?;
    let known = listed(&names);
    if let Some((name, _)) = tensors.iter().find(|(name, _)| !names.contains(name)) {
        return Err(ShapeError::UnknownTensor { name: (*name).to_owned(), known });
    }
    let has_apart = has_apart(name, tensors);
    let required = blank(name, false, has_apart)?.inputs();
    let names: Vec<Name> =
        names.into_iter().filter(|tensor| has_apart || !apart(name).contains(tensor)).collect();
    let optional = names.iter().any(|name| !required.contains(name) && given(name));
    let needed = if optional { names } else { required };
    match needed.into_iter().find(|name| !given(name)) {
        Some(name) => {
            let given: Vec<&str> = tensors.iter().map(|(name, _)| *name).collect();
            let given = if given.is_empty() { "none".to_owned() } else { given.join(", ") };
            Err(ShapeError::MissingTensor { name, given, known })
        }
        None => Ok(optional),
    }
}

/// Reads attributes that are known to the operator and given once.
pub(crate) struct Reader<'a> {
    given: &'a [(String, String)],
    known: Vec<Name>,
}

impl<'a> Reader<'a> {
    pub fn new(given: &'a [(String, String)], known: Vec<Name>) -> Result<Self> {
        for (index, (name, value)) in given.iter().enumerate() {
            let Some(&parameter) = known.iter().find(|known| *known == name) else {
                let known = listed(&known);
                return Err(ShapeError::UnknownAttribute { name: name.clone(), known });
            };
            if let Some((_, first)) = given[..index].iter().find(|(earlier, _)| earlier == name) {
                let value = format!("'{first}' and '{value}'");
                return Err(ShapeError::Parameter { parameter, must: "given once", value });
            }
        }
        Ok(Reader { given, known })
    }

    pub fn get<T: Value>(&self, parameter: Name) -> Result<Option<T>> {
        let Some((_, text)) = self.given.iter().find(|(given, _)| given == parameter) else {
            return Ok(None);
        };
        let wrong =
            || ShapeError::Parameter { parameter, must: T::MUST, value: format!("'{text}'") };
        T::read(text).ok_or_else(wrong).map(Some)
    }
}

impl Visitor for Reader<'_> {
    type Error = ShapeError;
    fn visit<T: Value>(&mut self, name: Name, value: &mut T, default: Option<T>) -> Done<Self> {
        let missing = ShapeError::MissingAttribute { name, known: listed(&self.known) };
        *value = self.get(name)?.or(default).ok_or(missing)?;
        Ok(())
    }
}

/// Collects the names of attributes, and the text of those that differ from their default.
#[derive(Default)]
struct Writer(Vec<(Name, Option<String>)>);

impl Visitor for Writer {
    type Error = std::convert::Infallible;
    fn visit<T: Value>(&mut self, name: Name, value: &mut T, default: Option<T>) -> Done<Self> {
        self.0.push((name, (default.as_ref() != Some(value)).then(|| value.write())));
        Ok(())
    }
}

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

named_values! {
    Activation: "none, relu, relu6, sigmoid or silu",
    ChannelOrder: "blocked or interleaved",
}

impl Value for [usize; 2] {
    const MUST: &'static str = "a size such as 3 or 3x5 (height x width)";
    fn read(text: &str) -> Option<Self> {
        let (height, width) = text.split_once('x').unwrap_or((text, text));
        Some([usize::read(height)?, usize::read(width)?])
    }
    fn write(&self) -> String {
        let [height, width] = self;
        if height == width { height.to_string() } else { format!("{height}x{width}") }
    }
}

impl Value for Padding {
    const MUST: &'static str =
        "same, valid, full, 1, 1x2 (height x width) or top,left,bottom,right";
    fn read(text: &str) -> Option<Self> {
        match text {
            "same" => Some(Padding::Same),
            "valid" => Some(Padding::Valid),
            "full" => Some(Padding::Full),
            _ if text.contains(',') => {
                let sides: Vec<usize> = text.split(',').map(usize::read).collect::<Option<_>>()?;
                let [top, left, bottom, right] = <[usize; 4]>::try_from(sides).ok()?;
                Some(Padding::Explicit { top, left, bottom, right })
            }
            _ => <[usize; 2]>::read(text).map(|[rows, columns]| Padding::symmetric(rows, columns)),
        }
    }
    fn write(&self) -> String {
        match *self {
            Padding::Same => "same".to_owned(),
            Padding::Valid => "valid".to_owned(),
            Padding::Full => "full".to_owned(),
            Padding::Explicit { top, left, bottom, right } if [top, left] == [bottom, right] => {
                [top, left].write()
            }
            Padding::Explicit { top, left, bottom, right } => {
                format!("{top},{left},{bottom},{right}")
            }
        }
    }
}

//! Operators from text and back: a name and attributes such as `stride=2`, as the command line and the
//! files of the tests give them.

use super::activation::Activate;
use super::epilogue::Activation;
use super::list::{NAMES, Operator, apart, blank, visit};
use super::op::Op;
use super::value::{Done, Name, Value, Visitor};
use crate::error::ShapeError;
use crate::shape::Shape;

type Result<T> = std::result::Result<T, ShapeError>;

/// Names and values of an operator's attributes, as text.
///
/// | attribute | value |
/// |---|---|
/// | `kernel_size`, `stride`, `dilation`, `output_padding`, `output_size` | `3` or `3x5`: height x width; of volumes `3x5x7`: depth x height x width |
/// | `padding` | `1`, `1x2` (rows x columns on both sides), `0,3,2,1` (top, left, bottom, right), `same`, `valid` or `full`; of volumes `1x2x3` or `0,0,3,0,2,1` (front, top, left, back, bottom, right) |
/// | `input_size`, `via` | `none`, or a size such as `3x5` |
/// | `groups`, `axis`, `sampling_ratio`, `eps`, `temperature`, `spatial_scale` | a number, an integer for the first three |
/// | `aligned`, `ceil_mode`, `count_include_pad` | `true` or `false`, or `1` or `0` |
/// | `channel_order` | `blocked` or `interleaved` |
/// | `mode` | `nearest` or `bilinear` |
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

/// The operator of this name or of the activation of this name, before its attributes are read.
fn named(name: &str, optional: bool, apart: bool) -> Result<Operator> {
    blank(name, optional, apart)
        .or_else(|| Some(Activate { activation: alias(name)? }.into()))
        .ok_or_else(|| {
            // All but the first of them, which does nothing.
            let activations = Activation::ALL.map(|(name, _)| name);
            let known = listed(&[NAMES, &activations[1..]].concat());
            ShapeError::UnknownOperator { name: name.to_owned(), known }
        })
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
        let mut op = named(name, optional_given(name, tensors)?, has_apart(name, tensors))?;
        if alias(name).is_none() {
            visit(&mut op, &mut reader)?;
        }
        match op {
            Operator::Conv2d(_) | Operator::ConvTranspose2d(_) | Operator::DynamicConv2d(_) => {
                same_size::<2>(&reader, tensors)?;
            }
            Operator::Conv3d(_) | Operator::DynamicConv3d(_) => same_size::<3>(&reader, tensors)?,
            // Of other operators the weight has another size.
            _ => {}
        }
        Ok(op)
    }

    /// The attributes that the operator of this name knows.
    pub fn attribute_names(name: &str) -> Result<Vec<Name>> {
        let mut writer = Writer::default();
        if alias(name).is_none() {
            let Ok(()) = visit(&mut named(name, true, true)?, &mut writer);
        }
        Ok(writer.0.into_iter().map(|(name, ..)| name).collect())
    }

    /// The tensors that the operator of this name knows, in the order in which they are passed.
    pub fn tensor_names(name: &str) -> Result<Vec<Name>> {
        Ok(named(name, true, true)?.inputs())
    }

    /// Those of them that it cannot do without.
    pub fn required_tensor_names(name: &str) -> Result<Vec<Name>> {
        Ok(named(name, false, false)?.inputs())
    }

    /// The attributes that make this operator again, those left out that have their default.
    pub fn to_attributes(&self) -> Vec<(Name, String)> {
        let mut writer = Writer::default();
        let Ok(()) = visit(&mut self.clone(), &mut writer);
        writer.0.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    }
}

/// An error where a kernel size is given and is not that of the weight.
fn same_size<const AXES: usize>(reader: &Reader<'_>, tensors: &[(&str, &Shape)]) -> Result<()> {
    let weight = tensors.iter().find(|(tensor, _)| *tensor == "weight");
    match (reader.get::<[usize; AXES]>("kernel_size")?, weight) {
        (Some(size), Some((_, weight))) if !weight.dims().ends_with(&size) => {
            let value = format!("{} where weight is {weight}", size.write());
            let (parameter, must) = ("kernel_size", "that of weight");
            Err(ShapeError::Parameter { parameter, must, value })
        }
        _ => Ok(()),
    }
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
    let required = named(name, false, has_apart)?.inputs();
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

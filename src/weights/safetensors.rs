//! safetensors, through the official reader.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use ::safetensors::{Dtype, SafeTensors, View};

use super::collect::Collector;
use super::element::{Element, Order, left_out};
use super::limits::{Limits, Result, check, clip};
use super::loaded::{Format, Loaded};
use crate::error::{WeightsError, WeightsLimit};
use crate::tensor::{StateDict, Tensor};

/// Values in the header for each tensor: its name, type, offsets and dimensions, with some to spare.
const VALUES_EACH: u64 = 16;

/// Digits of the largest number that a header may have: sums of such numbers can be counted.
const DIGITS: usize = 15;

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Loaded> {
    check_header(bytes, limits)?;
    let (length, header) = SafeTensors::read_metadata(bytes).map_err(unsound)?;
    let data = length.checked_add(8).and_then(|start| bytes.get(start..)).unwrap_or_default();
    let mut found = Collector::new(Format::Safetensors, bytes.len(), limits);
    let tensors: BTreeMap<_, _> = header.tensors().into_iter().collect();
    for (name, info) in &tensors {
        found.name(name)?;
        let element = match element(info.dtype) {
            Element::Other(_, reason) => {
                found.skip(name, reason);
                continue;
            }
            element => element,
        };
        found.elements(name, &info.shape)?;
        let (start, end) = info.data_offsets;
        let raw = data.get(start..end).ok_or(WeightsError::Truncated {
            what: "a tensor",
            needed: end as u64,
            present: data.len() as u64,
        })?;
        found.tensor(name, &info.shape, element.decode_all(raw, Order::Little))?;
    }
    let mut loaded = found.finish();
    loaded.metadata.extend(header.metadata().clone().unwrap_or_default());
    Ok(loaded)
}

/// Checks what the official reader takes on trust: how much memory the header takes once it is parsed,
/// and that its numbers can be added up.
fn check_header(bytes: &[u8], limits: &Limits) -> Result<()> {
    let truncated = |what, needed, present: usize| WeightsError::Truncated {
        what,
        needed,
        present: present as u64,
    };
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(truncated("the length of the header", 8, bytes.len()));
    };
    let length = u64::from_le_bytes(*length);
    if length > limits.header_bytes && length > rest.len() as u64 {
        let looks_like = "it is no safetensors file, though it begins like one: its header would be \
                          larger than the file";
        return Err(WeightsError::UnknownFormat { looks_like });
    }
    check("the header", WeightsLimit::HeaderBytes, length, limits.header_bytes)?;
    let header = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    let header = header.ok_or_else(|| truncated("the header", length, rest.len()))?;

    let (mut values, mut objects, mut digits) = (0u64, 0u64, 0);
    let (mut in_text, mut escaped) = (false, false);
    for &byte in header {
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        if digits > DIGITS {
            let message = format!("a number of the header has more than {DIGITS} digits");
            return Err(WeightsError::Safetensors { message });
        }
        match byte {
            b'"' => in_text = true,
            b',' | b':' | b'[' => values += 1,
            b'{' => objects += 1,
            _ => {}
        }
    }
    // Each tensor is an object, and so are the whole and its metadata.
    check("the header", WeightsLimit::Tensors, objects.saturating_sub(2), limits.tensors)?;
    let allowed = limits.tensors.saturating_mul(VALUES_EACH);
    check("the header", WeightsLimit::HeaderValues, values.saturating_add(objects), allowed)
}

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::F64 => Element::F64,
        Dtype::F32 => Element::F32,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::BF16,
        Dtype::BOOL => Element::Other(1, left_out::BOOLS),
        Dtype::U8 | Dtype::I8 => Element::Other(1, left_out::INTEGERS),
        Dtype::U16 | Dtype::I16 => Element::Other(2, left_out::INTEGERS),
        Dtype::U32 | Dtype::I32 => Element::Other(4, left_out::INTEGERS),
        Dtype::U64 | Dtype::I64 => Element::Other(8, left_out::INTEGERS),
        Dtype::C64 => Element::Other(8, left_out::COMPLEX),
        Dtype::F4 => Element::Other(1, left_out::FLOAT4),
        Dtype::F8_E5M2
        | Dtype::F8_E4M3
        | Dtype::F8_E8M0
        | Dtype::F8_E4M3FNUZ
        | Dtype::F8_E5M2FNUZ => Element::Other(1, left_out::FLOAT8),
        _ => Element::Other(1, left_out::UNKNOWN),
    }
}

fn unsound(error: ::safetensors::SafeTensorError) -> WeightsError {
    WeightsError::Safetensors { message: clip(&error.to_string()) }
}

/// The bytes of a safetensors file with these tensors, in single precision, and these texts.
pub fn to_safetensors(tensors: &StateDict, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let texts: HashMap<String, String> = metadata.clone().into_iter().collect();
    let texts = (!texts.is_empty()).then_some(texts);
    let views = tensors.iter().map(|(name, tensor)| (name, Values(tensor)));
    ::safetensors::serialize(views, texts)
        .map_err(|error| WeightsError::Write { message: clip(&error.to_string()) })
}

/// A tensor as the official writer wants to see it.
struct Values<'a>(&'a Tensor);

impl View for Values<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.0.shape().dims()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.0.data().iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.0.data())
    }
}

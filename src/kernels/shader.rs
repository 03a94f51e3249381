//! Shader text to module, and what the shader says of its own bindings.
//!
//! Needs no device: tests load, validate and translate every shader of the crate through here.

use crate::error::{Error, Result};
use crate::kernels::Params;
use crate::shaders::text::{self, Text};
use crate::shaders::{FRAGMENTS, Kernel, Variant};

/// A storage buffer that a shader declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageBinding {
    /// Its WGSL name.
    pub name: String,
    /// Its `@binding`.
    pub index: u32,
    /// Whether the shader only reads it.
    pub read_only: bool,
}

/// A field of a shader's uniform block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniformField {
    /// Its WGSL name.
    pub name: String,
    /// Its place in the block, in bytes.
    pub offset: u32,
}

/// A shader with its imports resolved, and what naga read from it.
#[derive(Debug, Clone)]
pub struct Shader {
    /// The kernel's name.
    pub name: &'static str,
    /// The text that is compiled.
    pub text: Text,
    /// The storage buffers, by `@binding`.
    pub storage: Vec<StorageBinding>,
    /// The `@binding` of the uniform block.
    pub uniform_index: u32,
    /// Bytes of the uniform block.
    pub uniform_size: u32,
    /// The fields of the uniform block.
    pub uniform_fields: Vec<UniformField>,
    /// Invocations in a workgroup.
    pub workgroup_size: u32,
    /// Bytes of workgroup memory.
    pub workgroup_memory: u32,
}

/// Expands and reflects a variant of a kernel for a device that defines these names.
pub fn load(kernel: &Kernel, variant: Variant, device: &[&str]) -> Result<Shader> {
    Ok(parse(kernel, expand(kernel, variant, device)?)?.0)
}

/// The text of a variant of a kernel.
pub fn expand(kernel: &Kernel, variant: Variant, device: &[&str]) -> Result<Text> {
    let fragment =
        |name: &str| FRAGMENTS.iter().find(|(known, _)| *known == name).map(|(_, source)| *source);
    text::expand(kernel.name, kernel.source, variant.values, device, &fragment)
        .map_err(fail(kernel))
}

/// Parses and reflects an expanded kernel.
pub(crate) fn parse(kernel: &Kernel, text: Text) -> Result<(Shader, naga::Module)> {
    let module = naga::front::wgsl::parse_str(&text.wgsl).map_err(|error| {
        let at = |(span, note): (naga::Span, &str)| (range(&span), note.to_owned());
        let at: Vec<_> = error.labels().map(at).collect();
        fail(kernel)(text.explain(error.message(), &at))
    })?;
    let shader = reflect(kernel.name, text, &module).map_err(fail(kernel))?;
    Ok((shader, module))
}

/// Why a module is not valid, if it is not: devices say so without the place.
pub(crate) fn explain_invalid(text: &Text) -> Option<String> {
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    let module = naga::front::wgsl::parse_str(&text.wgsl).ok()?;
    let invalid =
        Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module).err()?;
    let at: Vec<_> = invalid.spans().map(|(span, note)| (range(span), note.clone())).collect();
    let mut message = invalid.as_inner().to_string();
    let mut cause = std::error::Error::source(invalid.as_inner());
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    Some(text.explain(&message, &at))
}

fn range(span: &naga::Span) -> std::ops::Range<usize> {
    span.to_range().unwrap_or_default()
}

fn fail(kernel: &Kernel) -> impl Fn(String) -> Error {
    let kernel = kernel.name.to_owned();
    move |message| Error::Kernel { kernel: kernel.clone(), message }
}

fn reflect(name: &'static str, text: Text, module: &naga::Module) -> Result<Shader, String> {
    let [entry] = module.entry_points.as_slice() else {
        return Err(format!("has {} entry points instead of one", module.entry_points.len()));
    };
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(module.to_ctx()).map_err(|error| error.to_string())?;
    let mut shader = Shader {
        name,
        text,
        storage: Vec::new(),
        uniform_index: 0,
        uniform_size: 0,
        uniform_fields: Vec::new(),
        workgroup_size: entry.workgroup_size.iter().product(),
        workgroup_memory: 0,
    };
    for (_, variable) in module.global_variables.iter() {
        let index = variable.binding.map_or(0, |binding| binding.binding);
        match variable.space {
            naga::AddressSpace::Storage { access } => shader.storage.push(StorageBinding {
                name: variable.name.clone().unwrap_or_default(),
                index,
                read_only: !access.contains(naga::StorageAccess::STORE),
            }),
            naga::AddressSpace::Uniform => {
                shader.uniform_index = index;
                shader.uniform_size = layouter[variable.ty].size;
                add_fields(module, variable.ty, 0, &mut shader.uniform_fields)?;
            }
            naga::AddressSpace::WorkGroup => {
                shader.workgroup_memory += layouter[variable.ty].size;
            }
            _ => {}
        }
    }
    shader.storage.sort_by_key(|binding| binding.index);
    Ok(shader)
}

/// Adds the fields of a struct, and those of the structs in it, by their own names.
fn add_fields(
    module: &naga::Module,
    ty: naga::Handle<naga::Type>,
    start: u32,
    fields: &mut Vec<UniformField>,
) -> Result<(), String> {
    let naga::TypeInner::Struct { members, .. } = &module.types[ty].inner else {
        return Err("the uniform block is not a struct".to_owned());
    };
    for member in members {
        let offset = start + member.offset;
        match module.types[member.ty].inner {
            naga::TypeInner::Struct { .. } => add_fields(module, member.ty, offset, fields)?,
            _ => {
                fields.push(UniformField { name: member.name.clone().unwrap_or_default(), offset })
            }
        }
    }
    Ok(())
}

impl Shader {
    /// The bytes of the uniform block with each number where the shader wants it; an error names what
    /// is missing or not known.
    pub fn uniform_bytes(&self, params: &Params) -> Result<Vec<u8>> {
        let fail = |message| Error::Kernel { kernel: self.name.to_owned(), message };
        let mut bytes = vec![0; self.uniform_size as usize];
        for field in &self.uniform_fields {
            let (_, value) = params
                .entries()
                .iter()
                .find(|(name, _)| *name == field.name)
                .ok_or_else(|| fail(format!("the call gives no '{}'", field.name)))?;
            let at = field.offset as usize;
            bytes
                .get_mut(at..at + 4)
                .ok_or_else(|| fail(format!("'{}' lies outside of the block", field.name)))?
                .copy_from_slice(&value.bits().to_le_bytes());
        }
        if params.entries().len() != self.uniform_fields.len() {
            return Err(fail(format!(
                "the call gives {} numbers for {} fields",
                params.entries().len(),
                self.uniform_fields.len()
            )));
        }
        Ok(bytes)
    }
}

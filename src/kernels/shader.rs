//! Shader text to module: imports, tile constants, and what the shader says of its own bindings.
//!
//! A shader is plain WGSL with one directive, `#import name` on a line of its own, which stands for
//! `shaders/common/name.wgsl`, and `#import fours` for the one of two files that suits the device ([`Fours`]).
//! `const NAME: u32 = 8u;` lines that a [`Tile`] names are set to its value.
//! Needs no device: tests load, validate and translate every shader of the crate through here.

use crate::error::{Error, Result};
use crate::kernels::{Kernel, Params, Tile};

/// The fragments that `#import` knows.
const COMMON: &[(&str, &str)] = &[
    ("activation", include_str!("../../shaders/common/activation.wgsl")),
    ("batch_norm", include_str!("../../shaders/common/batch_norm.wgsl")),
    ("convolution", include_str!("../../shaders/common/convolution.wgsl")),
    ("convolution_params", include_str!("../../shaders/common/convolution_params.wgsl")),
    ("depthwise", include_str!("../../shaders/common/depthwise.wgsl")),
    ("eight_sums", include_str!("../../shaders/common/eight_sums.wgsl")),
    ("fetch", include_str!("../../shaders/common/fetch.wgsl")),
    ("fetch_terms", include_str!("../../shaders/common/fetch_terms.wgsl")),
    ("finish_singles", include_str!("../../shaders/common/finish_singles.wgsl")),
    ("fours", include_str!("../../shaders/common/fours.wgsl")),
    ("fours_wide", include_str!("../../shaders/common/fours_wide.wgsl")),
    ("global_avg_pool", include_str!("../../shaders/common/global_avg_pool.wgsl")),
    ("grid", include_str!("../../shaders/common/grid.wgsl")),
    ("held_planes", include_str!("../../shaders/common/held_planes.wgsl")),
    ("held_tile", include_str!("../../shaders/common/held_tile.wgsl")),
    ("held_windows", include_str!("../../shaders/common/held_windows.wgsl")),
    ("involution", include_str!("../../shaders/common/involution.wgsl")),
    ("involution_held", include_str!("../../shaders/common/involution_held.wgsl")),
    ("involution_params", include_str!("../../shaders/common/involution_params.wgsl")),
    ("linear", include_str!("../../shaders/common/linear.wgsl")),
    ("neighbours", include_str!("../../shaders/common/neighbours.wgsl")),
    ("neighbours_quads", include_str!("../../shaders/common/neighbours_quads.wgsl")),
    ("neighbours_singles", include_str!("../../shaders/common/neighbours_singles.wgsl")),
    ("octets", include_str!("../../shaders/common/octets.wgsl")),
    ("planes", include_str!("../../shaders/common/planes.wgsl")),
    ("row_pairs", include_str!("../../shaders/common/row_pairs.wgsl")),
    ("rows_quads", include_str!("../../shaders/common/rows_quads.wgsl")),
    ("rows_singles", include_str!("../../shaders/common/rows_singles.wgsl")),
    ("softmax", include_str!("../../shaders/common/softmax.wgsl")),
    ("subgroup_quads", include_str!("../../shaders/common/subgroup_quads.wgsl")),
    ("subgroup_singles", include_str!("../../shaders/common/subgroup_singles.wgsl")),
    ("subgroup_tile", include_str!("../../shaders/common/subgroup_tile.wgsl")),
    ("sums_quads", include_str!("../../shaders/common/sums_quads.wgsl")),
    ("sums_singles", include_str!("../../shaders/common/sums_singles.wgsl")),
    ("taps_made", include_str!("../../shaders/common/taps_made.wgsl")),
    ("taps_read", include_str!("../../shaders/common/taps_read.wgsl")),
    ("window", include_str!("../../shaders/common/window.wgsl")),
    ("winograd", include_str!("../../shaders/common/winograd.wgsl")),
    ("winograd_input", include_str!("../../shaders/common/winograd_input.wgsl")),
    ("winograd_output", include_str!("../../shaders/common/winograd_output.wgsl")),
];

/// How a shader takes four neighbouring values from a buffer: which file `#import fours` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fours {
    /// As four floats: `shaders/common/fours.wgsl`.
    Floats,
    /// As two words of 64 bits, which software adapters read with half of the bounds checks: `shaders/common/fours_wide.wgsl`.
    Words,
}

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
    pub wgsl: String,
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

/// Resolves, sets and reflects a kernel.
pub fn load(kernel: &Kernel, tile: Tile, fours: Fours) -> Result<Shader> {
    let fail = |message: String| Error::Kernel { kernel: kernel.name.to_owned(), message };
    let source = resolve_imports(kernel.source, fours).map_err(fail)?;
    let wgsl = set_tile(&source, tile).map_err(fail)?;
    let module = naga::front::wgsl::parse_str(&wgsl)
        .map_err(|error| fail(error.emit_to_string_with_path(&wgsl, kernel.name)))?;
    reflect(kernel.name, wgsl, &module).map_err(fail)
}

/// Replaces each `#import name` line by its fragment, whose own imports come with it; a fragment is
/// included once.
fn resolve_imports(source: &str, fours: Fours) -> Result<String, String> {
    fn include(
        source: &str,
        fours: Fours,
        seen: &mut Vec<String>,
        text: &mut String,
    ) -> Result<(), String> {
        for line in source.lines() {
            match line.strip_prefix("#import ").map(str::trim) {
                None => text.push_str(line),
                Some(name) if seen.iter().any(|known| known == name) => {}
                Some(name) => {
                    let file =
                        if name == "fours" && fours == Fours::Words { "fours_wide" } else { name };
                    let fragment = COMMON.iter().find(|(known, _)| *known == file);
                    let (_, body) = fragment.ok_or_else(|| format!("unknown import '{name}'"))?;
                    seen.push(name.to_owned());
                    include(body, fours, seen, text)?;
                }
            }
            text.push('\n');
        }
        Ok(())
    }
    let mut text = String::new();
    include(source, fours, &mut Vec::new(), &mut text)?;
    Ok(text)
}

/// Sets the `const` lines that the tile names.
fn set_tile(source: &str, tile: Tile) -> Result<String, String> {
    let mut text = source.to_owned();
    for (name, value) in tile {
        let head = format!("\nconst {name}: u32 = ");
        let start = text.find(&head).ok_or_else(|| format!("no line 'const {name}: u32 = …'"))?;
        let value_at = start + head.len();
        let length =
            text[value_at..].find(';').ok_or_else(|| format!("const {name} has no end"))?;
        text.replace_range(value_at..value_at + length, &format!("{value}u"));
    }
    Ok(text)
}

fn reflect(name: &'static str, wgsl: String, module: &naga::Module) -> Result<Shader, String> {
    let [entry] = module.entry_points.as_slice() else {
        return Err(format!("has {} entry points instead of one", module.entry_points.len()));
    };
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(module.to_ctx()).map_err(|error| error.to_string())?;
    let mut shader = Shader {
        name,
        wgsl,
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

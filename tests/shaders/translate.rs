//! Validates a shader and translates it for every interface. `crates/shader-check` has this file, too, and builds without
//! the library.

use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ValidationFlags, Validator};

use super::text::Text;

/// Beside subgroups, integers of 64 bits, half precision and matrix units nothing is asked for that WebGPU does not promise
/// everywhere. Matrices of 16x16 are translated for Vulkan alone, those of 8x8 for Metal, too.
pub fn to_every_interface(text: &Text) -> Result<(), String> {
    let subgroups = text.wgsl.contains("subgroup");
    let words = text.wgsl.contains("u64");
    let halves = text.wgsl.contains("f16");
    let matrices = text.wgsl.contains("enable wgpu_cooperative_matrix;");
    let range = |span: &naga::Span| span.to_range().unwrap_or_default();
    let module = naga::front::wgsl::parse_str(&text.wgsl).map_err(|error| {
        let at: Vec<_> =
            error.labels().map(|(span, note)| (range(&span), note.to_owned())).collect();
        text.explain(error.message(), &at)
    })?;
    let mut capabilities = Capabilities::empty();
    capabilities.set(Capabilities::SUBGROUP, subgroups);
    capabilities.set(Capabilities::SHADER_INT64, words);
    capabilities.set(Capabilities::SHADER_FLOAT16, halves);
    capabilities.set(Capabilities::COOPERATIVE_MATRIX, matrices);
    let valid = Validator::new(ValidationFlags::all(), capabilities).validate(&module);
    let info = valid.map_err(|error| {
        let at: Vec<_> = error.spans().map(|(span, note)| (range(span), note.clone())).collect();
        text.explain(&format!("{:?}", error.as_inner()), &at)
    })?;
    let stage = naga::ShaderStage::Compute;
    let name = module.entry_points[0].name.clone();

    let entry = spv::PipelineOptions { shader_stage: stage, entry_point: name.clone() };
    let lang_version = if subgroups { (1, 3) } else { (1, 0) };
    let options = spv::Options { lang_version, ..spv::Options::default() };
    let binary = spv::write_vec(&module, &info, &options, Some(&entry));
    if binary.map_err(|error| format!("SPIR-V: {error}"))?.first() != Some(&0x0723_0203) {
        return Err("SPIR-V without its magic number".to_owned());
    }

    if text.wgsl.contains("coop_mat16x16") {
        return Ok(());
    }
    let entry = Some((stage, name));
    let lang_version = match (words || matrices, subgroups) {
        (true, _) => (2, 3),
        (false, true) => (2, 1),
        (false, false) => (1, 0),
    };
    let options = msl::Options { lang_version, ..msl::Options::default() };
    let pipeline = msl::PipelineOptions { entry_point: entry.clone(), ..Default::default() };
    let (code, translated) = msl::write_string(&module, &info, &options, &pipeline)
        .map_err(|error| format!("MSL: {error}"))?;
    if !code.contains("kernel void") || translated.entry_point_names[0].is_err() {
        return Err(format!("MSL without a kernel: {code}"));
    }

    if matrices {
        return Ok(());
    }
    let shader_model = match halves {
        true => hlsl::ShaderModel::V6_2,
        false if subgroups || words => hlsl::ShaderModel::V6_0,
        false => hlsl::ShaderModel::V5_1,
    };
    let options = hlsl::Options { shader_model, ..hlsl::Options::default() };
    let mut code = String::new();
    let pipeline = hlsl::PipelineOptions { entry_point: entry };
    let translated = hlsl::Writer::new(&mut code, &options, &pipeline)
        .write(&module, &info, None)
        .map_err(|error| format!("HLSL: {error}"))?;
    if !code.contains("numthreads") || translated.entry_point_names[0].is_err() {
        return Err(format!("HLSL without a kernel: {code}"));
    }
    Ok(())
}

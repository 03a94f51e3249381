//! The shaders without a device: each is valid, can be translated for every interface, is told exactly what
//! it asks for, and is used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use involution::Error;
use involution::gpu::shader::{self, Shader};
use involution::kernels::{DeviceProfile, KernelCall, Operand, Scalar, candidates};
use involution::ops::NAMES;
use involution::shaders::text::DEFINED;
use involution::shaders::{KERNELS, Kernel, Variant};
use involution::tensor::DType;
use involution_check::fixed;

use crate::harness::sample;

mod races;
mod text;
mod translate;

/// Every kernel with each of its variants.
fn variants() -> impl Iterator<Item = (&'static Kernel, Variant)> {
    let of =
        |kernel: &'static Kernel| kernel.variants.iter().map(move |&variant| (kernel, variant));
    KERNELS.iter().flat_map(move |&kernel| of(kernel))
}

/// The shader as every adapter may be given it that can run it: one with matrix units stores half precision.
fn load(kernel: &Kernel, variant: Variant) -> Result<Shader, Error> {
    let defined: &[&str] = if kernel.matrices { &["F16"] } else { &[] };
    shader::load(kernel, variant, defined)
}

/// That shader, and where it reads fours, the one that software adapters with integers of 64 bits are given.
fn loads(kernel: &Kernel, variant: Variant) -> Vec<Shader> {
    let plain = load(kernel, variant).unwrap();
    assert_eq!(kernel.matrices, plain.text.wgsl.contains("coop_mat"), "{}", kernel.name);
    if kernel.matrices {
        return vec![plain];
    }
    let wide = shader::load(kernel, variant, &["INT64"]).unwrap();
    let differs = plain.text.wgsl != wide.text.wgsl;
    assert_eq!(differs, plain.text.wgsl.contains("alias Packed4 = real4;"), "{}", kernel.name);
    assert_eq!(differs, has_words(&wide), "{}", kernel.name);
    [plain].into_iter().chain(differs.then_some(wide)).collect()
}

fn shaders() -> impl Iterator<Item = ((&'static Kernel, Variant), Shader)> {
    variants().flat_map(|key @ (kernel, variant)| {
        loads(kernel, variant).into_iter().map(move |shader| (key, shader))
    })
}

/// Whether the shader uses subgroups.
fn has_subgroups(shader: &Shader) -> bool {
    shader.text.wgsl.contains("subgroup")
}

/// Whether the shader uses integers of 64 bits.
fn has_words(shader: &Shader) -> bool {
    shader.text.wgsl.contains("u64")
}

#[test]
fn every_variant_is_valid_and_translates_to_every_interface() {
    for ((kernel, variant), shader) in shaders() {
        translate::to_every_interface(&shader.text)
            .unwrap_or_else(|error| panic!("{} {variant:?}: {error}", kernel.name));
    }
}

/// A loop of a shader: its counter, where it ends, how it steps, and its body.
struct Loop<'a> {
    counter: &'a str,
    bound: &'a str,
    step: &'a str,
    body: &'a str,
}

fn loops(code: &str) -> Vec<Loop<'_>> {
    let parse = |(at, _)| {
        let (head, rest) = code[at + "for (".len()..].split_once(") {").unwrap();
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        let [start, bound, step] = *head.split("; ").collect::<Vec<_>>() else {
            panic!("not a loop from a start to a bound: {head}");
        };
        let counter = start.strip_prefix("var ").unwrap().split(' ').next().unwrap();
        Loop { counter, bound, step, body: &rest[..end.unwrap()] }
    };
    code.match_indices("for (").map(parse).collect()
}

fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let ends = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    ends.map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// The text without comments.
fn code_of(text: &str) -> String {
    let code = text.lines().map(|line| line.split("//").next().unwrap());
    code.collect::<Vec<_>>().join("\n")
}

/// The number that a loop steps by: one that stands there, or that a `const` line names.
fn step_of(code: &str, by: &str) -> Option<u32> {
    let named = |name: &str| code.split_once(&format!("const {name}: u32 = "))?.1.split(';').next();
    named(by).unwrap_or(by).strip_suffix('u')?.parse().ok()
}

/// Shaders are compiled without the check that ends loops by force, which is sound because each counts up to a
/// number that does not change or is halved down to 0, with a counter that nothing else writes.
#[test]
fn every_loop_ends() {
    let mut found = 0;
    for ((kernel, _), shader) in shaders() {
        let code = code_of(&shader.text.wgsl);
        for endless in ["while ", "loop {", "loop{"] {
            assert!(!code.contains(endless), "{}: {endless}", kernel.name);
        }
        for Loop { counter, bound, step, body } in loops(&code) {
            found += 1;
            let at = format!("{}: for {counter}; {bound}; {step}", kernel.name);
            let up = bound.strip_prefix(counter).and_then(|rest| rest.strip_prefix(" < "));
            let down = bound == format!("{counter} > 0u") && step == format!("{counter} /= 2u");
            let by_one = step == format!("{counter}++");
            let by_more = step.strip_prefix(counter).and_then(|rest| rest.strip_prefix(" += "));
            let steps = by_more
                .is_some_and(|by| step_of(&code, by).is_some_and(|by| (1..=64).contains(&by)));
            assert!(down || (up.is_some() && (by_one || steps)), "{at}");
            // The bound is made of numbers, uniforms, constants and what `let` declares.
            for (_, word) in words(up.unwrap_or("0u")).filter(|(_, word)| !word.is_empty()) {
                let number = word.ends_with('u') && word[..word.len() - 1].parse::<u32>().is_ok();
                let fixed = number
                    || bound.contains(&format!("params.{word}"))
                    || bound.contains(&format!("params.window.{word}"))
                    || word == "params"
                    || code.contains(&format!("let {word} = "))
                    || code.contains(&format!("const {word}: u32 = "));
                assert!(fixed, "{at}: {word} may change");
            }
            for (place, _) in words(body).filter(|(_, word)| *word == counter) {
                let after = body[place + counter.len()..].trim_start();
                let compared = after.starts_with("==") || after.starts_with("=>");
                let written = ["=", "+=", "-=", "*=", "/=", "%=", "++", "--", "<<=", ">>="];
                let written = !compared && written.iter().any(|sign| after.starts_with(sign));
                assert!(!written && !body[..place].ends_with('&'), "{at}: written in the body");
            }
        }
    }
    assert!(found > 50, "{found} loops");
}

/// What WebGPU guarantees on every adapter (the default limits of the specification).
#[test]
fn every_kernel_fits_the_smallest_adapter() {
    for ((kernel, _), shader) in shaders() {
        let at = kernel.name;
        assert_eq!(kernel.subgroups, has_subgroups(&shader), "{at}");
        assert!((1..=256).contains(&shader.workgroup_size), "{at}");
        // Whoever has matrix units has 32 KiB.
        assert!(shader.workgroup_memory <= if kernel.matrices { 32768 } else { 16384 }, "{at}");
        assert!(shader.storage.len() <= 8, "{at}");
        assert!(shader.uniform_size.is_multiple_of(4) && shader.uniform_size <= 65536, "{at}");
    }
}

/// The first variant has the values that stand in the file, and no two variants are the same.
#[test]
fn variants_are_distinct() {
    for kernel in KERNELS {
        let first = kernel.variants[0].values.iter().filter(|(_, value)| *value != DEFINED);
        for (name, value) in first {
            let line = format!("const {name}: u32 = {value}u;");
            assert!(kernel.source.contains(&line), "{}: {line}", kernel.name);
        }
        let distinct: BTreeSet<_> = kernel.variants.iter().collect();
        assert_eq!(distinct.len(), kernel.variants.len(), "{}", kernel.name);
        for variant in kernel.variants {
            assert_eq!(kernel.variant(variant.label), *variant, "{}", kernel.name);
        }
    }
}

/// A software adapter, and a device with each kind of matrix units.
fn profiles() -> Vec<DeviceProfile> {
    let stores_halves = |kind: &str, lanes| DeviceProfile {
        subgroup_min: lanes,
        subgroup_max: lanes,
        storage: DType::F16,
        ..DeviceProfile::described(kind).unwrap()
    };
    vec![
        DeviceProfile::software(),
        stores_halves("nvidia", 32),
        stores_halves("amd", 64),
        stores_halves("apple", 32),
        // Mesa's.
        stores_halves("apple", 8),
    ]
}

/// Every call of every candidate, for fixed and generated cases of every operator.
fn calls() -> Vec<(String, Vec<KernelCall>)> {
    let cases = NAMES.iter().flat_map(|name| [fixed(name), sample(name, 150)].concat());
    let profiles = profiles();
    let candidates = cases.flat_map(|case| {
        let shapes: Vec<_> = case.shapes.iter().collect();
        let mut found = Vec::new();
        for profile in &profiles {
            let candidates = candidates(&case.operator, &shapes, profile).unwrap();
            assert!(!candidates.is_empty(), "{case}");
            let names: BTreeSet<_> = candidates.iter().map(|c| c.name.clone()).collect();
            assert_eq!(names.len(), candidates.len(), "two candidates of one name: {case}");
            // The others are those of the software adapter.
            let own = profile.matrix_units();
            found.extend(candidates.into_iter().filter(|c| c.requires.matrices == own));
        }
        found.into_iter().map(move |candidate| (case.to_string(), candidate.calls))
    });
    candidates.collect()
}

/// The types of the uniform block's fields, which a call's numbers must have.
fn field_types(shader: &Shader) -> BTreeMap<String, naga::ScalarKind> {
    let module = naga::front::wgsl::parse_str(&shader.text.wgsl).unwrap();
    let uniform = module.global_variables.iter().find_map(|(_, variable)| {
        (variable.space == naga::AddressSpace::Uniform).then_some(variable.ty)
    });
    let mut fields = BTreeMap::new();
    add_field_types(shader.name, &module, uniform.unwrap(), &mut fields);
    fields
}

fn add_field_types(
    at: &str,
    module: &naga::Module,
    ty: naga::Handle<naga::Type>,
    fields: &mut BTreeMap<String, naga::ScalarKind>,
) {
    let naga::TypeInner::Struct { members, .. } = &module.types[ty].inner else {
        panic!("{at}: the uniform block is not a struct");
    };
    for member in members {
        match module.types[member.ty].inner {
            naga::TypeInner::Struct { .. } => add_field_types(at, module, member.ty, fields),
            naga::TypeInner::Scalar(scalar) => {
                assert_eq!(scalar.width, 4);
                let again = fields.insert(member.name.clone().unwrap(), scalar.kind);
                assert!(again.is_none(), "{at}: two fields of one name: {member:?}");
            }
            _ => panic!("{at}: {member:?} is not a scalar"),
        }
    }
}

#[test]
fn every_call_names_exactly_what_its_shader_declares() {
    let mut shaders = BTreeMap::new();
    let mut used = BTreeSet::new();
    for (case, calls) in calls() {
        for (index, call) in calls.iter().enumerate() {
            let at = || format!("{} in {case}", call.kernel.name);
            assert!(KERNELS.contains(&call.kernel), "not listed: {}", at());
            assert!(
                call.kernel.variants.contains(&call.variant),
                "not shipped with {:?}: {}",
                call.variant,
                at()
            );
            used.insert((call.kernel.name, call.variant));
            let (shader, types) =
                shaders.entry((call.kernel.name, call.variant)).or_insert_with(|| {
                    let shader = load(call.kernel, call.variant).unwrap();
                    let types = field_types(&shader);
                    (shader, types)
                });

            let given: BTreeMap<String, naga::ScalarKind> = call
                .params
                .entries()
                .iter()
                .map(|(name, value)| match value {
                    Scalar::U32(_) => ((*name).to_owned(), naga::ScalarKind::Uint),
                    Scalar::F32(_) => ((*name).to_owned(), naga::ScalarKind::Float),
                })
                .collect();
            assert_eq!(given.len(), call.params.entries().len(), "a number twice: {}", at());
            assert_eq!(&given, types, "{}", at());
            assert_eq!(
                shader.uniform_bytes(&call.params).unwrap().len() as u32,
                shader.uniform_size
            );

            let names: BTreeSet<&str> = call.bindings.iter().map(|(name, _)| *name).collect();
            assert_eq!(names.len(), call.bindings.len(), "a tensor twice: {}", at());
            let declared: BTreeSet<&str> = shader.storage.iter().map(|b| b.name.as_str()).collect();
            assert_eq!(names, declared, "{}", at());

            // A kernel writes the output or a scratch buffer and reads the rest, which a call before it wrote. Where
            // a call is done in parts, the kernel that writes a buffer writes it again.
            let writers = |operand| {
                let writes = move |call: &&KernelCall| call.bindings.contains(&("out", operand));
                calls.iter().filter(writes).map(|call| call.kernel)
            };
            for binding in &shader.storage {
                let (_, operand) =
                    call.bindings.iter().find(|(name, _)| *name == binding.name).unwrap();
                let alone = || writers(*operand).all(|kernel| kernel == call.kernel);
                match operand {
                    Operand::Input(_) | Operand::Absent => assert!(binding.read_only, "{}", at()),
                    _ if !binding.read_only => assert!(alone(), "{}", at()),
                    Operand::Output | Operand::Scratch(_) => {
                        let written = calls[..index]
                            .iter()
                            .any(|before| before.bindings.contains(&("out", *operand)));
                        assert!(written, "{}", at());
                    }
                }
            }
        }
        let last = calls.last().unwrap();
        assert!(last.bindings.contains(&("out", Operand::Output)), "{case}");
    }
    for (kernel, variant) in variants() {
        let used = used.contains(&(kernel.name, variant)) || kernel.name.starts_with("probe/");
        assert!(used, "no case reaches {} {variant:?}", kernel.name);
    }
}

/// The uniform block is filled by name: an order of its own, a number too few or too many is an error.
#[test]
fn a_call_that_does_not_fit_its_shader_is_an_error() {
    use involution::kernels::Params;
    let kernel = KERNELS.iter().find(|kernel| kernel.name == "elementwise/activation").unwrap();
    let shader = load(kernel, kernel.variants[0]).unwrap();
    let bytes =
        |sizes: &[(&'static str, usize)]| shader.uniform_bytes(&Params::sizes(sizes).unwrap());
    let right = bytes(&[("elements", 7), ("activation", 2)]).unwrap();
    assert_eq!(right, [7, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(bytes(&[("activation", 2), ("elements", 7)]).unwrap(), right);
    for wrong in [
        &[("elements", 7)][..],
        &[("elements", 7), ("activation", 2), ("surplus", 1)],
        &[("elements", 7), ("activatoin", 2)],
        &[("elements", 7), ("elements", 7), ("activation", 2)],
    ] {
        assert!(
            matches!(bytes(wrong), Err(Error::Kernel { kernel, .. }) if kernel == "elementwise/activation")
        );
    }
    assert!(Params::sizes(&[("elements", u32::MAX as usize + 1)]).is_err());
}

/// The files below a folder, relative to it and without their ending.
pub fn files_below(folder: &Path, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|own| own == ending) {
                let stem = path.strip_prefix(folder).unwrap().with_extension("");
                found.push(stem.to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

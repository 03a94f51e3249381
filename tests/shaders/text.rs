//! The directives of shaders, the fragments that they import, and what cannot be loaded.

use std::collections::{BTreeMap, BTreeSet};

use involution::Error;
use involution::gpu::shader;
pub use involution::shaders::text::Text;
use involution::shaders::text::{DEFINED, DEVICES};
use involution::shaders::{FRAGMENTS, KERNELS, Kernel, Variant, text};

use super::{code_of, files_below, load, variants, words};
use crate::files::directory;

/// Every variant's text as each kind of device is given it.
fn texts() -> impl Iterator<Item = Text> {
    let expand =
        |(kernel, variant)| DEVICES.map(|device| shader::expand(kernel, variant, device).unwrap());
    variants().flat_map(expand)
}

#[test]
fn every_shader_file_is_used() {
    let folder = directory().parent().unwrap().join("shaders");
    let files: BTreeSet<String> = files_below(&folder, "wgsl").into_iter().collect();
    let used: BTreeSet<String> = texts().flat_map(|text| text.files).collect();
    assert_eq!(files, used);
    assert_eq!(files.len(), FRAGMENTS.len() + KERNELS.len());
}

/// A name that nothing defines would leave its lines out everywhere.
#[test]
fn every_ifdef_asks_for_a_name_that_a_variant_defines() {
    let mut defined = BTreeMap::<String, BTreeSet<&str>>::new();
    for (kernel, variant) in variants() {
        let own = kernel.source.lines().filter_map(|line| line.strip_prefix("#define "));
        let own: Vec<&str> = own.collect();
        for file in shader::expand(kernel, variant, &[]).unwrap().files {
            let names =
                variant.values.iter().filter(|(_, value)| *value == DEFINED).map(|(name, _)| *name);
            defined
                .entry(file)
                .or_insert(DEVICES.iter().copied().flatten().copied().collect())
                .extend(names.chain(own.iter().copied()));
        }
    }
    let kernels = KERNELS.iter().map(|kernel| (kernel.name, kernel.source));
    for (file, source) in kernels.chain(FRAGMENTS.iter().copied()) {
        for name in source.lines().filter_map(|line| line.strip_prefix("#ifdef ")) {
            assert!(defined[file].contains(name), "{file}: no variant defines {name}");
        }
    }
}

/// The names that a text declares for the whole module.
fn declared(code: &str) -> BTreeSet<&str> {
    let name = |line: &str| -> Option<usize> {
        let heads = ["fn ", "const ", "alias ", "struct "];
        let plain = heads.iter().find(|head| line.starts_with(*head)).map(|head| head.len());
        let global = line.starts_with(['@', 'v']) && line.contains("var<");
        plain.or_else(|| line.find("> ").filter(|_| global).map(|at| at + 2))
    };
    let names = code.lines().filter_map(|line| words(&line[name(line)?..]).next());
    names.map(|(_, name)| name).collect()
}

/// A fragment says what it takes from the kernel that imports it, in a line `// requires: name, name`: no less, or who
/// imports it would have to read it, and no more.
#[test]
fn every_fragment_says_what_it_requires() {
    let mut wanted = BTreeMap::<String, BTreeSet<String>>::new();
    for text in texts() {
        let parts: Vec<String> = (0..text.files.len())
            .map(|file| code_of(&text.lines_of(file).collect::<Vec<_>>().join("\n")))
            .collect();
        let imports: Vec<BTreeSet<&str>> = text.files.iter().map(|file| imported(file)).collect();
        for (file, part) in text.files.iter().zip(&parts).skip(1) {
            let index = text.files.iter().position(|other| other == file).unwrap();
            let strangers =
                text.files.iter().zip(&parts).filter(|(other, _)| {
                    *other != file && !imports[index].contains(other.as_str())
                });
            let theirs: BTreeSet<&str> = strangers.flat_map(|(_, part)| declared(part)).collect();
            let own = words(part).filter(|(at, _)| !part[..*at].ends_with('.'));
            let (local, used): (Vec<_>, Vec<_>) = own.partition(|&(at, word)| {
                ["let ", "var "].iter().any(|head| part[..at].ends_with(head))
                    || part[at + word.len()..].starts_with(": ")
            });
            let local: BTreeSet<&str> = local.into_iter().map(|(_, word)| word).collect();
            let needed = used.into_iter().map(|(_, word)| word);
            let needed = needed.filter(|word| theirs.contains(word) && !local.contains(word));
            let needed = needed.map(str::to_owned);
            wanted.entry(file.clone()).or_default().extend(needed);
        }
    }
    for (file, source) in FRAGMENTS {
        let line = source.lines().find_map(|line| line.strip_prefix("// requires: "));
        let said: BTreeSet<String> =
            line.into_iter().flat_map(|line| line.split(", ")).map(str::to_owned).collect();
        assert_eq!(said, wanted[*file], "{file}");
    }
}

/// The fragments that a fragment imports, itself or through another.
fn imported(file: &str) -> BTreeSet<&'static str> {
    let source = FRAGMENTS.iter().find(|(name, _)| *name == file).map_or("", |(_, source)| source);
    let direct = source.lines().filter_map(|line| line.strip_prefix("#import "));
    direct.flat_map(|name| imported(name).into_iter().chain([name])).collect()
}

fn made_up(source: String) -> Kernel {
    Kernel {
        name: "made_up",
        source: source.leak(),
        variants: &[],
        subgroups: false,
        matrices: false,
    }
}

const BODY: &str = "@group(0) @binding(0) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>) {
    out[linear_workgroup(id, count)] = T;
}
";

#[test]
fn a_fragment_imported_twice_is_included_once() {
    let grid = "#import common/grid";
    let source = format!("{grid}\n{grid}\n\nconst T: u32 = 8u;\n{BODY}{grid}\n");
    let shader = load(&made_up(source), Variant { label: "", values: &[("T", 3)] }).unwrap();
    assert_eq!(shader.text.wgsl.matches("fn linear_workgroup").count(), 1);
    assert!(shader.text.wgsl.contains("const T: u32 = 3u;"));
    assert_eq!((shader.workgroup_size, shader.storage.len(), shader.uniform_size), (64, 1, 0));
}

#[test]
fn what_cannot_be_loaded_is_an_error_that_says_why() {
    let message =
        |source: String, values| match load(&made_up(source), Variant { label: "", values }) {
            Err(Error::Kernel { kernel, message }) if kernel == "made_up" => message,
            other => panic!("{other:?}"),
        };
    let unknown = message(format!("#import common/gird\n{BODY}"), &[]);
    assert_eq!(unknown, "shaders/made_up.wgsl:1: unknown import 'common/gird'");
    let import = "#import common/grid\n";
    let missing = message(format!("{import}const T: u32 = 8u;\n{BODY}"), &[("U", 4)]);
    assert_eq!(missing, "0 lines 'const U: u32 = …' instead of one");
    let undefined = message(format!("{import}const T: u32 = 8u;\n{BODY}"), &[("U", DEFINED)]);
    assert_eq!(undefined, "no line '#ifdef U'");
    let open = message(format!("{import}#ifdef U\n{BODY}"), &[]);
    assert_eq!(open, "shaders/made_up.wgsl: '#endif' is missing");
    let closed = message(format!("{import}#else\n{BODY}"), &[]);
    assert_eq!(closed, "shaders/made_up.wgsl:2: '#else' without '#ifdef'");
    let misspelt = message(format!("{import}#ifndef U\n{BODY}"), &[]);
    assert_eq!(misspelt, "shaders/made_up.wgsl:2: '#ifndef' is no directive of this file");
    // The line is that of the file, whatever was imported above it.
    let syntax = message(format!("{import}\nconst T: u32 = 8u\n{BODY}"), &[]);
    assert!(syntax.contains("\nshaders/made_up.wgsl:4:1: expected"), "{syntax}");
    assert!(syntax.ends_with(BODY.lines().next().unwrap()), "{syntax}");
    let none = message("const T: u32 = 8u;\n".to_owned(), &[]);
    assert!(none.contains("entry point"), "{none}");
}

/// Lines between `#ifdef` and `#endif` count where the name is defined, those after `#else` where it is not.
#[test]
fn names_choose_lines() {
    let source = "#ifdef A\na\n#ifdef B\nab\n#else\na-\n#endif\n#else\n-\n#ifdef B\n-b\n#endif\n#endif\nend\n";
    let chosen = |names: &[&str]| {
        let lines = text::expand("made_up", source, &[], names, &|_| None).unwrap().wgsl;
        lines.lines().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(chosen(&[]), "- end");
    assert_eq!(chosen(&["A"]), "a a- end");
    assert_eq!(chosen(&["B"]), "- -b end");
    assert_eq!(chosen(&["A", "B"]), "a ab end");
}

/// The lines of a kernel's file that say which variants there are.
#[test]
fn a_line_of_variants_stands_for_every_combination() {
    let header =
        text::header("made_up", "#requires subgroups\n#variant\n#variant K=3,5 S=1 ALIGNED\n");
    let header = header.unwrap();
    let variant = |taps| {
        let values = [("K", taps), ("S", 1), ("ALIGNED", DEFINED)];
        values.map(|(name, value)| (name.to_owned(), value)).to_vec()
    };
    assert!(header.subgroups);
    assert_eq!(header.variants, [vec![], variant(3), variant(5)]);
    for wrong in ["#requires lanes", "#variant k=3", "#variant K=", "#variant K=3,a", "#variant =3"]
    {
        let error = text::header("made_up", &format!("// nothing\n{wrong}\n")).unwrap_err();
        assert!(error.starts_with("shaders/made_up.wgsl:2: "), "{error}");
    }
}

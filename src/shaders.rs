//! The shaders, as `build.rs` found them below `shaders/`: kernels, each with the variants that it is shipped with, and
//! the fragments that they import.

pub mod text;

/// A WGSL shader with an entry point.
#[derive(Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The path of its file below `shaders/`, without `.wgsl`.
    pub name: &'static str,
    /// Its text, directives not yet carried out.
    pub source: &'static str,
    /// The variants that it is shipped with, in the order of the file.
    pub variants: &'static [Variant],
    /// Whether it needs subgroups.
    pub subgroups: bool,
    /// Whether it needs matrix units, and so tensors of half precision.
    pub matrices: bool,
}

/// What a kernel is compiled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variant {
    /// Its name: `K=3,S=1,aligned`.
    pub label: &'static str,
    /// Values of `const` lines, and names for `#ifdef`, which have the value [`text::DEFINED`].
    pub values: &'static [(&'static str, u32)],
}

impl Variant {
    /// The value of a `const` line.
    pub fn get(&self, name: &str) -> Option<u32> {
        self.values.iter().find(|(known, _)| *known == name).map(|&(_, value)| value)
    }

    /// Whether it defines a name.
    pub fn defines(&self, name: &str) -> bool {
        self.get(name) == Some(text::DEFINED)
    }
}

impl Kernel {
    /// The variant with this label; one that is not shipped does not compile where this is computed by the compiler.
    pub const fn variant(&self, label: &str) -> Variant {
        let mut index = 0;
        while !is_same(self.variants[index].label.as_bytes(), label.as_bytes()) {
            index += 1;
        }
        self.variants[index]
    }
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}

include!(concat!(env!("OUT_DIR"), "/shaders.rs"));

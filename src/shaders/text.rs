//! The text of a shader: the directives that WGSL does not have, and the lines that come of them.
//!
//! A shader is WGSL with lines that begin with `#`:
//!
//! * `#import common/grid` stands for `shaders/common/grid.wgsl`, the first time that it is met.
//! * `#ifdef NAME`, `#else` and `#endif` choose lines. A variant of the kernel defines names, or the device does
//!   ([`DEVICES`]).
//! * `#variant T=8,16 ALIGNED?` in the file of a kernel lists variants that it is shipped with: here four, of which each
//!   sets `const T: u32`, and every other defines `ALIGNED`.
//! * `#define NAME` in the file of a kernel defines a name in all of its variants, for the files that it imports.
//! * `#requires subgroups` or `#requires matrices` in the file of a kernel says what a device must have. One with matrix
//!   units stores half precision.
//!
//! Depends on nothing but the standard library: `build.rs` reads the directives with it, and `crates/shader-check` the
//! files of a working tree.

use std::fmt::Write;

/// The value of a name that a variant defines for `#ifdef`.
pub const DEFINED: u32 = u32::MAX;

/// The names that devices define: none, `INT64` where they have integers of 64 bits and read faster with them, or `F16` where
/// they store half precision.
pub const DEVICES: [&[&str]; 3] = [&[], &["INT64"], &["F16"]];

/// What the file of a kernel says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Whether it needs subgroups.
    pub subgroups: bool,
    /// Whether it needs matrix units, and so that half precision is stored.
    pub matrices: bool,
    /// Its variants, in the order of the file; one that sets nothing where the file lists none.
    pub variants: Vec<Vec<(String, u32)>>,
}

/// Reads the directives of a kernel's file, which is named in errors.
pub fn header(file: &str, source: &str) -> Result<Header, String> {
    let mut header = Header::default();
    for (index, line) in source.lines().enumerate() {
        let fail = |message: String| Err(format!("{}: {message}", place(file, index + 1)));
        let mut words = line.split_whitespace();
        match words.next() {
            Some("#requires") => match words.collect::<Vec<_>>()[..] {
                ["subgroups"] => header.subgroups = true,
                ["matrices"] => header.matrices = true,
                _ => {
                    return fail(format!(
                        "'{line}' is not '#requires subgroups' or '#requires matrices'"
                    ));
                }
            },
            Some("#variant") => match variants(words) {
                Ok(variants) => header.variants.extend(variants),
                Err(word) => {
                    return fail(format!("'{word}' is not NAME, NAME? or NAME=number,..."));
                }
            },
            _ => {}
        }
    }
    if header.variants.is_empty() {
        header.variants.push(Vec::new());
    }
    Ok(header)
}

/// The variants of a line: every combination of the values that its words list.
fn variants<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<Vec<(String, u32)>>, &'a str> {
    let mut found = vec![Vec::new()];
    for word in words {
        // None leaves the name out.
        let (name, values) = match word.split_once('=') {
            None => match word.strip_suffix('?') {
                None => (word, vec![Some(DEFINED)]),
                Some(name) => (name, vec![None, Some(DEFINED)]),
            },
            Some((name, values)) => {
                let values: Result<Vec<u32>, _> = values.split(',').map(str::parse).collect();
                (name, values.map_err(|_| word)?.into_iter().map(Some).collect())
            }
        };
        if name.is_empty() || !name.chars().all(is_of_name) {
            return Err(word);
        }
        let with = |value: &Option<u32>, variant: &Vec<(String, u32)>| {
            let more = value.map(|value| (name.to_owned(), value));
            variant.iter().cloned().chain(more).collect::<Vec<_>>()
        };
        let each = |variant| values.iter().map(|value| with(value, variant)).collect::<Vec<_>>();
        found = found.iter().flat_map(each).collect();
    }
    Ok(found)
}

/// The name of a variant: `K=3,S=1,aligned`.
pub fn label(values: &[(String, u32)]) -> String {
    let label = |(name, value): &(String, u32)| match *value {
        DEFINED => name.to_lowercase(),
        value => format!("{name}={value}"),
    };
    values.iter().map(label).collect::<Vec<_>>().join(",")
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'
}

fn place(file: &str, line: usize) -> String {
    format!("shaders/{file}.wgsl:{line}")
}

/// A shader whose directives were carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// What is compiled.
    pub wgsl: String,
    /// The file and the line of it that each line comes from.
    lines: Vec<(usize, usize)>,
    /// The files, the kernel's first: paths below `shaders/`, without `.wgsl`.
    pub files: Vec<String>,
}

impl Text {
    /// The lines that come from one of the [`files`](Text::files).
    pub fn lines_of(&self, file: usize) -> impl Iterator<Item = &str> {
        let lines = self.wgsl.lines().zip(&self.lines);
        lines.filter(move |(_, (own, _))| *own == file).map(|(line, _)| line)
    }

    /// What is wrong with the shader, and where in its files: each range of bytes with what is to be said of it.
    pub fn explain(&self, message: &str, at: &[(std::ops::Range<usize>, String)]) -> String {
        let mut text = message.to_owned();
        for (range, note) in at {
            let before = self.wgsl.get(..range.start).unwrap_or_default();
            let line = before.matches('\n').count();
            let start = before.rfind('\n').map_or(0, |end| end + 1);
            let code = self.wgsl.lines().nth(line).unwrap_or_default().trim_start();
            if let Some(&(file, number)) = self.lines.get(line) {
                let (place, column) = (place(&self.files[file], number), range.start - start + 1);
                let _ = write!(text, "\n{place}:{column}: {note}\n    {code}");
            }
        }
        text
    }
}

/// Carries out the directives of a kernel. `fragment` gives the text of an imported file.
pub fn expand<'a>(
    name: &str,
    source: &'a str,
    variant: &[(&str, u32)],
    device: &[&str],
    fragment: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<Text, String> {
    let mut expansion = Expansion {
        variant,
        device,
        fragment,
        met: Vec::new(),
        own: Vec::new(),
        text: Text::default(),
    };
    expansion.include(name, source)?;
    for &(name, value) in variant {
        let times = expansion.met.iter().filter(|met| **met == name).count();
        if value == DEFINED && times == 0 {
            return Err(format!("no line '#ifdef {name}'"));
        }
        if value != DEFINED && times != 1 {
            return Err(format!("{times} lines 'const {name}: u32 = …' instead of one"));
        }
    }
    Ok(expansion.text)
}

struct Expansion<'a, 'b> {
    variant: &'b [(&'b str, u32)],
    device: &'b [&'b str],
    fragment: &'b dyn Fn(&str) -> Option<&'a str>,
    /// The names of the variant, as often as they were asked for or set.
    met: Vec<&'b str>,
    /// The names that the kernel's file defines.
    own: Vec<&'a str>,
    text: Text,
}

impl<'a> Expansion<'a, '_> {
    fn include(&mut self, name: &str, source: &'a str) -> Result<(), String> {
        let file = self.text.files.len();
        self.text.files.push(name.to_owned());
        // Of each `#ifdef` that is open: whether its lines count, and whether those after `#else` would.
        let mut open: Vec<(bool, Option<bool>)> = Vec::new();
        for (index, line) in source.lines().enumerate() {
            let fail = |message: String| Err(format!("{}: {message}", place(name, index + 1)));
            let counts = open.iter().all(|&(counts, _)| counts);
            let (directive, word) = line.split_once(' ').unwrap_or((line, ""));
            match directive {
                "#ifdef" => {
                    let defined = counts && self.is_defined(word.trim());
                    open.push((defined, Some(counts && !defined)));
                }
                "#else" => match open.last_mut() {
                    Some((counts, other @ Some(_))) => *counts = other.take() == Some(true),
                    _ => return fail("'#else' without '#ifdef'".to_owned()),
                },
                "#endif" => {
                    if open.pop().is_none() {
                        return fail("'#endif' without '#ifdef'".to_owned());
                    }
                }
                _ if !counts => {}
                "#import" => {
                    let wanted = word.trim();
                    if !self.text.files.iter().any(|known| known == wanted) {
                        let Some(body) = (self.fragment)(wanted) else {
                            return fail(format!("unknown import '{wanted}'"));
                        };
                        self.include(wanted, body)?;
                    }
                }
                "#requires" | "#variant" if file == 0 => {}
                "#define" if file == 0 => self.own.push(word.trim()),
                _ if directive.starts_with('#') => {
                    return fail(format!("'{directive}' is no directive of this file"));
                }
                _ => self.push(line, file, index + 1),
            }
        }
        if open.is_empty() {
            Ok(())
        } else {
            Err(format!("shaders/{name}.wgsl: '#endif' is missing"))
        }
    }

    fn is_defined(&mut self, name: &str) -> bool {
        let known = self.variant.iter().find(|(known, value)| *known == name && *value == DEFINED);
        self.met.extend(known.map(|(known, _)| *known));
        known.is_some() || self.device.contains(&name) || self.own.contains(&name)
    }

    fn push(&mut self, line: &str, file: usize, number: usize) {
        let set = line.strip_prefix("const ").and_then(|rest| {
            let (name, rest) = rest.split_once(": u32 = ")?;
            let (_, after) = rest.split_once(';')?;
            let (known, value) = self.variant.iter().find(|(known, _)| *known == name)?;
            self.met.push(known);
            Some(format!("const {name}: u32 = {value}u;{after}"))
        });
        self.text.wgsl.push_str(set.as_deref().unwrap_or(line));
        self.text.wgsl.push('\n');
        self.text.lines.push((file, number));
    }
}

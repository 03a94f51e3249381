//! Which file of a crate names items of which other: an edge leads to the file that defines the item, whatever it was
//! re-exported by. Methods are not seen, and neither is what is compiled for unit tests alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A name in a module.
#[derive(Debug, Clone)]
enum Name {
    /// An item that this file defines.
    Item,
    /// What this path leads to from the module.
    Use(Vec<String>),
}

/// A module, by its path from the top of the crate: `["ops", "conv2d"]`.
#[derive(Debug, Default)]
struct Module {
    /// The file that it stands in.
    file: String,
    names: BTreeMap<String, Name>,
    /// Modules of which all names are imported.
    globs: Vec<Vec<String>>,
    /// Paths that its code names.
    paths: BTreeSet<Vec<String>>,
}

/// A crate as its files say.
#[derive(Debug, Default)]
pub struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
}

/// From each file to those it imports from.
pub type Edges = BTreeMap<String, BTreeSet<String>>;

impl Crate {
    /// Reads every file below `src`.
    pub fn read(src: &Path) -> Self {
        let mut files = Vec::new();
        let mut folders = vec![src.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs") {
                    let name = path.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
                    files.push((name, std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        Crate::of(files.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }

    /// Reads files by their path below `src` and their text.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut found = Crate::default();
        for (file, text) in files {
            let stem = file.strip_suffix(".rs").unwrap();
            let mut path: Vec<String> = stem.split('/').map(str::to_owned).collect();
            if ["mod", "lib", "main"].contains(&path.last().unwrap().as_str()) {
                path.pop();
            }
            // A crate of a library and a command has two files at its top.
            if file == "main.rs" && found.modules.contains_key(&path) {
                path.push("main".to_owned());
            }
            let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            found.add(file, path, &parsed.items);
        }
        found
    }

    fn add(&mut self, file: &str, path: Vec<String>, items: &[Item]) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        for item in items.iter().filter(|item| !for_tests(item)) {
            let mut define = |name: &syn::Ident| {
                module.names.insert(name.to_string(), Name::Item);
            };
            match item {
                Item::Fn(item) => define(&item.sig.ident),
                Item::Struct(item) => define(&item.ident),
                Item::Enum(item) => define(&item.ident),
                Item::Trait(item) => define(&item.ident),
                Item::Type(item) => define(&item.ident),
                Item::Const(item) => define(&item.ident),
                Item::Static(item) => define(&item.ident),
                Item::Macro(item) if item.ident.is_some() => item.ident.iter().for_each(define),
                // A macro that declares modules and re-exports what is in them.
                Item::Macro(item) => {
                    for path in joined(&item.mac.tokens) {
                        if let [_, name] = path.as_slice() {
                            module.names.insert(name.clone(), Name::Use(path));
                        }
                    }
                }
                Item::Mod(item) => {
                    if let Some((_, items)) = &item.content {
                        let inner = [path.as_slice(), &[item.ident.to_string()]].concat();
                        self.add(file, inner, items);
                    }
                }
                Item::Use(item) => {
                    let before = module.paths.clone();
                    spread(&item.tree, &mut Vec::new(), &mut module);
                    // A re-export is not for this file.
                    if !matches!(item.vis, syn::Visibility::Inherited) {
                        module.paths = before;
                    }
                }
                _ => {}
            }
            if !matches!(item, Item::Mod(_) | Item::Use(_)) {
                Paths(&mut module.paths).visit_item(item);
            }
        }
        self.modules.insert(path, module);
    }

    /// The edges between the files.
    pub fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (at, module) in &self.modules {
            let targets = edges.entry(module.file.clone()).or_default();
            for path in module.paths.iter().chain(&module.globs) {
                if let Some(file) = self.file_of(at, path).filter(|file| *file != module.file) {
                    targets.insert(file);
                }
            }
        }
        edges
    }

    /// The paths that each file names.
    pub fn paths(&self) -> impl Iterator<Item = (&str, &BTreeSet<Vec<String>>)> {
        self.modules.values().map(|module| (module.file.as_str(), &module.paths))
    }

    /// The file that defines what a path leads to, seen from a module.
    fn file_of(&self, at: &[String], path: &[String]) -> Option<String> {
        let mut here = at.to_vec();
        let mut rest = path.to_vec();
        // Every step takes a segment or a re-export; a circle of these leads nowhere.
        for _ in 0..64 {
            let first = rest.first().cloned()?;
            match first.as_str() {
                "crate" => here.clear(),
                "super" => drop(here.pop()),
                "self" => {}
                name => {
                    let module = self.modules.get(&here)?;
                    let inner = [here.as_slice(), &[name.to_owned()]].concat();
                    match module.names.get(name) {
                        Some(Name::Item) => return Some(module.file.clone()),
                        Some(Name::Use(target)) => {
                            // A name that is imported by its own: an item of another crate.
                            if target.first() == Some(&first) && !self.modules.contains_key(&inner)
                            {
                                return None;
                            }
                            rest.splice(..1, target.iter().cloned());
                            if target.first() != Some(&first) {
                                continue;
                            }
                            here = inner;
                        }
                        None if self.modules.contains_key(&inner) => here = inner,
                        None => {
                            let from = |glob: &Vec<String>| {
                                let whole = [glob.as_slice(), rest.as_slice()].concat();
                                self.file_of(&here, &whole)
                            };
                            return module.globs.iter().find_map(from);
                        }
                    }
                }
            }
            rest.remove(0);
        }
        None
    }
}

/// Whether an item is compiled for unit tests alone.
fn for_tests(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| {
        let cfg = attribute.path().is_ident("cfg");
        cfg && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test")
    })
}

/// Puts the names that a `use` brings into a module.
fn spread(tree: &UseTree, before: &mut Vec<String>, module: &mut Module) {
    let mut name = |name: &syn::Ident, as_name: &syn::Ident| {
        let name = name.to_string();
        let path = match name.as_str() {
            "self" => before.clone(),
            _ => [before.as_slice(), &[name]].concat(),
        };
        let as_name = match as_name.to_string() {
            own if own == "self" => path.last().cloned().unwrap(),
            own => own,
        };
        // `use x as _` brings no name, but it is an import.
        module.paths.insert(path.clone());
        module.names.insert(as_name, Name::Use(path));
    };
    match tree {
        UseTree::Name(tree) => name(&tree.ident, &tree.ident),
        UseTree::Rename(tree) => name(&tree.ident, &tree.rename),
        UseTree::Path(tree) => {
            before.push(tree.ident.to_string());
            spread(&tree.tree, before, module);
            before.pop();
        }
        UseTree::Group(tree) => tree.items.iter().for_each(|tree| spread(tree, before, module)),
        UseTree::Glob(_) => module.globs.push(before.clone()),
    }
}

/// Collects the paths that code names.
struct Paths<'a>(&'a mut BTreeSet<Vec<String>>);

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string());
        self.0.insert(segments.collect());
        visit::visit_path(self, path);
    }

    /// What stands in macros is not parsed: names joined by `::` are paths there.
    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        self.visit_path(&found.path);
        self.0.extend(joined(&found.tokens));
    }

    fn visit_item_use(&mut self, found: &'ast syn::ItemUse) {
        let mut module = Module::default();
        spread(&found.tree, &mut Vec::new(), &mut module);
        self.0.extend(module.paths);
    }
}

/// The paths in the text of a macro: names joined by `::`.
fn joined(tokens: &proc_macro2::TokenStream) -> Vec<Vec<String>> {
    let text = tokens.to_string().replace(" :: ", "::");
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let paths = text.split(|c| !is_name(c)).filter(|path| path.contains("::"));
    paths.map(|path| path.split("::").map(str::to_owned).collect()).collect()
}

/// The sets of files that import from each other, directly or by others.
pub fn circles(edges: &Edges) -> Vec<BTreeSet<&str>> {
    let below: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|file| (file.as_str(), reached(edges, file))).collect();
    let mut circles: Vec<BTreeSet<&str>> = Vec::new();
    for (file, reached) in &below {
        let back = |other: &&&str| below.get(**other).is_some_and(|reached| reached.contains(file));
        let circle: BTreeSet<&str> = reached.iter().filter(back).copied().collect();
        if !circle.is_empty() && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

/// The files that one imports from, directly or by others.
fn reached<'a>(edges: &'a Edges, file: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = edges[file].iter().map(String::as_str).collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(edges.get(file).into_iter().flatten().map(String::as_str));
        }
    }
    reached
}

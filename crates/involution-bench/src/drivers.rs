//! What a system needs to have an adapter: driver manifests, the Vulkan loader, and the line that installs them.

use std::env::split_paths;
use std::path::{Path, PathBuf};

use involution::store::variable;
use serde::Serialize;
use serde_json::Value;

/// A system, the command that installs a driver there, or why none is needed, and what else that takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Install {
    pub system: &'static str,
    pub how: &'static str,
    pub note: Option<&'static str>,
    pub this_system: bool,
}

const BACKPORTS_NOTE: &str = "\
with bookworm-backports among the suites of apt's sources, then sudo apt update:
sudo sed -i 's/^Suites: bookworm /&bookworm-backports /' /etc/apt/sources.list.d/debian.sources
Mesa 22.3 of Debian 12 itself is right, but takes two to three times as long";

/// Systems, the names of their families, and how to get a driver there.
const INSTALL: [(&str, &[&str], &str); 6] = [
    ("Debian 12", &["bookworm"], "sudo apt install -t bookworm-backports mesa-vulkan-drivers"),
    ("Debian, Ubuntu", &["debian", "ubuntu"], "sudo apt install mesa-vulkan-drivers"),
    ("Fedora", &["fedora", "rhel"], "sudo dnf install mesa-vulkan-drivers"),
    ("Arch", &["arch"], "sudo pacman -S vulkan-swrast"),
    ("macOS", &["macos"], "nothing: Metal is part of macOS"),
    ("Windows", &["windows"], "nothing: DirectX 12 is part of Windows; update the graphics driver"),
];

/// How to get a driver, this system first.
pub fn install() -> Vec<Install> {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let here = place(std::env::consts::OS, &release);
    let others = (0..INSTALL.len()).filter(|&index| here != Some(index));
    let line = |index: usize| {
        let (system, _, how) = INSTALL[index];
        let note = (index == 0).then_some(BACKPORTS_NOTE);
        Install { system, how, note, this_system: here == Some(index) }
    };
    here.into_iter().chain(others).map(line).collect()
}

/// Which line of [`INSTALL`] is for the system of this name with this `/etc/os-release`.
fn place(system: &str, release: &str) -> Option<usize> {
    let is = |line: &str| release.lines().any(|found| found == line);
    let bookworm = is("ID=debian") && is("VERSION_CODENAME=bookworm");
    let ids = release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches(['"', '\'']).split_whitespace());
    let mut families = bookworm.then_some("bookworm").into_iter().chain([system]).chain(ids);
    families.find_map(|family| INSTALL.iter().position(|(_, names, _)| names.contains(&family)))
}

/// What to do where there is no adapter, in a few words.
pub fn cure() -> String {
    match install().first() {
        Some(line) if line.this_system => {
            format!("To have one: {}; `involution doctor` says more", line.how)
        }
        _ => "To have one: see `involution doctor`".to_owned(),
    }
}

/// A file that tells the Vulkan loader of a driver, with what the file says and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    pub path: PathBuf,
    pub library: Option<String>,
    pub api_version: Option<String>,
    pub problem: Option<String>,
}

/// The manifests that the Vulkan loader would see: those of a variable that replaces the installed ones, else those of the
/// standard folders. None on systems that keep them elsewhere.
pub fn manifests() -> Vec<Manifest> {
    if cfg!(any(windows, target_os = "macos")) {
        return Vec::new();
    }
    let mut names = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].into_iter();
    let mut places = names.find_map(|name| Some(paths(&variable(name)?))).unwrap_or_else(folders);
    places.extend(paths(&variable("VK_ADD_DRIVER_FILES").unwrap_or_default()));
    let mut files: Vec<PathBuf> = places.iter().flat_map(|place| listed(place)).collect();
    files.dedup();
    files.into_iter().map(read).collect()
}

/// The paths in a variable.
fn paths(value: &str) -> Vec<PathBuf> {
    split_paths(value).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// The folders that the loader searches, in its order.
fn folders() -> Vec<PathBuf> {
    let home = variable("HOME").unwrap_or_default();
    let or = |name: &str, usual: String| paths(&variable(name).unwrap_or(usual));
    let places = [
        or("XDG_CONFIG_HOME", format!("{home}/.config")),
        or("XDG_CONFIG_DIRS", "/etc/xdg".to_owned()),
        vec!["/etc".into()],
        or("XDG_DATA_HOME", format!("{home}/.local/share")),
        or("XDG_DATA_DIRS", "/usr/local/share:/usr/share".to_owned()),
    ];
    places.into_iter().flatten().map(|place| place.join("vulkan/icd.d")).collect()
}

/// The JSON files of a folder, or the file itself.
fn listed(place: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(place) else {
        return Vec::from_iter(place.is_file().then(|| place.to_owned()));
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

fn read(path: PathBuf) -> Manifest {
    let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    let json = text.and_then(|it| serde_json::from_str(&it).map_err(|error| error.to_string()));
    let (json, wrong): (Value, _) = json.map_or_else(|it| (Value::Null, Some(it)), |it| (it, None));
    let key = |key: &str| Some(json.pointer(key)?.as_str()?.to_owned());
    let (library, api_version) = (key("/ICD/library_path"), key("/ICD/api_version"));
    // A bare name is searched for by the system's own rules.
    let missing = |it: &str| it.contains('/') && !path.with_file_name("").join(it).is_file();
    let problem = wrong.or_else(|| match &library {
        None => Some("it names no library".to_owned()),
        Some(library) => missing(library).then(|| "its library does not exist".to_owned()),
    });
    Manifest { path, library, api_version, problem }
}

/// The Vulkan loader, where it is in one of the usual folders of a Linux system.
pub fn loader() -> Option<PathBuf> {
    let usual = format!(
        "/usr/lib/{}-linux-gnu:/usr/lib64:/usr/lib:/usr/local/lib:/lib64:/lib",
        std::env::consts::ARCH
    );
    let first = variable("LD_LIBRARY_PATH").unwrap_or_default();
    let folders = paths(&first).into_iter().chain(paths(&usual));
    folders.map(|folder| folder.join("libvulkan.so.1")).find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_told_by_their_families() {
        assert_eq!(place("linux", "VERSION_CODENAME=bookworm\nID=debian\n"), Some(0));
        assert_eq!(place("linux", "VERSION_CODENAME=trixie\nID=debian\n"), Some(1));
        assert_eq!(place("linux", "NAME=x\nID=debian\n"), Some(1));
        assert_eq!(place("linux", "ID=pop\nID_LIKE=\"ubuntu debian\"\n"), Some(1));
        assert_eq!(place("linux", "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), Some(2));
        assert_eq!(place("linux", "ID=arch\n"), Some(3));
        assert_eq!(place("linux", "ID=void\n"), None);
        assert_eq!(place("macos", ""), Some(4));
        assert_eq!(place("windows", ""), Some(5));
    }
}

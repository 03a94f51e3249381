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
    let backend =
        || Some(("WGPU_BACKEND", variable("WGPU_BACKEND")?, "rules out the other interfaces"));
    let overridden = overridden().map(|(name, value)| (name, value, "names no driver"));
    let unset = overridden.or_else(backend).map_or_else(String::new, |(name, value, why)| {
        format!("{name}={value} {why}: unset it, or ")
    });
    match install().first() {
        Some(line) if line.this_system => {
            format!("To have one: {unset}{}; `involution doctor` says more", line.how)
        }
        _ => format!("To have one: {unset}see `involution doctor`"),
    }
}

/// The variable that replaces the installed drivers by the files that it lists.
fn overriding() -> Option<(&'static str, String)> {
    let mut names = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].into_iter();
    names.find_map(|name| Some((name, variable(name)?)))
}

/// A variable that replaces the installed drivers by files none of which exists.
pub fn overridden() -> Option<(&'static str, String)> {
    overriding().filter(|(_, value)| split_paths(value).all(|path| listed(&path).is_empty()))
}

/// A file that tells the Vulkan loader of a driver, with what the file says and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    pub path: PathBuf,
    pub library: Option<String>,
    pub api_version: Option<String>,
    pub problem: Option<String>,
}

/// The manifests that the Vulkan loader would see: those of an overriding variable, else those of the
/// standard folders. None on systems that keep them elsewhere.
pub fn manifests() -> Vec<Manifest> {
    if cfg!(any(windows, target_os = "macos")) {
        return Vec::new();
    }
    let mut places = match overriding() {
        Some((_, value)) => split_paths(&value).collect(),
        None => standard_folders(),
    };
    places.extend(paths("VK_ADD_DRIVER_FILES", ""));
    let mut files: Vec<PathBuf> = places.iter().flat_map(|place| listed(place)).collect();
    files.dedup();
    files.into_iter().map(read).collect()
}

/// The paths in a variable, or in the default where it is not set.
fn paths(name: &str, default: &str) -> Vec<PathBuf> {
    let value = variable(name).unwrap_or_else(|| default.to_owned());
    split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// The folders that the loader searches, in its order.
fn standard_folders() -> Vec<PathBuf> {
    let home = variable("HOME").unwrap_or_default();
    let places = [
        paths("XDG_CONFIG_HOME", &format!("{home}/.config")),
        paths("XDG_CONFIG_DIRS", "/etc/xdg"),
        vec!["/etc".into()],
        paths("XDG_DATA_HOME", &format!("{home}/.local/share")),
        paths("XDG_DATA_DIRS", "/usr/local/share:/usr/share"),
    ];
    let mut folders = Vec::new();
    let places = places.into_iter().flatten().filter(|place| place.is_absolute());
    for folder in places.map(|place| place.join("vulkan/icd.d")) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
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
    let json = text
        .and_then(|text| serde_json::from_str::<Value>(&text).map_err(|error| error.to_string()));
    let key = |key: &str| Some(json.as_ref().ok()?.pointer(key)?.as_str()?.to_owned());
    let (library, api_version) = (key("/ICD/library_path"), key("/ICD/api_version"));
    let problem = match (&json, &library) {
        (Err(problem), _) => Some(problem.clone()),
        (_, None) => Some("it names no library".to_owned()),
        // A bare name is searched for by the system's own rules.
        (_, Some(library)) => {
            let missing = library.contains('/') && !path.with_file_name("").join(library).is_file();
            missing.then(|| "its library does not exist".to_owned())
        }
    };
    Manifest { path, library, api_version, problem }
}

/// The Vulkan loader, where it is in one of the usual folders of a Linux system.
pub fn loader() -> Option<PathBuf> {
    let usual = format!(
        "/usr/lib/{}-linux-gnu:/usr/lib64:/usr/lib:/usr/local/lib:/lib64:/lib",
        std::env::consts::ARCH
    );
    let folders = paths("LD_LIBRARY_PATH", "").into_iter().chain(split_paths(&usual));
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

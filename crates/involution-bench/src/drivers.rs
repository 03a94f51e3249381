//! What a system needs to have an adapter: driver manifests, the Vulkan loader, and the line that
//! installs them.

use std::path::{Path, PathBuf};

pub use involution::store::variable;
use serde::Serialize;

/// A system and how to get a driver there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Install {
    /// The system.
    pub system: &'static str,
    /// The command, or why none is needed.
    pub how: &'static str,
    /// What else there is to know.
    pub note: Option<&'static str>,
    /// Whether this machine is such a system.
    pub this_system: bool,
}

const BACKPORTS: &str = "sudo apt install -t bookworm-backports mesa-vulkan-drivers";

const BACKPORTS_NOTE: &str = "\
with bookworm-backports among the suites of apt's sources, then sudo apt update:
sudo sed -i 's/^Suites: bookworm /&bookworm-backports /' /etc/apt/sources.list.d/debian.sources
Mesa 22.3 of Debian 12 itself is right, but takes two to three times as long";

const INSTALL: [(&str, &str); 6] = [
    ("Debian 12", BACKPORTS),
    ("Debian, Ubuntu", "sudo apt install mesa-vulkan-drivers"),
    ("Fedora", "sudo dnf install mesa-vulkan-drivers"),
    ("Arch", "sudo pacman -S vulkan-swrast"),
    ("macOS", "nothing: Metal is part of macOS"),
    ("Windows", "nothing: DirectX 12 is part of Windows; update the graphics driver"),
];

/// How to get a driver, this system first.
pub fn install() -> Vec<Install> {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let here = place(std::env::consts::OS, &release);
    let line = |index: usize| {
        let (system, how) = INSTALL[index];
        let note = (how == BACKPORTS).then_some(BACKPORTS_NOTE);
        Install { system, how, note, this_system: here == Some(index) }
    };
    let others = (0..INSTALL.len()).filter(|&index| here != Some(index));
    here.into_iter().chain(others).map(line).collect()
}

/// Which line of [`INSTALL`] is for the system of this name with this `/etc/os-release`.
fn place(system: &str, release: &str) -> Option<usize> {
    let is = |line: &str| release.lines().any(|found| found == line);
    let families = release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches(['"', '\'']).split_whitespace());
    match system {
        "macos" => Some(4),
        "windows" => Some(5),
        _ if is("ID=debian") && is("VERSION_CODENAME=bookworm") => Some(0),
        _ => families.into_iter().find_map(|family| match family {
            "debian" | "ubuntu" => Some(1),
            "fedora" | "rhel" => Some(2),
            "arch" => Some(3),
            _ => None,
        }),
    }
}

/// What to do where there is no adapter, in a few words.
pub fn cure() -> String {
    let unset = overridden()
        .map(|(name, value)| format!("{name}={value} names no driver: unset it, or "))
        .or_else(|| {
            let value = variable("WGPU_BACKEND")?;
            Some(format!("WGPU_BACKEND={value} rules out the other interfaces: unset it, or "))
        })
        .unwrap_or_default();
    match install().first() {
        Some(line) if line.this_system => {
            format!("To have one: {unset}{}; `involution doctor` says more", line.how)
        }
        _ => format!("To have one: {unset}see `involution doctor`"),
    }
}

/// A variable that replaces the installed drivers by files none of which exists.
pub fn overridden() -> Option<(&'static str, String)> {
    let mut names = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].into_iter();
    let (name, value) = names.find_map(|name| Some((name, variable(name)?)))?;
    let found = std::env::split_paths(&value).any(|path| !listed(&path).is_empty());
    (!found).then_some((name, value))
}

/// A file that tells the Vulkan loader of a driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// The file.
    pub path: PathBuf,
    /// The driver's library, as the file names it.
    pub library: Option<String>,
    /// The version of Vulkan that it says it has.
    pub api_version: Option<String>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// The manifests that the Vulkan loader would see: those of an overriding variable, else those of the
/// standard folders. None on systems that keep them elsewhere.
pub fn manifests() -> Vec<Manifest> {
    if cfg!(any(windows, target_os = "macos")) {
        return Vec::new();
    }
    let overriding = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"]
        .into_iter()
        .find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()));
    let mut places: Vec<PathBuf> = match overriding {
        Some(value) => std::env::split_paths(&value).collect(),
        None => standard_folders(),
    };
    places.extend(paths("VK_ADD_DRIVER_FILES"));
    let mut files: Vec<PathBuf> = places.iter().flat_map(|place| listed(place)).collect();
    files.dedup();
    files.into_iter().map(read).collect()
}

/// The paths in a variable.
fn paths(variable: &str) -> Vec<PathBuf> {
    let value = std::env::var_os(variable).unwrap_or_default();
    std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// The folders that the loader searches, in its order.
fn standard_folders() -> Vec<PathBuf> {
    let or = |variable: &str, default: &str| match paths(variable) {
        found if found.is_empty() => default.split(':').map(PathBuf::from).collect(),
        found => found,
    };
    let home = |folder: &str| match std::env::var("HOME") {
        Ok(home) => format!("{home}/{folder}"),
        Err(_) => String::new(),
    };
    let places = [
        or("XDG_CONFIG_HOME", &home(".config")),
        or("XDG_CONFIG_DIRS", "/etc/xdg"),
        vec!["/etc".into()],
        or("XDG_DATA_HOME", &home(".local/share")),
        or("XDG_DATA_DIRS", "/usr/local/share:/usr/share"),
    ];
    let mut folders = Vec::new();
    for place in places.into_iter().flatten().filter(|place| place.is_absolute()) {
        let folder = place.join("vulkan/icd.d");
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
    let parsed =
        std::fs::read_to_string(&path).map_err(|error| error.to_string()).and_then(|text| {
            serde_json::from_str::<serde_json::Value>(&text).map_err(|error| error.to_string())
        });
    let (icd, problem) = match parsed {
        Ok(value) => (value.get("ICD").cloned().unwrap_or_default(), None),
        Err(problem) => (serde_json::Value::Null, Some(problem)),
    };
    let text = |key: &str| icd.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let library = text("library_path");
    let problem = problem.or_else(|| match &library {
        None => Some("it names no library".to_owned()),
        // A bare name is searched for by the system's own rules.
        Some(library) if library.contains('/') => {
            let beside = path.parent().unwrap_or(Path::new("/")).join(library);
            (!beside.is_file()).then(|| "its library does not exist".to_owned())
        }
        Some(_) => None,
    });
    Manifest { path, library, api_version: text("api_version"), problem }
}

/// The Vulkan loader, where it is in one of the usual folders of a Linux system.
pub fn loader() -> Option<PathBuf> {
    let mut folders = paths("LD_LIBRARY_PATH");
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    folders.push(multiarch.into());
    folders
        .extend(["/usr/lib64", "/usr/lib", "/usr/local/lib", "/lib64", "/lib"].map(PathBuf::from));
    folders.into_iter().map(|folder| folder.join("libvulkan.so.1")).find(|path| path.exists())
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

//! What the command says: help that reads well in a narrow window, advice in its own flags, variables that are refused
//! by name, names of classes, and pictures that are no digits.

use super::*;
use involution::ops::{Attributes, NAMES, Operator};

const COMMANDS: [&[&str]; 17] = [
    &[],
    &["doctor"],
    &["verify"],
    &["run"],
    &["detect"],
    &["segment"],
    &["inspect"],
    &["plan"],
    &["forward"],
    &["layer"],
    &["op"],
    &["bench"],
    &["bench", "sweep"],
    &["bench", "diff"],
    &["bench", "registers"],
    &["compare", "attention"],
    &["tune"],
];

fn help(command: &[&str], columns: &str) -> String {
    let ran = involution_with(&[command, &["--help"]].concat(), &[("COLUMNS", Path::new(columns))]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    ran.stdout
}

/// The text below the options.
fn closing(help: &str) -> &str {
    let options = help.rfind("  -h, --help").unwrap().max(help.rfind("  --precision").unwrap_or(0));
    help[options..].split_once("\n\n").map_or("", |(_, closing)| closing)
}

#[test]
fn no_line_of_help_breaks_in_its_middle() {
    for command in COMMANDS {
        for columns in [80, 100] {
            let help = help(command, &columns.to_string());
            let lines: Vec<&str> = help.lines().collect();
            for pair in lines.windows(2) {
                let [line, next] = [pair[0], pair[1]];
                // A usage line is clap's own.
                assert!(line.len() <= columns || line.starts_with("Usage:"), "{command:?}: {line}");
                // A paragraph goes on below only where the next word has no room.
                let prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
                let heading = |line: &str| line.ends_with(':') || line.starts_with("Usage:");
                if prose(line) && prose(next) && !heading(line) {
                    let word = next.split(' ').next().unwrap();
                    let whole = line.len() + 1 + word.len();
                    assert!(whole > columns, "{command:?} at {columns}:\n{line}\n{next}");
                }
            }
        }
        // What is laid out by hand, examples and lists, is as it was written in both.
        let by_hand = |columns| {
            let help = help(command, columns);
            let lines = closing(&help).lines().filter(|line| line.starts_with(' '));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(by_hand("80"), by_hand("100"), "{command:?}");
    }
}

#[test]
fn flags_of_every_command_have_a_heading_of_their_own() {
    for command in COMMANDS {
        let help = help(command, "100");
        let (own, global) = help.split_once("\nGlobal options:\n").unwrap();
        for flag in ["--adapter", "--require-gpu", "--low-memory", "--precision", "--paranoid"] {
            assert!(global.contains(&format!("  {flag}")), "{command:?}: {help}");
            assert!(!own.contains(&format!("  {flag}")), "{command:?}: {help}");
        }
        assert!(!help.contains("`bench` takes"), "{command:?}: {help}");
    }
}

#[test]
fn help_of_op_has_the_defaults_that_hold() {
    let help = help(&["op"], "100");
    for name in NAMES {
        let start = help.find(&format!("\n  {name} ")).unwrap() + 1;
        let mut lines = help[start..].lines();
        let mut entry = lines.next().unwrap().to_owned();
        lines.take_while(|line| line.starts_with("     ")).for_each(|line| entry += line);
        let words: Vec<&str> = entry.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        let attributes = Operator::attribute_names(name).unwrap();
        let tensors = Operator::tensor_names(name).unwrap();
        let required = Operator::required_tensor_names(name).unwrap();
        for tensor in &tensors {
            let word = format!("[{tensor}]");
            let word = if required.contains(tensor) { *tensor } else { word.as_str() };
            assert!(words.contains(&word), "{tensor}: {entry}");
        }
        let given = |attribute: &str| {
            let text = words[1..].iter().find(|word| word.split('=').next() == Some(attribute));
            text.unwrap_or_else(|| panic!("{attribute}: {entry}")).split_once('=').map(|it| it.1)
        };
        let shape = involution::Shape::from([1, 1, 1, 1]);
        let shapes: Vec<_> = required.iter().map(|tensor| (*tensor, &shape)).collect();
        let operator = |attributes: Vec<(&str, &str)>| {
            Operator::from_attributes(name, &Attributes::new(attributes), &shapes)
        };
        let needed = attributes.iter().filter(|name| given(name).is_none());
        let needed: Vec<(&str, &str)> = needed.map(|name| (*name, "1")).collect();
        let least = operator(needed.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        for attribute in &attributes {
            match given(attribute) {
                // Taken from another.
                Some(default) if default.starts_with('(') => {}
                Some(default) => {
                    let with = [needed.clone(), vec![(*attribute, default)]].concat();
                    assert_eq!(operator(with).unwrap(), least, "{name} {attribute}={default}");
                }
                None => {
                    let without = needed.iter().filter(|(name, _)| name != attribute);
                    assert!(operator(without.copied().collect()).is_err(), "{name} {attribute}");
                }
            }
        }
    }
    for value in ["relu6", "interleaved"] {
        assert!(help.contains(value), "{help}");
    }
}

#[test]
fn advice_is_in_flags_of_the_command() {
    let folder = folder("advice");
    let [x, out] = ["x.safetensors", "out.safetensors"].map(|name| folder.join(name));
    write(&x, &[("x", &Tensor::filled([1, 1, 9, 9], 0.0).unwrap())]);
    let plan = involution(&["plan", "rednet50", "--size", "225"]);
    misused(&plan, &["28x28", "29x29", "--any-size"]);
    let forward =
        involution(&arguments!["forward", "rednet_digits", "--input", x, "--output", out]);
    misused(&forward, &["--any-size"]);
    let digits = involution(&["plan", "rednet_digits", "--size", "9"]);
    misused(&digits, &["--any-size"]);
    assert_eq!(involution(&["plan", "rednet_digits", "--size", "9", "--any-size"]).code, 0);
    let tune = involution(&["tune", "--size", "225", "--dry-run"]);
    misused(&tune, &["--size", "32"]);
    for ran in [plan, forward, tune] {
        assert!(!ran.stderr.contains("PoolTo") && !ran.stderr.contains("::"), "{}", ran.stderr);
    }
    assert!(!out.exists());
    misused(&involution(&["plan", "rednet26", "--stem", "4"]), &["--stem", "odd", "4"]);
    assert!(help(&["plan"], "100").contains("an odd number"));
    let sweep = involution(&["bench", "sweep", "conv2d", "--var", "size=8..4"]);
    misused(&sweep, &["size=8..4", "backwards", "4..8"]);
}

#[test]
fn variables_with_unknown_values_are_refused_with_the_known_ones() {
    let image = digits("7.png");
    let commands: [&[&std::ffi::OsStr]; 2] =
        [&arguments!["run", image], &arguments!["--adapter", "cpu", "verify", "linear"]];
    // The tests may ask for a GPU.
    let auto = ("INVOLUTION_GPU", Path::new("auto"));
    let refused: [(&str, &str, &[&str]); 8] = [
        ("WGPU_BACKEND", "quantum", &["vulkan", "metal", "dx12", "gl"]),
        ("WGPU_BACKEND", "vulkan,quantum", &["vulkan", "metal", "dx12", "gl"]),
        ("WGPU_BACKEND", "vulkan,", &["vulkan", "metal", "dx12", "gl"]),
        ("WGPU_POWER_PREF", "fast", &["low", "high"]),
        ("INVOLUTION_TUNE", "perhaps", &["on or off"]),
        ("INVOLUTION_GPU", "maybe", &["require", "auto", "off"]),
        ("RUST_LOG", "involution=loud", &["debug"]),
        ("RUST_LOG", "a=b=c", &["debug"]),
    ];
    for (name, value, known) in refused {
        for command in commands {
            let ran = involution_with(command, &[auto, (name, Path::new(value))]);
            misused(&ran, &[&[name, value.split(',').next_back().unwrap()], known].concat());
            assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        }
    }
    for (name, value) in [
        ("WGPU_BACKEND", "Vulkan, GL"),
        ("WGPU_BACKEND", ""),
        ("WGPU_POWER_PREF", "LOW"),
        ("INVOLUTION_TUNE", "0"),
        ("RUST_LOG", "involution=error"),
    ] {
        let ran = involution_with(commands[1], &[auto, (name, Path::new(value))]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}={value}");
    }
    // An adapter that is not there, whoever names it.
    for name in ["INVOLUTION_ADAPTER", "WGPU_ADAPTER_NAME"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_involution"));
        command.args(commands[0]).env_remove("INVOLUTION_GPU").env_remove("INVOLUTION_ADAPTER");
        let output = command.env(name, "no such adapter").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(&format!("{name}: no adapter matches 'no such")), "{stderr}");
    }
}

#[test]
fn warnings_have_one_form_and_come_once() {
    let images: Vec<PathBuf> = (0..3).map(|digit| digits(&format!("{digit}.png"))).collect();
    let mut arguments = vec![PathBuf::from("run")];
    arguments.extend(images);
    let ran = involution(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for line in ran.stderr.lines().filter(|line| line.contains("software")) {
        assert!(line.starts_with("warning: "), "{line}");
    }
    assert!(ran.stderr.matches("is a software adapter").count() <= 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("WARN"), "{}", ran.stderr);
}

#[test]
fn names_of_classes_are_clean_or_counted() {
    let folder = folder("labels");
    let file = folder.join("labels.txt");
    let names = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"];
    let lines = names.join("\n");
    let run = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        involution(&arguments!["run", "--json", "--top", "10", "--labels", file, digits("0.png")])
    };
    for text in [
        format!("\u{feff}{lines}\n"),
        format!("{}\r\n\r\n", lines.replace('\n', "\r\n")),
        format!("\n{}\n\n\n", lines.replace('\n', " \n\n\t")),
        lines.replace('\n', "\r"),
    ] {
        let ran = run(text.as_bytes());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        for row in ran.json()["images"][0]["predictions"].as_array().unwrap() {
            assert_eq!(row["label"], names[row["index"].as_u64().unwrap() as usize]);
        }
    }
    // Nine names, and a line without one.
    misused(&run(lines.replace("acht", "").as_bytes()), &["9 names", "10 classes"]);
    misused(&run(b"one"), &["1 name ", "10 classes"]);
    let utf16: Vec<u8> = lines.encode_utf16().flat_map(u16::to_le_bytes).collect();
    misused(&run(&utf16), &["UTF-16", "UTF-8"]);
    misused(&run(&[&[0xff, 0xfe], utf16.as_slice()].concat()), &["UTF-16", "UTF-8"]);
    misused(&run(b"null\nf\xfcnf\n"), &["not UTF-8", "byte 6"]);
}

/// A picture of one colour.
fn picture(path: &Path, size: [u32; 2], pixel: [u8; 3]) {
    let [width, height] = size;
    ::image::RgbImage::from_pixel(width, height, ::image::Rgb(pixel)).save(path).unwrap();
}

#[test]
fn a_photograph_is_told_what_the_network_of_digits_knows() {
    let folder = folder("photograph");
    let [coloured, large, small] =
        ["coloured.png", "large.png", "small.png"].map(|name| folder.join(name));
    picture(&coloured, [20, 30], [200, 90, 40]);
    picture(&large, [640, 480], [90, 90, 90]);
    picture(&small, [28, 28], [90, 90, 96]);
    let ran = involution(&arguments!["run", coloured, large, small, digits("7.png")]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for part in ["a coloured picture, 20x30", "a large picture, 640x480", "handwritten digits"] {
        assert!(ran.stdout.contains(part), "'{part}' is missing: {}", ran.stdout);
    }
    assert_eq!(ran.stdout.matches("warning: ").count(), 2, "{}", ran.stdout);
    let ran = involution(&arguments!["run", "--json", small, large, coloured, digits("7.png")]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let doubts: Vec<bool> = ran.json()["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["warning"].as_str().is_some_and(|text| text.contains("digits")))
        .collect();
    assert_eq!(doubts, [false, true, true, false]);
    let said = ran.stderr.lines().filter(|line| line.contains("handwritten"));
    assert_eq!(said.count(), 1, "{}", ran.stderr);
    let own = involution(&arguments!["run", digits("7.png")]);
    assert!(!own.stdout.contains("warning"), "{}", own.stdout);
}

#[test]
fn nothing_takes_less_than_no_time() {
    let ran = involution(&["tune", "--ops", "avg_pool2d", "--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("No call has a choice of kernels"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("-0."), "{}", ran.stdout);
}

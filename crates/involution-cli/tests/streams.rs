//! Inputs and outputs that are no plain files of their own: pipes, stdin and stdout, links, full disks.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use involution::Tensor;

use super::{digits, folder, read, write};

/// The command in this folder, on the reference: a shell runs the text after `involution`, or before it.
fn shell(folder: &Path, script: &str) -> Output {
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(folder).env("NO_COLOR", "1").env_remove("RUST_LOG");
    let program = Path::new(env!("CARGO_BIN_EXE_involution"));
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", program.parent().unwrap().display()));
    command.env_remove("INVOLUTION_ADAPTER").env("INVOLUTION_GPU", "off");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{script}: {said}");
    output
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("ended by a signal")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with `in.safetensors`, the file that relu makes of it, and its bytes.
fn relu(name: &str) -> (PathBuf, Vec<u8>) {
    let folder = folder(name);
    let x = Tensor::new([1, 2, 2], vec![-1.0, 2.0, -3.0, 4.0]).unwrap();
    write(&folder.join("in.safetensors"), &[("x", &x)]);
    let made = shell(&folder, "involution op relu --input in.safetensors --output made");
    assert_eq!(code(&made), 0, "{}", text(&made.stderr));
    let want = [0.0, 2.0, 0.0, 4.0];
    assert_eq!(read(&folder.join("made")).get("out").unwrap().data(), want);
    let bytes = fs::read(folder.join("made")).unwrap();
    (folder, bytes)
}

#[test]
fn tensors_come_through_pipes_and_leave_by_them() {
    let (folder, want) = relu("pipes");
    for input in ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "<(cat in.safetensors)"] {
        for from in ["< in.safetensors", "< <(cat in.safetensors)"] {
            let ran =
                shell(&folder, &format!("involution op relu --input {input} --output - {from}"));
            assert_eq!(code(&ran), 0, "{input} {from}: {}", text(&ran.stderr));
            assert_eq!(ran.stdout, want, "{input} {from}");
        }
    }
    symlink("/dev/stdout", folder.join("link")).unwrap();
    for output in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link", ">(cat)"] {
        for json in ["", "--json"] {
            let script =
                format!("involution op relu {json} --input in.safetensors --output {output} | cat");
            let ran = shell(&folder, &script);
            // The line for people stands in the other stream.
            let by_substitution = output == ">(cat)";
            let said = if by_substitution { &ran.stdout } else { &ran.stderr };
            assert!(text(said).contains(if json.is_empty() { ": out [" } else { "\"shape\"" }));
            match by_substitution {
                true => assert!(ran.stdout.windows(want.len()).any(|part| part == want)),
                false => assert_eq!(ran.stdout, want, "{output}"),
            }
        }
    }
    // As much as is left of stdin, not the whole file anew.
    let mut shifted = b"1234".to_vec();
    shifted.extend(fs::read(folder.join("in.safetensors")).unwrap());
    fs::write(folder.join("shifted"), shifted).unwrap();
    for input in ["-", "/dev/stdin"] {
        let rest = format!("involution op relu --input {input} --output -");
        let script = format!("(head -c 4 > /dev/null; {rest}) < <(cat shifted; sleep 0)");
        let script = script.replace("head -c 4", "dd bs=1 count=4 status=none of=/dev/null");
        assert_eq!(shell(&folder, &script).stdout, want, "{input}");
        let script = script.replace("<(cat shifted; sleep 0)", "shifted");
        assert_eq!(shell(&folder, &script).stdout, want, "{input}");
    }
    let ran = shell(&folder, "cat in.safetensors | involution inspect - --json");
    assert!(text(&ran.stdout).contains("\"name\": \"x\""), "{}", text(&ran.stderr));
    // What is in stdin can be had once.
    let twice = "involution layer involution2d_dli14 --weights - --input /dev/stdin --output -";
    let ran = shell(&folder, &format!("{twice} < in.safetensors"));
    assert_eq!(code(&ran), 2);
    assert!(text(&ran.stderr).contains("another input"), "{}", text(&ran.stderr));
}

#[test]
fn images_and_labels_come_through_pipes() {
    let folder = folder("piped_images");
    fs::copy(digits("7.png"), folder.join("7.png")).unwrap();
    fs::write(folder.join("labels"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n").unwrap();
    for image in ["- < 7.png", "/dev/stdin < 7.png", "<(cat 7.png)", "- < <(cat 7.png)"] {
        let ran = shell(&folder, &format!("involution run --json --labels <(cat labels) {image}"));
        assert_eq!(code(&ran), 0, "{image}: {}{}", text(&ran.stdout), text(&ran.stderr));
        let json: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(json["images"][0]["predictions"][0]["label"], "h", "{image}");
    }
    let ran = shell(&folder, "involution run - 7.png - < 7.png");
    assert_eq!(code(&ran), 1);
    assert_eq!(text(&ran.stdout).matches("another input").count(), 1, "{}", text(&ran.stdout));
}

#[test]
fn a_file_that_stdout_goes_to_is_neither_cut_nor_replaced() {
    let (folder, want) = relu("redirected");
    let all = [b"before\n", &want[..], b"after\n"].concat();
    for output in ["-", "/dev/stdout", "/dev/fd/1"] {
        let run = format!("involution op relu --input in.safetensors --output {output}");
        shell(&folder, &format!("(echo before; {run}; echo after) > file"));
        assert_eq!(fs::read(folder.join("file")).unwrap(), all, "{output}");
    }
    let run = "involution op relu --input in.safetensors --output /dev/fd/3";
    shell(&folder, &format!("(echo before >&3; {run}) 3> file"));
    assert_eq!(fs::read(folder.join("file")).unwrap(), all[..all.len() - 6]);
    let ran = shell(&folder, "involution op relu --input in.safetensors --output /dev/fd/99");
    assert_eq!(code(&ran), 1, "{}", text(&ran.stderr));
}

#[test]
fn outputs_are_as_if_they_had_been_opened() {
    let (folder, want) = relu("outputs");
    let run = |script: &str| {
        let op = "involution op relu --input in.safetensors --output";
        let ran = shell(&folder, &script.replace("OP", op));
        assert_eq!(code(&ran), 0, "{script}: {}", text(&ran.stderr));
    };
    let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o7777;
    for (umask, expected) in [("022", 0o644), ("077", 0o600), ("002", 0o664), ("0", 0o666)] {
        run(&format!("umask {umask}; rm -f new; OP new"));
        assert_eq!(mode("new"), expected, "umask {umask}");
    }
    for kept in [0o660, 0o600, 0o777, 0o604] {
        fs::write(folder.join("old"), "old").unwrap();
        fs::set_permissions(folder.join("old"), PermissionsExt::from_mode(kept)).unwrap();
        run("OP old");
        assert_eq!((mode("old"), fs::read(folder.join("old")).unwrap()), (kept, want.clone()));
    }
    // Links stay, and what they lead to is written, whether it is there or not.
    fs::create_dir(folder.join("below")).unwrap();
    symlink("below/target", folder.join("first")).unwrap();
    symlink("first", folder.join("second")).unwrap();
    for _ in ["not there", "there"] {
        run("OP second");
        assert_eq!(fs::read(folder.join("below/target")).unwrap(), want);
        assert!(["first", "second"].iter().all(|name| folder.join(name).is_symlink()));
    }
    run("mkfifo pipe; (cat pipe > copied) & OP pipe; wait");
    assert_eq!(fs::read(folder.join("copied")).unwrap(), want);
    // Nothing is left beside them.
    let mut left: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    left.sort();
    let expected =
        ["below", "copied", "first", "in.safetensors", "made", "new", "old", "pipe", "second"];
    assert_eq!(left, expected);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let (folder, want) = relu("refused");
    symlink("loop", folder.join("loop")).unwrap();
    symlink("no/where", folder.join("dangling")).unwrap();
    for (output, expected) in [("loop", 1), ("dangling", 2), (".", 2), ("no/file", 2)] {
        let script = format!("involution op relu --input in.safetensors --output {output}");
        let ran = shell(&folder, &script);
        assert_eq!((code(&ran), text(&ran.stdout).as_str()), (expected, ""), "{output}");
    }
    // Root may write anywhere, so it is done as somebody else where that can be.
    let locked = folder.join("locked");
    fs::create_dir(&locked).unwrap();
    fs::write(locked.join("free"), "old").unwrap();
    fs::write(locked.join("fixed"), "old").unwrap();
    for (path, mode) in [("free", 0o666), ("fixed", 0o444), ("", 0o555)] {
        fs::set_permissions(locked.join(path), PermissionsExt::from_mode(mode)).unwrap();
    }
    // The folders above have to be open to others, which those of a home may not be.
    let nobody = "setpriv --reuid 65534 --clear-groups";
    let nobody = match code(&shell(&folder, "[ $(id -u) = 0 ]")) {
        0 if code(&shell(&folder, &format!("{nobody} involution --version"))) == 0 => nobody,
        0 => return,
        _ => "",
    };
    for (name, expected, left) in [("free", 0, &want[..]), ("fixed", 1, b"old"), ("absent", 1, b"")]
    {
        let op = "involution op relu --input in.safetensors --output";
        let ran = shell(&folder, &format!("{nobody} {op} locked/{name}"));
        assert_eq!(code(&ran), expected, "{name}: {}", text(&ran.stderr));
        assert!(
            expected == 0 || text(&ran.stderr).contains(&format!("cannot write locked/{name}"))
        );
        assert_eq!(fs::read(locked.join(name)).unwrap_or_default(), left, "{name}");
    }
    fs::set_permissions(&locked, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_full_disk_is_an_error_whatever_is_written() {
    let (folder, _) = relu("full");
    fs::copy(digits("7.png"), folder.join("7.png")).unwrap();
    for arguments in [
        "--help",
        "-h",
        "--version",
        "help run",
        "run --help",
        "bench --help",
        "bench sweep --help",
        "bench help diff",
        "plan rednet_digits",
        "plan rednet_digits --json",
        "inspect in.safetensors",
        "run 7.png",
        "doctor",
        "verify add --cases 1",
        "op relu --input in.safetensors --output made",
        "op relu --input in.safetensors --output -",
    ] {
        let ran = shell(&folder, &format!("involution {arguments} > /dev/full"));
        assert_eq!(code(&ran), 1, "{arguments}: {}", text(&ran.stderr));
        assert!(text(&ran.stderr).contains("No space left"), "{arguments}: {}", text(&ran.stderr));
        // A reader that has left is none.
        let ran = shell(&folder, &format!("involution {arguments} 2> said | true; cat said"));
        assert!(!text(&ran.stdout).contains("error"), "{arguments}: {}", text(&ran.stdout));
    }
    let ran = shell(&folder, "involution op relu --input in.safetensors --output /dev/full");
    assert_eq!(code(&ran), 1);
    assert!(text(&ran.stderr).contains("cannot write /dev/full"), "{}", text(&ran.stderr));
    // Where errors cannot be told, the exit code still tells of them.
    for (arguments, expected) in
        [("nothing", 2), ("op relu --input none --output made", 2), ("plan rednet_digits", 0)]
    {
        let ran = shell(&folder, &format!("involution {arguments} > /dev/null 2> /dev/full"));
        assert_eq!(code(&ran), expected, "{arguments}");
    }
}

#[test]
fn rows_go_to_stdout_in_any_one_form() {
    let folder = folder("bench_stdout");
    let bench = |forms: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_involution"));
        command.args(["bench", "--filter", "softmax 1000", "--repeat", "3"]).current_dir(&folder);
        command.args(forms.split(' ')).env("INVOLUTION_TUNE", "off").output().unwrap()
    };
    for (forms, first) in [
        ("--html -", "<!doctype html>"),
        ("--html /dev/stdout", "<!doctype html>"),
        ("--json -", "{"),
    ] {
        let ran = bench(forms);
        assert_eq!(code(&ran), 0, "{forms}: {}", text(&ran.stderr));
        let line = text(&ran.stdout).lines().next().unwrap_or_default().to_owned();
        assert!(line.ends_with(first), "{forms}: {}", text(&ran.stdout));
    }
    for forms in ["--html - --json -", "--json --html /dev/stdout"] {
        let ran = bench(forms);
        assert_eq!((code(&ran), text(&ran.stdout).as_str()), (2, ""), "{forms}");
        assert!(text(&ran.stderr).contains("go to stdout"), "{}", text(&ran.stderr));
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

/// A socket can be read, but not opened by its name.
#[test]
fn a_socket_is_read_as_stdin() {
    let (folder, want) = relu("socket");
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_involution"));
    command.args(["--adapter", "cpu", "op", "relu", "--input", "/dev/stdin", "--output", "-"]);
    command.env_remove("INVOLUTION_GPU").env("INVOLUTION_GPU", "off");
    let theirs: std::os::fd::OwnedFd = theirs.into();
    let child =
        command.stdin(Stdio::from(theirs)).stdout(File::create(folder.join("out")).unwrap());
    let mut child = child.stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    let mut ours = ours;
    ours.write_all(&fs::read(folder.join("in.safetensors")).unwrap()).unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read(folder.join("out")).unwrap(), want);
}

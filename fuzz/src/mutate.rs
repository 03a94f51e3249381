//! Mutates valid files at random for a number of seconds, and reads the results.

#[allow(dead_code)]
#[path = "../../tests/weights/craft.rs"]
mod craft;
#[path = "../../tests/weights/memory.rs"]
mod memory;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fastrand::Rng;
use involution::WeightsError;
use involution::weights::{Limits, Loaded, read};

/// Limits on the time and memory of an input.
const TIME: Duration = Duration::from_secs(1);
const BYTES: usize = 100 << 20;

/// The most inputs that are kept for further mutation, and the most bytes of one.
const KEPT: usize = 4000;
const LONGEST: usize = 64 << 10;

/// Byte sequences with a meaning for one of the readers.
const WORDS: [&[u8]; 32] = [
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\0\0\0\0\0\0\0\x80",
    b"\0\0\0\0",
    b"\x01\0\0\0",
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"ctorch\nFloatStorage\n",
    b"ctorch\nHalfStorage\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_parameter\n",
    b"ccollections\nOrderedDict\n",
    b"cos\nsystem\n",
    b"(tR",
    b")R",
    b"}q\0",
    b"]q\0",
    b"h\0",
    b"h\x01",
    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x85\x86\x87",
    b"X\x01\0\0\0a",
    b"2222",
    b"((((",
    b"\"shape\":[",
    b"\"data_offsets\":[0,0]",
    b"\"F16\"",
    b"999999999999999",
];

/// An input: a file, or a pickle that is yet to be packed into an archive.
#[derive(Clone)]
struct Input {
    bytes: Vec<u8>,
    packed: bool,
}

impl Input {
    fn file(&self) -> Vec<u8> {
        if self.packed { craft::archive(self.bytes.clone()) } else { self.bytes.clone() }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (format, seconds) = match arguments.as_slice() {
        [format, seconds, ..] if ["safetensors", "pth"].contains(&format.as_str()) => {
            (format.as_str(), seconds.parse().ok())
        }
        _ => ("", None),
    };
    let Some(seconds) = seconds else {
        eprintln!("usage: mutate safetensors|pth SECONDS [SEED]");
        return ExitCode::from(2);
    };
    let seed = arguments.get(2).and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut inputs = corpus(&root.join("../tests/weights/files"), format);
    let sound = inputs.len();
    assert!(sound > 0, "no files to change");
    std::panic::set_hook(Box::new(|_| ()));

    let mut rng = Rng::with_seed(seed);
    let mut seen = HashSet::new();
    let (mut runs, mut intact, mut failures) = (0u64, 0u64, 0u64);
    let (mut slowest, mut largest) = (Duration::ZERO, 0);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        // Choose an original file as often as a mutated one.
        let index = if rng.bool() { rng.usize(..sound) } else { rng.usize(..inputs.len()) };
        let mut input = inputs[index].clone();
        for _ in 0..rng.usize(1..6) {
            let other = rng.usize(..inputs.len());
            change(&mut rng, &mut input.bytes, &inputs[other].bytes);
        }
        input.bytes.truncate(LONGEST);
        let file = input.file();
        let limits = Limits::default();
        let (result, cost) =
            memory::measure(|| catch_unwind(AssertUnwindSafe(|| read(&file, &limits))));
        runs += 1;
        slowest = slowest.max(cost.time);
        largest = largest.max(cost.bytes);
        let failure = match &result {
            Err(_) => Some("panic"),
            Ok(_) if cost.time > TIME => Some("time"),
            Ok(_) if cost.bytes > BYTES => Some("memory"),
            Ok(_) => None,
        };
        if let Some(failure) = failure {
            failures += 1;
            let folder = root.join("artifacts");
            let path = folder.join(format!("{format}-{failure}-{seed}-{runs}"));
            let kept = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, &file));
            println!("{failure}: {} {kept:?}", path.display());
        }
        let Ok(result) = result else { continue };
        intact += u64::from(result.is_ok());
        if seen.insert(outcome(&result)) && inputs.len() < KEPT {
            inputs.push(input);
        }
    }
    let elapsed = start.elapsed().as_secs_f64();
    println!(
        "{format}, seed {seed}: {runs} inputs in {elapsed:.0} s, {:.0} a second; {intact} were read, {} \
         ways to end; slowest {slowest:?}, largest {} KiB; {failures} failures",
        runs as f64 / elapsed,
        seen.len(),
        largest >> 10,
    );
    ExitCode::from(u8::from(failures > 0))
}

/// The valid files of a format, and the pickles in them.
fn corpus(folder: &Path, format: &str) -> Vec<Input> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == format))
        .collect();
    paths.sort();
    let mut inputs = Vec::new();
    for path in paths {
        let Ok(bytes) = std::fs::read(path) else { continue };
        if let Some(pickle) = pickle_of(&bytes) {
            inputs.push(Input { bytes: pickle, packed: true });
        }
        inputs.push(Input { bytes, packed: false });
    }
    if format == "pth" {
        inputs.push(Input { bytes: craft::sound(), packed: true });
    }
    inputs
}

/// The pickle of an archive.
fn pickle_of(archive: &[u8]) -> Option<Vec<u8>> {
    let start = archive.windows(2).position(|pair| pair[0] == 0x80 && (2..6).contains(&pair[1]))?;
    let end = archive[start..].windows(5).position(|end| end == b".PK\x07\x08")?;
    Some(archive[start..=start + end].to_vec())
}

/// Applies one mutation at a random position.
fn change(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = rng.usize(..=bytes.len());
    let end = (at + rng.usize(1..33)).min(bytes.len());
    let word = WORDS[rng.usize(..WORDS.len())];
    match rng.u8(..10) {
        0..3 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
        3 if at < bytes.len() => bytes[at] = rng.u8(..),
        4 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(rng.u8(..9)).wrapping_sub(4),
        5 => bytes.iter_mut().skip(at).zip(word).for_each(|(byte, &new)| *byte = new),
        6 => drop(bytes.splice(at..at, word.iter().copied())),
        7 => drop(bytes.drain(at..end)),
        8 => {
            let copied = bytes[at..end].repeat(rng.usize(1..4));
            let to = rng.usize(..=bytes.len());
            drop(bytes.splice(to..to, copied));
        }
        _ => {
            let from = rng.usize(..=other.len());
            let until = (from + rng.usize(1..129)).min(other.len());
            drop(bytes.splice(at..end, other[from..until].iter().copied()));
        }
    }
}

/// The outcome of an input, without names and numbers.
fn outcome(result: &Result<Loaded, WeightsError>) -> String {
    let error = match result {
        Ok(loaded) => return format!("{} {}", loaded.tensors.len(), loaded.skipped.len()),
        Err(error) => error,
    };
    match error {
        WeightsError::View { problem, .. } => format!("{problem:?}"),
        WeightsError::Limit { limit, .. } => format!("{limit:?}"),
        WeightsError::Archive { reason, .. } | WeightsError::Pickle { reason, .. } => {
            (*reason).to_owned()
        }
        WeightsError::Truncated { what, .. } => (*what).to_owned(),
        WeightsError::RefusedOpcode { opcode, .. } => opcode.clone(),
        WeightsError::Safetensors { message } => {
            message.chars().filter(|c| !c.is_ascii_digit()).take(40).collect()
        }
        // The name of the variant.
        other => format!("{other:?}").chars().take_while(|c| c.is_alphanumeric()).collect(),
    }
}

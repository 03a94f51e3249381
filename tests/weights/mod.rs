//! Files of weights: what is read from those that PyTorch wrote, and how all others are refused.

mod craft;
mod fields;
mod formats;
mod globals;
mod hostile_archive;
mod hostile_pickle;
mod hostile_safetensors;
mod hostile_stream;
mod hostile_view;
mod keys;
mod kinds;
mod memory;
mod mutations;
mod names;
mod opcodes;

use std::path::{Path, PathBuf};
use std::time::Duration;

use involution::WeightsError;
use involution::weights::{Limits, Loaded, read};

/// What a file may cost at most, whatever is in it.
const TIME: Duration = Duration::from_secs(1);
const BYTES: usize = 100 << 20;

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights/files")
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(files().join(name)).unwrap()
}

/// Reads within the default limits, and checks that it cost neither too much time nor memory.
fn measured(bytes: &[u8]) -> Result<Loaded, WeightsError> {
    // A machine that is busy with something else may take long once, but not each time.
    let mut tries = 0;
    loop {
        let (result, cost) = memory::measure(|| read(bytes, &Limits::default()));
        assert!(cost.bytes < BYTES, "allocated {} bytes", cost.bytes);
        if cost.time < TIME {
            return result;
        }
        tries += 1;
        assert!(tries < 3, "took {:?}", cost.time);
    }
}

/// The error of a file that is to be refused.
#[track_caller]
fn refused(bytes: &[u8]) -> WeightsError {
    match measured(bytes) {
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < 1200, "{} bytes of message", message.len());
            error
        }
        Ok(loaded) => panic!("was read: {loaded:?}"),
    }
}

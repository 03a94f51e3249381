//! The adapters that the tests run on, opened once for all of them, and the count of what ran.
//!
//! `INVOLUTION_GPU` is `auto` (every adapter there is, the default), `require` (the same, but none is a
//! failure) or `off` (the host alone). `INVOLUTION_ADAPTER` restricts the tests to the adapter of that
//! index, or to those whose name holds that text; `cpu` is the host alone.

use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use involution::autotune::Tuned;
use involution::gpu::{AdapterChoice, AdapterInfo, Options, adapters};
use involution::{Error, Gpu};

static OPEN: LazyLock<Result<Vec<Gpu>, String>> = LazyLock::new(open);

/// Every adapter that the tests run on. Whoever asks fails where one is required and there is none.
pub fn all() -> &'static [Gpu] {
    OPEN.as_ref().unwrap_or_else(|why| panic!("{why}"))
}

/// Calls `test` with every adapter.
pub fn each(test: impl Fn(&Gpu)) {
    let _running = Running::start();
    for gpu in all() {
        test(gpu);
    }
}

/// The adapter of `gpu` opened a second time: nothing compiled, an empty pool, and what `change` asks for.
pub fn fresh(gpu: &Gpu, change: impl FnOnce(&mut Options)) -> Gpu {
    let mut options = options(gpu.adapter());
    change(&mut options);
    Gpu::open(&options).unwrap()
}

pub fn options(adapter: &AdapterInfo) -> Options {
    let mut options = Options::default();
    options.adapter = AdapterChoice::Matching(adapter.index.to_string());
    // What was measured on the machine at hand must not change what is tested.
    options.tuned = Tuned::Off;
    options
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn open() -> Result<Vec<Gpu>, String> {
    let mode = variable("INVOLUTION_GPU").unwrap_or_else(|| "auto".to_owned());
    let required = match mode.as_str() {
        "off" => return Ok(Vec::new()),
        "auto" => false,
        "require" => true,
        other => {
            return Err(format!("INVOLUTION_GPU is '{other}': it must be require, auto or off"));
        }
    };
    let wanted = variable("INVOLUTION_ADAPTER");
    if wanted.as_deref() == Some("cpu") && !required {
        return Ok(Vec::new());
    }
    let found = adapters().map_err(|error| error.to_string())?;
    let chosen = found.iter().filter(|adapter| match &wanted {
        None => true,
        Some(wanted) => match wanted.parse::<usize>() {
            Ok(index) => adapter.index == index,
            Err(_) => adapter.to_string().to_lowercase().contains(&wanted.to_lowercase()),
        },
    });
    let mut opened = Vec::new();
    for adapter in chosen {
        match Gpu::open(&options(adapter)) {
            Ok(gpu) => opened.push(gpu),
            // What was not asked for and cannot run compute shaders may stand in any machine.
            Err(error @ Error::UnusableAdapter { .. }) if wanted.is_none() => {
                say(&format!("not tested: {error}"));
            }
            Err(error) => return Err(format!("{adapter}: {error}")),
        }
    }
    if opened.is_empty() && (required || wanted.is_some()) {
        let names: Vec<String> = found.iter().map(ToString::to_string).collect();
        let wanted = wanted.unwrap_or_default();
        return Err(format!(
            "no adapter to test on: INVOLUTION_GPU={mode} INVOLUTION_ADAPTER={wanted}, found: {names:?}"
        ));
    }
    Ok(opened)
}

static CASES: AtomicUsize = AtomicUsize::new(0);
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Counts cases that were compared with the reference.
pub fn count(cases: usize) {
    CASES.fetch_add(cases, Ordering::Relaxed);
}

/// A test that counts cases is running as long as this lives.
pub struct Running(());

impl Running {
    pub fn start() -> Self {
        // An adapter that is missing fails the test here, before it tries any case.
        all();
        RUNNING.fetch_add(1, Ordering::SeqCst);
        Running(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits for the tests that are still running, and says how many cases ran on how many adapters.
pub fn summary() {
    // The harness starts this test last; those before it may be about to start.
    std::thread::sleep(Duration::from_millis(200));
    while RUNNING.load(Ordering::SeqCst) > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let names: Vec<String> = all().iter().map(|gpu| gpu.adapter().to_string()).collect();
    let cases = CASES.load(Ordering::SeqCst);
    let on = if names.is_empty() {
        "the reference alone: nothing ran on a GPU".to_owned()
    } else {
        names.join("; ")
    };
    say(&format!("{cases} cases on {} adapters ({on})", names.len()));
}

/// Prints lines that the test harness does not capture, and does not share a line with.
pub fn say(lines: &str) {
    let _ = writeln!(std::io::stderr(), "\n{lines}");
}

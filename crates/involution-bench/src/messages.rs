//! What goes to stderr: errors with the flags that help, and the events of the library as lines such as `warning: ...`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use involution::{Error, ShapeError, store};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::outcome::bad_use;

/// The error with its causes, without those that it quotes already, and what this command can do about it.
pub fn describe(error: &anyhow::Error, command: &str) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text += &format!(": {cause}");
        }
    }
    match error.chain().find_map(|cause| advice(cause, command)) {
        Some(advice) => format!("{text}. {advice}"),
        None => text,
    }
}

/// The cure that an error of the library names, in the flags of a command.
fn advice(cause: &(dyn std::error::Error + 'static), command: &str) -> Option<&'static str> {
    if let Some(ShapeError::KernelPositions { .. }) = cause.downcast_ref() {
        return match command {
            "plan" | "forward" => Some("The flag --any-size does the latter"),
            "layer" => Some("--attr force_shape_match=true does the latter"),
            "tune" => Some("A --size that is a multiple of 32 fits every network"),
            _ => None,
        };
    }
    match (cause.downcast_ref()?, command) {
        (Error::DeviceLost { .. }, _) => Some("Running the command again does that"),
        (Error::OutOfMemory { .. }, "forward") => Some("--low-memory takes less, too"),
        (Error::OutOfMemory { .. }, "run" | "bench" | "tune" | "verify") => {
            Some("A smaller --batch or --low-memory takes less")
        }
        _ => None,
    }
}

/// Writes the events of the library that `RUST_LOG` asks for to stderr.
pub fn listen() -> Result<()> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env();
    let filter = filter.map_err(|error| {
        let value = store::variable("RUST_LOG").unwrap_or_default();
        bad_use(format!(
            "RUST_LOG must be such as info or involution=debug, it is '{value}': {error}"
        ))
    })?;
    tracing_subscriber::fmt()
        // Where stderr takes nothing, there is nobody to be told.
        .log_internal_errors(false)
        .event_format(Lines::default())
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

/// Writes each event as a line, a warning only once.
#[derive(Default)]
struct Lines {
    warned: Mutex<BTreeSet<String>>,
}

impl<S, F> FormatEvent<S, F> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    F: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, F>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        let mut line = String::new();
        context.format_fields(Writer::new(&mut line), event)?;
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if level == Level::WARN && !warned.insert(line.clone()) {
            return Ok(());
        }
        match level {
            Level::WARN => writeln!(writer, "warning: {line}"),
            level => writeln!(writer, "{}: {line}", level.as_str().to_lowercase()),
        }
    }
}

//! What stderr says: errors with the flags that help, and the events of the library as warnings.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use involution::{Error, ShapeError, WeightsError};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The error with its causes, those left out that it quotes already, and what this command can do about it.
pub fn describe(error: &anyhow::Error, command: &str) -> String {
    let text = error.chain().map(ToString::to_string).fold(String::new(), |text, cause| {
        match text.is_empty() || text.contains(&cause) {
            true if text.is_empty() => cause,
            true => text,
            false => format!("{text}: {cause}"),
        }
    });
    match error.chain().find_map(|cause| advice(cause, command)) {
        Some(advice) => format!("{text}. {advice}"),
        None => text,
    }
}

/// What the library says of its calls, in the flags of a command.
fn advice(cause: &(dyn std::error::Error + 'static), command: &str) -> Option<&'static str> {
    if let Some(ShapeError::KernelPositions { .. }) = cause.downcast_ref() {
        return match command {
            "plan" | "forward" => Some("The flag --any-size does the latter"),
            "layer" => Some("--attr force_shape_match=true does the latter"),
            "tune" => Some("A --size that is a multiple of 32 fits every network"),
            _ => None,
        };
    }
    if let Some(WeightsError::Limit { .. }) = cause.downcast_ref() {
        return Some("The command has no flag for that: a file that is whole has no need of it");
    }
    match cause.downcast_ref()? {
        Error::DeviceLost { .. } => Some("Running the command again does that"),
        Error::OutOfMemory { .. } => match command {
            "plan" | "inspect" | "layer" | "op" => None,
            "forward" => Some("--low-memory takes less, too"),
            _ => Some("A smaller --batch or --low-memory takes less"),
        },
        _ => None,
    }
}

/// Writes an event of the library as a line such as `warning: ...`, as the command's own are; a warning once.
pub(crate) struct Lines {
    /// Warnings that were written.
    written: Mutex<BTreeSet<String>>,
}

impl Lines {
    pub fn new() -> Self {
        Lines { written: Mutex::default() }
    }
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
        let kind = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let mut line = String::new();
        context.format_fields(Writer::new(&mut line), event)?;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        match *event.metadata().level() == Level::WARN && !written.insert(line.clone()) {
            true => Ok(()),
            false => writeln!(writer, "{kind}: {line}"),
        }
    }
}

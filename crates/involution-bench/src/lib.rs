//! The benchmark of involution, and what its two commands share: adapters, output, messages.

#![allow(missing_docs)] // the commands are its only users

pub mod adapter;
pub mod bench;
pub mod drivers;
pub mod environment;
pub mod files;
pub mod messages;
pub mod output;
pub mod tensors;
pub mod workloads;

use std::fmt;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Whether what was to be checked held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
}

impl Outcome {
    pub fn of(passed: bool) -> Self {
        if passed { Outcome::Passed } else { Outcome::Failed }
    }
}

/// An error in how the command is used.
#[derive(Debug)]
pub struct BadUse(String);

impl fmt::Display for BadUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadUse {}

pub fn bad_use(message: impl Into<String>) -> anyhow::Error {
    BadUse(message.into()).into()
}

/// Whether the caller could have known better: wrong names, shapes and files, not failures of a run.
pub fn is_bad_use(error: &anyhow::Error) -> bool {
    use involution::Error;
    error.chain().any(|cause| {
        let known = matches!(
            cause.downcast_ref(),
            Some(
                Error::Shape { .. }
                    | Error::Layer { .. }
                    | Error::Weights(_)
                    | Error::UnknownOutput { .. }
                    | Error::UnknownKernel { .. }
                    | Error::UnknownAdapter { .. }
                    | Error::Variable { .. }
            )
        );
        known || cause.is::<involution::ShapeError>() || cause.is::<BadUse>()
    })
}

/// Shows the events of the library that `RUST_LOG` asks for on stderr.
pub fn listen() -> anyhow::Result<()> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env();
    let filter = filter.map_err(|error| {
        let value = drivers::variable("RUST_LOG").unwrap_or_default();
        bad_use(format!(
            "RUST_LOG must be such as info or involution=debug, it is '{value}': {error}"
        ))
    })?;
    tracing_subscriber::fmt()
        // Where stderr takes nothing, there is nobody to be told.
        .log_internal_errors(false)
        .event_format(messages::Lines::new())
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

/// Prints a help or version, or what is wrong with the arguments; gives the exit code.
pub fn answer(error: &clap::Error) -> ExitCode {
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    match printed {
        Err(failed) if !error.use_stderr() && failed.kind() != ErrorKind::BrokenPipe => {
            output::say(format!("error: stdout: {failed}"));
            ExitCode::from(1)
        }
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

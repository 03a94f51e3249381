//! The frame of both commands: arguments, environment, messages and exit codes.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::outcome::{Outcome, is_bad_use};
use crate::{environment, messages, output};

/// The whole of `main`: reads the arguments, runs, and gives the exit code. Has to be called before a thread is started.
pub fn main<C: Parser>(run: impl FnOnce(C) -> Result<Outcome>) -> ExitCode {
    environment::settle();
    let parsed = C::command().try_get_matches().and_then(|matches| {
        let command = matches.subcommand_name().unwrap_or("bench").to_owned();
        Ok((C::from_arg_matches(&matches)?, command))
    });
    let (cli, command) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return answer(&error),
    };
    match messages::listen().and_then(|()| run(cli)) {
        Ok(Outcome::Passed) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Err(error) => {
            output::say(format!("error: {}", messages::describe(&error, &command)));
            ExitCode::from(if is_bad_use(&error) { 2 } else { 1 })
        }
    }
}

/// Prints a help or version, or what is wrong with the arguments; gives the exit code.
fn answer(error: &clap::Error) -> ExitCode {
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    match printed {
        Err(failed) if !error.use_stderr() && failed.kind() != ErrorKind::BrokenPipe => {
            output::say(format!("error: stdout: {failed}"));
            ExitCode::from(1)
        }
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

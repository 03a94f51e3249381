//! The frame of both commands: arguments, environment, messages and exit codes.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use involution::store::variable;

use crate::outcome::{Outcome, is_bad_use};
use crate::{messages, output};

/// Switches off the layer of Mesa that chooses a device where it would complain of a display that is not there, and
/// nobody says what it should do.
#[allow(unsafe_code)]
fn quieten_mesa() {
    let names =
        ["XDG_RUNTIME_DIR", "NODEVICE_SELECT", "MESA_VK_DEVICE_SELECT", "VK_LOADER_LAYERS_ENABLE"];
    if cfg!(unix) && names.into_iter().all(|name| variable(name).is_none()) {
        // SAFETY: this is the first call of `main`, which has started no thread.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

/// The whole of `main`: reads the arguments, runs, and gives the exit code. Has to be called before a thread is started.
pub fn main<C: Parser>(run: impl FnOnce(C) -> Result<Outcome>) -> ExitCode {
    quieten_mesa();
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

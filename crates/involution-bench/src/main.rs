//! The command `involution-bench`: `involution bench` by itself.

use std::process::ExitCode;

use clap::Parser;
use involution_bench::{
    Outcome, adapter, answer, bench, environment, is_bad_use, listen, messages, output,
};

/// Times kernels, layers and networks, and checks what they computed.
#[derive(Debug, Parser)]
#[command(name = "involution-bench", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    adapter: adapter::Flags,
    #[command(flatten)]
    args: bench::Args,
}

fn main() -> ExitCode {
    environment::settle();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return answer(&error),
    };
    match listen().and_then(|()| bench::run(&cli.adapter, &cli.args, false)) {
        Ok(Outcome::Passed) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Err(error) => {
            output::say(format!("error: {}", messages::describe(&error, "bench")));
            ExitCode::from(if is_bad_use(&error) { 2 } else { 1 })
        }
    }
}

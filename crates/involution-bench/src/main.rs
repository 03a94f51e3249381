//! The command `involution-bench`: `involution bench` by itself.

use std::process::ExitCode;

use clap::Parser;
use involution_bench::{adapter, bench, program};

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
    program::main(|cli: Cli| bench::run(&cli.adapter, &cli.args, false))
}

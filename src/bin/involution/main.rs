//! The `involution` command line: runs networks and operators, proves their kernels against the reference, times them,
//! and says what is wrong with a machine that cannot.
//!
//! Results go to stdout, everything else to stderr. Exit code 0 says that all went well, 1 that a check or
//! a run failed, 2 that the command was used wrongly.

mod adapter;
mod bench;
mod doctor;
mod drivers;
mod environment;
mod files;
mod forward;
mod inspect;
mod layer;
mod messages;
mod network;
mod op;
mod output;
mod plan;
mod run;
mod tensors;
mod tune;
mod verify;
mod workloads;

use std::fmt;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

const EXAMPLES: &str = "\
Examples:
  involution                            the quick benchmark, under a minute
  involution doctor                     adapters, drivers, how to install one
  involution run examples/digits/7.png  an image in, labels out
  involution plan rednet50              steps of a network, memory and cost
  involution verify involution conv2d   two operators against the reference
  involution bench --json - | jq .rows  all timings as JSON
  involution --adapter cpu verify       the reference against known answers

Environment:
  INVOLUTION_ADAPTER  the adapter: its index, part of its name, or cpu
  INVOLUTION_GPU      require, auto or off
  INVOLUTION_TUNE     on, or off: without what `involution tune` measured
  WGPU_BACKEND        interfaces to search: vulkan, metal, dx12, gl
  RUST_LOG            what the library reports on stderr [default: warn]
  NO_COLOR            no colours

Exit codes: 0 all went well, 1 a check or a run failed, 2 wrong use.";

/// Neural-network operators as WGSL compute kernels, each proved against a CPU reference.
///
/// Without a command: runs the quick benchmark on the default adapter and checks every row.
#[derive(Debug, Parser)]
#[command(name = "involution", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    adapter: adapter::Flags,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what there is to run on, whether it works, and how to install a driver
    Doctor(doctor::Args),
    /// Check every kernel against the reference on random and fixed cases
    Verify(verify::Args),
    /// Classify images
    Run(run::Args),
    /// Say what a file of weights holds and which network it belongs to
    Inspect(inspect::Args),
    /// Print the steps of a network, with their memory and cost
    Plan(plan::Args),
    /// Run a network on tensors from a file
    Forward(forward::Args),
    /// Run one layer on tensors from a file
    Layer(layer::Args),
    /// Run one operator on tensors from a file
    Op(op::Args),
    /// Time kernels on the shapes of RedNet-50, or layers and networks, and check what they computed
    Bench(Box<bench::Args>),
    /// Measure which kernels are the fastest here, and remember them
    Tune(tune::Args),
}

/// Whether what was to be checked held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
}

impl Outcome {
    fn of(passed: bool) -> Self {
        if passed { Outcome::Passed } else { Outcome::Failed }
    }
}

/// An error in how the command is used.
#[derive(Debug)]
struct BadUse(String);

impl fmt::Display for BadUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadUse {}

fn bad_use(message: impl Into<String>) -> anyhow::Error {
    BadUse(message.into()).into()
}

/// Whether the caller could have known better: wrong names, shapes and files, not failures of a run.
fn is_bad_use(error: &anyhow::Error) -> bool {
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

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Command::Doctor(_) => "doctor",
            Command::Verify(_) => "verify",
            Command::Run(_) => "run",
            Command::Inspect(_) => "inspect",
            Command::Plan(_) => "plan",
            Command::Forward(_) => "forward",
            Command::Layer(_) => "layer",
            Command::Op(_) => "op",
            Command::Bench(_) => "bench",
            Command::Tune(_) => "tune",
        }
    }
}

/// Shows the events of the library that `RUST_LOG` asks for on stderr.
fn listen() -> anyhow::Result<()> {
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

fn main() -> ExitCode {
    environment::settle();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return answer(&error),
    };
    let name = cli.command.as_ref().map_or("bench", Command::name);
    match listen().and_then(|()| run(cli)) {
        Ok(Outcome::Passed) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Err(error) => {
            output::say(format!("error: {}", messages::describe(&error, name)));
            ExitCode::from(if is_bad_use(&error) { 2 } else { 1 })
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<Outcome> {
    match cli.command {
        None => bench::at_a_glance(&cli.adapter, cli.json),
        Some(Command::Doctor(args)) => doctor::run(&cli.adapter, &args, cli.json),
        Some(Command::Verify(args)) => verify::run(&cli.adapter, &args, cli.json),
        Some(Command::Run(args)) => run::run(&cli.adapter, &args, cli.json),
        Some(Command::Inspect(args)) => inspect::run(&args, cli.json),
        Some(Command::Plan(args)) => plan::run(&args, cli.json),
        Some(Command::Forward(args)) => forward::run(&cli.adapter, &args, cli.json),
        Some(Command::Layer(args)) => layer::run(&cli.adapter, &args, cli.json),
        Some(Command::Op(args)) => op::run(&cli.adapter, &args, cli.json),
        Some(Command::Bench(args)) => bench::run(&cli.adapter, &args, cli.json),
        Some(Command::Tune(args)) => tune::run(&cli.adapter, &args, cli.json),
    }
}

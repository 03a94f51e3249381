//! The `involution` command line: runs networks and operators, proves their kernels against the reference, times them,
//! and says what is wrong with a machine that cannot.
//!
//! Results go to stdout, everything else to stderr. Exit code 0 says that all went well, 1 that a check or
//! a run failed, 2 that the command was used wrongly.

mod doctor;
mod forward;
mod inspect;
mod layer;
mod network;
mod op;
mod plan;
mod run;
mod tune;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use involution_bench::{
    Outcome, adapter, answer, bad_use, bench, drivers, environment, files, is_bad_use, listen,
    messages, output, tensors,
};

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

//! The `involution` command line: runs networks and operators, tests their kernels against the reference, times them,
//! and tells what is wrong with a machine that cannot.
//!
//! Results go to stdout, everything else to stderr. Exit code 0 says that all went well, 1 that a check or
//! a run failed, 2 that the command was used wrongly.

mod coco;
mod detect;
mod doctor;
mod draw;
mod forward;
mod inspect;
mod layer;
mod network;
mod op;
mod pictures;
mod plan;
mod run;
mod segment;
mod tune;
mod verify;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use involution_bench::adapter::Flags;
use involution_bench::{bench, compare, detectors, program};

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

/// Neural-network operators as WGSL compute kernels, each tested against a CPU reference.
///
/// Without a command: runs the quick benchmark on the default adapter and checks every row.
#[derive(Debug, Parser)]
#[command(name = "involution", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    adapter: Flags,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the adapters, test each, and tell how to install a driver
    Doctor(With<doctor::Args>),
    /// Check every kernel against the reference on random and fixed cases
    Verify(With<verify::Args>),
    /// Classify images
    Run(With<run::Args>),
    /// Find the objects in images: boxes, and masks
    Detect(With<detect::Args>),
    /// Tell of each pixel of images what it belongs to
    Segment(With<segment::Args>),
    /// Show what a file of weights holds and which network it belongs to
    Inspect(With<inspect::Args>),
    /// Print the steps of a network, with their memory and cost
    Plan(With<plan::Args>),
    /// Run a network on tensors from a file
    Forward(With<forward::Args>),
    /// Run one layer on tensors from a file
    Layer(With<layer::Args>),
    /// Run one operator on tensors from a file
    Op(With<op::Args>),
    /// Time kernels on the shapes of RedNet-50, or layers and networks, and check what they computed
    Bench(Box<bench::Args>),
    /// Set involutions beside other layers: cost, time, and a picture of the kernels
    #[command(subcommand)]
    Compare(Compare),
    /// Measure which kernels are the fastest here, and remember them
    Tune(With<tune::Args>),
}

#[derive(Debug, Subcommand)]
enum Compare {
    /// Attention within the window, and to the whole image
    Attention(With<compare::Args>),
    /// A Mask R-CNN of convolutions
    Detectors(With<detectors::Args>),
}

// The flag --json may stand before a command or after it. (A doc comment would replace that of the command.)
#[derive(Debug, Args)]
struct With<A: Args> {
    #[command(flatten)]
    own: A,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::main(|Cli { adapter, json, command }| match command {
        None => bench::at_a_glance(&adapter, json),
        Some(Command::Doctor(args)) => doctor::run(&adapter, &args.own, json || args.json),
        Some(Command::Verify(args)) => verify::run(&adapter, &args.own, json || args.json),
        Some(Command::Run(args)) => run::run(&adapter, &args.own, json || args.json),
        Some(Command::Detect(args)) => detect::run(&adapter, &args.own, json || args.json),
        Some(Command::Segment(args)) => segment::run(&adapter, &args.own, json || args.json),
        Some(Command::Inspect(args)) => inspect::run(&adapter, &args.own, json || args.json),
        Some(Command::Plan(args)) => plan::run(&adapter, &args.own, json || args.json),
        Some(Command::Forward(args)) => forward::run(&adapter, &args.own, json || args.json),
        Some(Command::Layer(args)) => layer::run(&adapter, &args.own, json || args.json),
        Some(Command::Op(args)) => op::run(&adapter, &args.own, json || args.json),
        Some(Command::Bench(args)) => bench::run(&adapter, &args, json),
        Some(Command::Compare(Compare::Attention(args))) => {
            compare::attention(&adapter, &args.own, json || args.json)
        }
        Some(Command::Compare(Compare::Detectors(args))) => {
            detectors::run(&adapter, &args.own, json || args.json)
        }
        Some(Command::Tune(args)) => tune::run(&adapter, &args.own, json || args.json),
    })
}

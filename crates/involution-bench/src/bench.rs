//! `involution bench`: how long kernels, layers and networks take, and that what was timed is right.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;

use crate::adapter::{Flags, Open};
use crate::request::{Forms, Request, Suite};
use crate::run::Run;
use crate::{Outcome, bad_use, files, output, sampling};
use crate::{calls, compile, diff, layers, page, peer, registers, sweep, transfer};

const EXAMPLES: &str = "\
Examples:
  involution bench                          every call of the networks, and more
  involution bench --quick                  some of each, under a minute
  involution bench --ops involution,conv2d  two operators
  involution bench --filter @14 --batch 1,8
  involution bench --ops conv2d --candidates
                                            not just the preferred kernel
  involution bench --json rows.json         the table, and the rows in a file
  involution bench --quick --json - | jq '.rows[] | [.case, .wall_ms.median]'
  involution bench --suite family           operators of the involution's family
  involution bench --suite peers            as other libraries are timed
  involution bench --suite peers --filter involution/,rednet50_b1 --json us.json
  involution bench sweep rednet50 --var batch=1..8 --var size=128..512
  involution bench diff before.json after.json
  involution bench registers --family navi31
                                            compiled for a GPU that is not here
  involution bench --html page.html

The output that was timed is compared with the reference: a row that misses has no time, and the \
exit code is 1. Ctrl-C or SIGTERM ends the run and keeps the rows that were measured; the exit code is then 1 \
as well.";

#[derive(Debug, Default, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    request: Request,
    #[command(flatten)]
    forms: Forms,
}

/// What is done with the files of runs.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// How the time of an operator or a network grows with its batch and size
    Sweep(sweep::Args),
    #[command(hide = true)]
    FirstUse { name: String },
    #[command(hide = true)]
    Peer,
    /// Draw the page of a file of --json
    Page {
        /// What `--json` or benches/peers/run.py wrote
        file: PathBuf,
        /// The page
        #[arg(long, value_name = "FILE")]
        html: PathBuf,
    },
    /// Compare the files of two builds: what is slower, what is faster, and what nobody can tell
    Diff(diff::Args),
    /// Show what the driver's compiler makes of every kernel: registers, spills, the share of multiply-adds
    Registers(registers::Args),
}

/// `involution` without a command.
pub fn at_a_glance(flags: &Flags, json: bool) -> Result<Outcome> {
    let request = Request { quick: true, ..Request::default() };
    let outcome = run(flags, &Args { request, ..Args::default() }, json)?;
    if !json {
        output::print(
            "\nNext:\n  \
             involution verify            every kernel against the reference on random cases\n  \
             involution bench --help      every call of the networks; every kernel; JSON\n  \
             involution op --help         one operator on tensors of your own\n  \
             involution doctor            adapters, limits, drivers\n",
        )?;
    }
    Ok(outcome)
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    match &args.command {
        Some(Command::Diff(args)) => diff::run(args, json),
        Some(Command::Registers(args)) => registers::run(flags, args, json),
        Some(Command::FirstUse { name }) => compile::first_use(flags, name),
        Some(Command::Peer) => peer::run(flags),
        Some(Command::Page { file, html }) => {
            output::write(html, page::page(&Run::read(file)?).as_bytes())?;
            Ok(Outcome::Passed)
        }
        Some(Command::Sweep(args)) => {
            measure(flags, &args.request(), &args.forms, json, |open| sweep::measure(open, args))
        }
        None => {
            let request = &args.request;
            check(request)?;
            measure(flags, request, &args.forms, json, |open| match request.suite {
                Suite::Transfer => transfer::measure(open, request),
                Suite::Compile => compile::measure(open, request),
                Suite::Layers | Suite::Nets | Suite::Peers | Suite::Family => {
                    layers::measure(open, request)
                }
                Suite::Ops | Suite::Sweep => calls::measure(open, request),
            })
        }
    }
}

/// Prints and writes what a suite measures.
fn measure(
    flags: &Flags,
    request: &Request,
    forms: &Forms,
    json: bool,
    suite: impl FnOnce(Open<'_>) -> Result<Run>,
) -> Result<Outcome> {
    let json = forms.json.as_deref().or(json.then_some(Path::new("-")));
    let files = || json.into_iter().chain(forms.html.as_deref());
    files().try_for_each(output::check)?;
    let to_stdout = files().filter(|file| files::is_stdout(file)).count();
    if to_stdout > 1 {
        return Err(bad_use("either --json or --html can go to stdout: name a file for the other"));
    }
    let start = Instant::now();
    let mut run = suite(&|| {
        let runner = flags.open()?;
        if request.suite != Suite::Ops {
            runner.device()?;
        }
        if to_stdout == 0 {
            output::print(&format!("{runner}\n"))?;
        }
        sampling::listen()?;
        Ok(runner)
    })?;
    run.seconds = start.elapsed().as_secs_f64();
    let printed = if to_stdout == 0 { output::print(&run.text()) } else { Ok(()) };
    if let Some(file) = json {
        output::write(file, output::json(&run)?.as_bytes())?;
    }
    if let Some(file) = &forms.html {
        output::write(file, page::page(&run).as_bytes())?;
    }
    // The files are written even where stdout takes nothing.
    printed?;
    Ok(Outcome::of(run.passed()))
}

/// Refuses what has no meaning for a suite.
fn check(request: &Request) -> Result<()> {
    let (suite, ops) = (request.suite, request.suite == Suite::Ops);
    let batched = ops || matches!(suite, Suite::Layers | Suite::Nets | Suite::Family);
    for (flag, wrong, suites) in [
        ("--ops", !ops && !request.ops.is_empty(), "ops"),
        ("--candidates", !ops && request.candidates, "ops"),
        ("--batch", !batched && !request.batch.is_empty(), "ops, layers, nets and family"),
    ] {
        if wrong {
            let name = suite.name();
            let text = format!("{flag} is for --suite {suites}; --filter selects rows of {name}");
            return Err(bad_use(text));
        }
    }
    Ok(())
}

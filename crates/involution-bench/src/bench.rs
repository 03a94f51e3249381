//! `involution bench`: how long kernels, layers and networks take, and that what was timed is right.

use std::path::PathBuf;

use anyhow::Result;

use crate::adapter::{Flags, Runner};
use crate::forms::Forms;
use crate::record::Run;
use crate::request::{Request, Suite};
use crate::{Outcome, bad_use, files, output};
use crate::{
    adapters, compile, diff, layers, ops, page, peers, registers, sampling, sweep, transfer,
};

const EXAMPLES: &str = "\
Examples:
  involution bench                          every call of the networks, and more
  involution bench --quick                  some of each, under a minute
  involution bench --ops involution,conv2d  two operators
  involution bench --shapes 14x14 --batch 1,8
  involution bench --ops conv2d --candidates
                                            not just the preferred kernel
  involution bench --json rows.json         the table, and the rows in a file
  involution bench --quick --json - | jq '.rows[] | [.case, .wall_ms.median]'
  involution bench --suite peers            as other libraries are timed
  involution bench --suite peers --filter W1,W7/rednet50_b1 --json ours.json
  involution bench sweep rednet50 --var batch=1..8 --var size=128..512
  involution bench diff before.json after.json
  involution bench registers --family navi31
                                            compiled for a GPU that is not here
  involution bench --html page.html --md rows.md
  involution bench --adapter 0 --adapter cpu
                                            two adapters side by side

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
    FirstUse(compile::FirstUse),
    #[command(hide = true)]
    Peer,
    /// Draw the page of files of --json
    Page {
        /// What `--json` or benches/peers/run.py wrote
        #[arg(required = true)]
        files: Vec<PathBuf>,
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
    let outcome = run(
        flags,
        &Args { request: Request { quick: true, ..Request::default() }, ..Args::default() },
        json,
    )?;
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
        Some(Command::Registers(args)) => registers::run(flags.name(), args, json),
        Some(Command::FirstUse(args)) => compile::first_use(flags, args),
        Some(Command::Peer) => peers::peer::run(flags),
        Some(Command::Page { files, html }) => {
            let runs = files.iter().map(|file| Run::read(file)).collect::<Result<Vec<_>>>()?;
            output::write(html, page::several(&runs).as_bytes())?;
            Ok(Outcome::Passed)
        }
        Some(Command::Sweep(sweep)) => {
            measure(flags, &sweep.request(), Some(&sweep.options), &sweep.forms, json)
        }
        None => measure(flags, &args.request, None, &args.forms, json),
    }
}

fn measure(
    flags: &Flags,
    request: &Request,
    swept: Option<&sweep::Options>,
    forms: &Forms,
    json: bool,
) -> Result<Outcome> {
    let mut forms = forms.clone();
    if json {
        forms.json.get_or_insert_with(|| PathBuf::from("-"));
    }
    let forms = forms.files();
    forms.iter().try_for_each(|(file, _)| output::check(file))?;
    let to_stdout = forms.iter().filter(|(file, _)| files::is_stdout(file)).count();
    if to_stdout > 1 {
        return Err(bad_use(
            "one of --json, --md and --html alone can go to stdout: name files for the others",
        ));
    }
    let stdout_is_file = to_stdout == 1;
    // Whatever is wrong with the call is said before a device is opened.
    let mut suite = Some(prepare(request, swept)?);
    let runners = flags.open_each()?;
    if request.suite != Suite::Ops {
        runners.iter().try_for_each(|runner| device(runner, request).map(|_| ()))?;
    }
    let mut runs: Vec<Run> = Vec::new();
    for (runner, place) in runners.iter().zip(0..) {
        if !stdout_is_file {
            output::print(&format!("{}{runner}\n", adapters::heading(runners.len(), place)))?;
        }
        let suite = suite.take().map_or_else(|| prepare(request, swept), Ok)?;
        runs.push(suite(runner)?);
        if sampling::interrupted() {
            break;
        }
    }
    let printed = match runs.as_slice() {
        _ if stdout_is_file => Ok(()),
        [run] => output::print(&run.text()),
        _ => output::print(&adapters::text(&runs)),
    };
    for (file, form) in forms {
        output::write(file, form(&runs)?.as_bytes())?;
    }
    // The files are written even where stdout takes nothing.
    printed?;
    Ok(Outcome::of(runs.len() == runners.len() && runs.iter().all(Run::passed)))
}

/// A suite that is ready to be measured on what there is to run on.
type Ready<'a> = Box<dyn FnOnce(&Runner) -> Result<Run> + 'a>;

fn prepare<'a>(request: &'a Request, swept: Option<&sweep::Options>) -> Result<Ready<'a>> {
    check_flags(request)?;
    Ok(match request.suite {
        Suite::Ops => {
            let workloads = ops::select(request)?;
            Box::new(move |runner| ops::measure(runner, workloads, request))
        }
        Suite::Layers | Suite::Nets | Suite::Peers => {
            let workloads = match request.suite {
                Suite::Layers => layers::select(request)?,
                Suite::Nets => layers::select_networks(request)?,
                _ => peers::select(request)?,
            };
            Box::new(move |runner| {
                peers::measure(runner, device(runner, request)?, &workloads, request)
            })
        }
        Suite::Transfer => {
            let wanted = transfer::select(request)?;
            Box::new(move |runner| {
                transfer::measure(runner, device(runner, request)?, wanted, request)
            })
        }
        Suite::Compile => {
            let subjects = compile::select(request)?;
            Box::new(move |runner| {
                compile::measure(runner, device(runner, request)?, subjects, request)
            })
        }
        Suite::Sweep => {
            let workloads = sweep::select(swept.unwrap_or(&sweep::Options::default()))?;
            Box::new(move |runner| {
                sweep::measure(runner, device(runner, request)?, workloads, request)
            })
        }
    })
}

/// Refuses what has no meaning for a suite.
fn check_flags(request: &Request) -> Result<()> {
    let (suite, name) = (request.suite, request.suite.name());
    if suite != Suite::Ops && !request.ops.is_empty() {
        return Err(bad_use(format!("--ops is for --suite ops; --filter selects rows of {name}")));
    }
    if suite != Suite::Ops && request.candidates {
        return Err(bad_use(format!("--candidates is for --suite ops, not for {name}")));
    }
    let selects = !request.shapes.is_empty() || !request.batch.is_empty();
    if selects && matches!(suite, Suite::Transfer | Suite::Compile) {
        return Err(bad_use(format!("--shapes and --batch are not for --suite {name}")));
    }
    if suite == Suite::Peers && !request.batch.is_empty() {
        return Err(bad_use("--batch is not for --suite peers, whose names have their batch"));
    }
    Ok(())
}

/// The device, for suites that are pointless on the reference.
fn device<'a>(runner: &'a Runner, request: &Request) -> Result<&'a involution::Gpu> {
    runner.gpu().ok_or_else(|| {
        bad_use(format!(
            "--suite {} needs a GPU: the CPU reference is a definition, its speed says nothing",
            request.suite.name()
        ))
    })
}

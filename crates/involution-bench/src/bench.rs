//! `involution bench`: how long kernels, layers and networks take, and that what was timed is right.

mod adapters;
mod compile;
mod diff;
mod fault;
mod findings;
mod layers;
mod limits;
mod machine;
mod ops;
mod page;
mod peers;
mod record;
mod row;
mod rows;
mod sampling;
mod selection;
mod stats;
mod subject;
mod sweep;
mod transfer;
mod workload;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use involution::ops::NAMES;

use crate::adapter::{Flags, Runner};
use crate::{Outcome, bad_use, files, output};
use record::Run;

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
    /// What to time
    #[arg(long, value_enum, default_value_t)]
    suite: Suite,
    /// Rows of these operators
    #[arg(long, value_name = "OPS", value_delimiter = ',', value_parser = PossibleValuesParser::new(NAMES), hide_possible_values = true)]
    ops: Vec<String>,
    /// Rows whose first input ends in one of these shapes: 14x14, 64x56x56 or 8x64x56x56
    #[arg(long, value_name = "SHAPES", value_delimiter = ',', value_parser = selection::Ending::parse)]
    shapes: Vec<selection::Ending>,
    /// Batches of each row, instead of its own
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = positive)]
    batch: Vec<usize>,
    /// Rows whose name contains one of these texts
    #[arg(long, value_name = "TEXTS", value_delimiter = ',')]
    filter: Vec<String>,
    /// Some calls of each operator, and fewer samples
    #[arg(long)]
    quick: bool,
    /// Time every kernel that fits, not just the preferred one
    #[arg(long)]
    candidates: bool,
    /// Samples of each row [default: 15, 5 if --quick, fewer where they take too long]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
    #[command(flatten)]
    forms: Forms,
    /// What the suite `sweep` is asked for, which has a command of its own.
    #[arg(skip)]
    sweep: sweep::Options,
}

/// How the rows are given beside the table, or instead of it.
#[derive(Debug, Clone, Default, clap::Args)]
struct Forms {
    /// Write the rows as JSON to a file, beside the table, or to stdout instead of it (-, the default)
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
    /// Write the rows as a table of Markdown, in that way
    #[arg(long, value_name = "FILE")]
    md: Option<PathBuf>,
    /// Write a page with drawings of the rows, in one file that needs no other
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Makes a form that rows are written in.
type Form = fn(&[Run]) -> Result<String>;

impl Forms {
    /// The files that are asked for, that of JSON first.
    fn files(&self) -> Vec<(&Path, Form)> {
        let forms: [(&Option<PathBuf>, Form); 3] = [
            (&self.json, record::json),
            (&self.md, |runs| Ok(findings::markdown(runs))),
            (&self.html, |runs| Ok(page::several(runs))),
        ];
        forms.into_iter().filter_map(|(file, form)| Some((file.as_deref()?, form))).collect()
    }
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
}

/// A set of things to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Suite {
    /// Single calls on the shapes of RedNet-50 and others
    #[default]
    Ops,
    /// Layers from host to host, as they are fused and as they are defined
    Layers,
    /// Networks in the same way
    Nets,
    /// Operators, layers and networks from host to host, under the names that other libraries are timed by
    Peers,
    /// Copies to the device and back, and what a submission and a dispatch cost
    Transfer,
    /// The first use of kernels and networks, with an empty and a filled cache of the driver's
    Compile,
    /// The command of this name
    #[value(skip)]
    Sweep,
}

impl Suite {
    /// As it is named on the command line.
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(|| "sweep".to_owned(), |value| value.get_name().to_owned())
    }
}

/// `involution` without a command.
pub fn at_a_glance(flags: &Flags, json: bool) -> Result<Outcome> {
    let outcome = run(flags, &Args { quick: true, ..Args::default() }, json)?;
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
        Some(Command::FirstUse(args)) => compile::first_use(flags, args),
        Some(Command::Peer) => peers::peer::run(flags),
        Some(Command::Page { file, html }) => {
            output::write(html, page::several(&[Run::read(file)?]).as_bytes())?;
            Ok(Outcome::Passed)
        }
        Some(Command::Sweep(args)) => measure(flags, &args.to_suite(), json),
        None => measure(flags, args, json),
    }
}

fn measure(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let mut forms = args.forms.clone();
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
    let mut suite = Some(prepare(args)?);
    let runners = flags.open_each()?;
    if args.suite != Suite::Ops {
        runners.iter().try_for_each(|runner| device(runner, args).map(|_| ()))?;
    }
    let mut runs: Vec<Run> = Vec::new();
    for (runner, place) in runners.iter().zip(0..) {
        if !stdout_is_file {
            output::print(&format!("{}{runner}\n", adapters::heading(runners.len(), place)))?;
        }
        let suite = suite.take().map_or_else(|| prepare(args), Ok)?;
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

fn prepare(args: &Args) -> Result<Ready<'_>> {
    check_flags(args)?;
    Ok(match args.suite {
        Suite::Ops => {
            let workloads = ops::select(args)?;
            Box::new(move |runner| ops::measure(runner, workloads, args))
        }
        Suite::Layers | Suite::Nets | Suite::Peers => {
            let workloads = match args.suite {
                Suite::Layers => layers::select(args)?,
                Suite::Nets => layers::select_networks(args)?,
                _ => peers::select(args)?,
            };
            Box::new(move |runner| peers::measure(runner, device(runner, args)?, &workloads, args))
        }
        Suite::Transfer => {
            let wanted = transfer::select(args)?;
            Box::new(move |runner| transfer::measure(runner, device(runner, args)?, wanted, args))
        }
        Suite::Compile => {
            let subjects = compile::select(args)?;
            Box::new(move |runner| compile::measure(runner, device(runner, args)?, subjects, args))
        }
        Suite::Sweep => {
            let workloads = sweep::select(&args.sweep)?;
            Box::new(move |runner| sweep::measure(runner, device(runner, args)?, workloads, args))
        }
    })
}

/// Refuses what has no meaning for a suite.
fn check_flags(args: &Args) -> Result<()> {
    let (suite, name) = (args.suite, args.suite.name());
    if suite != Suite::Ops && !args.ops.is_empty() {
        return Err(bad_use(format!("--ops is for --suite ops; --filter selects rows of {name}")));
    }
    if suite != Suite::Ops && args.candidates {
        return Err(bad_use(format!("--candidates is for --suite ops, not for {name}")));
    }
    let selects = !args.shapes.is_empty() || !args.batch.is_empty();
    if selects && matches!(suite, Suite::Transfer | Suite::Compile) {
        return Err(bad_use(format!("--shapes and --batch are not for --suite {name}")));
    }
    if suite == Suite::Peers && !args.batch.is_empty() {
        return Err(bad_use("--batch is not for --suite peers, whose names have their batch"));
    }
    Ok(())
}

/// A number above 0.
fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("must be a number above 0".to_owned()),
    }
}

/// The device, for suites that are pointless on the reference.
fn device<'a>(runner: &'a Runner, args: &Args) -> Result<&'a involution::Gpu> {
    runner.gpu().ok_or_else(|| {
        bad_use(format!(
            "--suite {} needs a GPU: the CPU reference is a definition, its speed says nothing",
            args.suite.name()
        ))
    })
}

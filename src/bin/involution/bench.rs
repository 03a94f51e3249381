//! `involution bench`: how long kernels, layers and networks take, and that what was timed is right.

mod agreement;
mod cores;
mod csv;
mod diff;
mod fault;
mod findings;
mod kernels;
mod limits;
mod machine;
mod markdown;
mod page;
mod peers;
mod random;
mod record;
mod row;
mod rows;
mod sampling;
mod stats;
mod subject;
mod sweep;
mod trace;
mod walk;
mod workload;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use involution::ops::NAMES;

use crate::adapter::{Flags, Runner};
use crate::{Outcome, bad_use, output};
use findings::Findings;
use record::Run;

const EXAMPLES: &str = "\
Examples:
  involution bench                         every distinct shape of RedNet-50, and more
  involution bench --quick                 some shapes of each operator, under a minute
  involution bench involution conv2d       two operators
  involution bench conv2d --all-kernels    every kernel, not just the preferred one
  involution bench --json rows.json        the table on stdout, the rows in a file
  involution bench --quick --json - | jq '.rows[] | [.case, .wall_ms.median]'
  involution bench --suite peers           from host to host, as other libraries are timed
  involution bench --suite peers --filter W1,W7/rednet50_b1 --json ours.json
  involution bench diff before.json after.json
  involution bench --suite sweep --model rednet50 --batches 1,8 --sizes 128,512
  involution bench --html page.html --csv rows.csv

The output that was timed is compared with the reference: a row that misses has no time, and the
exit code is 1. Ctrl-C ends the run and keeps the rows that were measured; the exit code is then 1
as well.";

#[derive(Debug, Default, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Operators of the suite `kernels`; all where none is named
    #[arg(value_name = "OP", value_parser = PossibleValuesParser::new(NAMES), hide_possible_values = true)]
    operators: Vec<String>,
    /// What to time
    #[arg(long, value_enum, default_value_t)]
    suite: Suite,
    /// Rows whose name contains one of these texts
    #[arg(long, value_name = "TEXTS", value_delimiter = ',')]
    filter: Vec<String>,
    /// Some shapes of each operator, and fewer samples
    #[arg(long)]
    quick: bool,
    /// Time every kernel that fits, not just the preferred one
    #[arg(long)]
    all_kernels: bool,
    #[command(flatten)]
    sweep: sweep::Options,
    #[command(flatten)]
    peers: peers::Options,
    /// Samples of each row [default: 15, 5 if --quick, fewer where they take too long]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
    /// Write the rows as JSON to a file, beside the table, or to stdout instead of it (-, the default)
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
    /// Write the rows as comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the rows as a table of Markdown
    #[arg(long, value_name = "FILE")]
    md: Option<PathBuf>,
    /// Write a page with drawings of the rows, in one file that needs no other
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the dispatches of each row as a trace for chrome://tracing or Perfetto
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// How a form that rows are written in is made, and with its flag and its file.
type Make = fn(&Run) -> String;
type Form<'a> = (&'static str, &'a Path, Make);

impl Args {
    fn forms(&self) -> impl Iterator<Item = Form<'_>> {
        let forms: [(_, &Option<PathBuf>, Make); 4] = [
            ("--csv", &self.csv, csv::text),
            ("--md", &self.md, markdown::text),
            ("--html", &self.html, page::text),
            ("--trace", &self.trace, trace::text),
        ];
        forms.into_iter().filter_map(|(flag, file, form)| Some((flag, file.as_deref()?, form)))
    }
}

/// What is done with the files of runs.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Compare the files of two builds: what is slower, what is faster, and what nobody can tell
    Diff(diff::Args),
}

/// A set of things to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Suite {
    /// Single kernels on the shapes of RedNet-50 and others
    #[default]
    Kernels,
    /// Operators, layers and networks from host to host, under the names that other libraries are timed by
    Peers,
    /// A network on batches and sizes of images: what each pixel takes
    Sweep,
}

impl Suite {
    /// What its rows come from, as it is named on the command line.
    fn name(self) -> &'static str {
        match self {
            Suite::Kernels => "kernels",
            Suite::Peers => "peers",
            Suite::Sweep => "sweep",
        }
    }
}

/// `involution` without a command.
pub fn at_a_glance(flags: &Flags, json: bool) -> Result<Outcome> {
    let json = json.then(|| PathBuf::from("-"));
    let text = json.is_none();
    let outcome = run(flags, &Args { quick: true, json, ..Args::default() }, false)?;
    if text {
        output::print(
            "\nNext:\n  \
             involution verify            every kernel against the reference on random cases\n  \
             involution bench --help      every shape of RedNet-50; every kernel; JSON\n  \
             involution op --help         one operator on tensors of your own\n  \
             involution doctor            adapters, limits, drivers\n",
        )?;
    }
    Ok(outcome)
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    if let Some(Command::Diff(args)) = &args.command {
        return diff::run(args, json);
    }
    let json = args.json.clone().or_else(|| json.then(|| PathBuf::from("-")));
    let file = json.as_deref().filter(|&path| path != Path::new("-"));
    if let Some(file) = file {
        check_file("--json", file)?;
    }
    for (flag, file, _) in args.forms() {
        check_file(flag, file)?;
    }
    // Whatever is wrong with the call is said before a device is opened.
    let suite = prepare(args)?;
    let runner = flags.open()?;
    if args.suite != Suite::Kernels {
        device(&runner, args)?;
    }
    let stdout_is_json = json.is_some() && file.is_none();
    if !stdout_is_json {
        output::print(&format!("{runner}\n"))?;
    }
    let findings = suite(&runner)?;
    if stdout_is_json {
        output::print(&findings.json()?)?;
    } else {
        output::print(&findings.text())?;
    }
    if let Some(file) = file {
        output::write(file, findings.json()?.as_bytes())?;
    }
    if args.forms().next().is_some() {
        let recorded = Run::parse(&findings.json()?)?;
        for (_, file, form) in args.forms() {
            output::write(file, form(&recorded).as_bytes())?;
        }
    }
    Ok(Outcome::of(findings.passed()))
}

/// A suite that is ready to be measured on what there is to run on.
type Ready<'a> = Box<dyn FnOnce(&Runner) -> Result<Box<dyn Findings>> + 'a>;

fn prepare(args: &Args) -> Result<Ready<'_>> {
    check_flags(args)?;
    match args.suite {
        Suite::Kernels => {
            let workloads = kernels::select(args)?;
            Ok(Box::new(move |runner| Ok(Box::new(kernels::measure(runner, workloads, args)?))))
        }
        Suite::Peers => {
            let workloads = peers::select(&args.filter)?;
            let mut field = args.peers.field(&workloads)?;
            Ok(Box::new(move |runner| {
                peers::measure(runner, device(runner, args)?, &workloads, &mut field, args)
            }))
        }
        Suite::Sweep => {
            let workloads = sweep::select(&args.sweep, &args.filter)?;
            Ok(Box::new(move |runner| {
                Ok(Box::new(sweep::measure(runner, device(runner, args)?, workloads, args)?))
            }))
        }
    }
}

/// A file that is more likely to be meant as one than as an operator, in a folder that is there.
fn check_file(flag: &str, file: &Path) -> Result<()> {
    let name = file.to_string_lossy();
    if NAMES.contains(&&*name) {
        return Err(bad_use(format!(
            "{flag} {name} would write a file named {name}: put operators before {flag}, or write \
             {flag}=./{name}"
        )));
    }
    output::check_folder(file)
}

/// Refuses what has no meaning for a suite.
fn check_flags(args: &Args) -> Result<()> {
    let (suite, name) = (args.suite, args.suite.name());
    if suite != Suite::Sweep && args.sweep.any() {
        return Err(bad_use(format!(
            "--model, --batches and --sizes are for --suite sweep, not for {name}"
        )));
    }
    if suite != Suite::Peers && args.peers.any() {
        return Err(bad_use(format!("--peers and --export are for --suite peers, not for {name}")));
    }
    if suite != Suite::Kernels && !args.operators.is_empty() {
        return Err(bad_use(format!(
            "--suite {name} takes no operators; --filter selects its rows"
        )));
    }
    if suite != Suite::Kernels && args.all_kernels {
        return Err(bad_use(format!("--all-kernels is for --suite kernels, not for {name}")));
    }
    Ok(())
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

/// Keeps what a filter selects. A text that selects nothing is an error that lists what there is.
fn filtered<T>(all: Vec<T>, filter: &[String], name: impl Fn(&T) -> &str) -> Result<Vec<T>> {
    let matches = |text: &String, item: &T| name(item).contains(text.as_str());
    if let Some(text) = filter.iter().find(|text| !all.iter().any(|item| matches(text, item))) {
        let names: Vec<&str> = all.iter().map(name).collect();
        return Err(bad_use(format!(
            "--filter {text} selects nothing; there are:\n  {}",
            names.join("\n  ")
        )));
    }
    let wanted = |item: &T| filter.is_empty() || filter.iter().any(|text| matches(text, item));
    Ok(all.into_iter().filter(wanted).collect())
}

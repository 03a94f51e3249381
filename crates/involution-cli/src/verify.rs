//! `involution verify`: every kernel against the reference.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use involution::ops::NAMES;
use involution_bench::adapter::{Flags, Runner};
use involution_bench::{Outcome, output};
use involution_check::verify::{Report, Settings, verify};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  involution verify                            every operator
  involution verify involution --cases 2000    many cases of one operator
  involution verify --seed 7                   other cases
  involution verify --json | jq .failures

Every case runs through every kernel that fits it, with poisoned memory around its tensors, and \
each element must lie within a bound derived from the arithmetic. On the CPU reference, the \
reference itself is compared with answers known by hand. Exits with 1 on any miss.";

/// Failed cases that are printed.
const PRINTED: usize = 20;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Operators; all where none is named
    #[arg(value_name = "OP", value_parser = PossibleValuesParser::new(NAMES), hide_possible_values = true)]
    operators: Vec<String>,
    /// Where the random cases come from
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Random cases of each operator, beside the fixed ones
    #[arg(long, value_name = "N", default_value_t = Settings::default().cases)]
    cases: usize,
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let runner = flags.open()?;
    if !json {
        output::print(&format!("{runner}\n\n"))?;
    }
    let settings = Settings {
        operators: args.operators.clone(),
        seed: args.seed,
        cases: args.cases,
        kernel: None,
    };
    let bar = output::progress("verify", 0);
    let report = verify(runner.gpu(), &settings, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let report = report?;
    let document = json!({
        "adapter": runner.name(),
        "backend": runner.backend(),
        "driver": runner.driver(),
        "seed": args.seed,
        "cases": report.cases,
        "failures": report.failures.len(),
        "ops": report.rows,
        "failed": report.failures,
    });
    output::result(json, &document, || text(&runner, args, &report))?;
    Ok(Outcome::of(report.failures.is_empty()))
}

fn text(runner: &Runner, args: &Args, report: &Report) -> String {
    let header = ["operator", "kernel", "cases", "failures", "worst error", "error/bound"];
    let mut table = output::table(&header, 2);
    for row in &report.rows {
        table.add_row([
            row.op.to_owned(),
            row.kernel.clone(),
            row.cases.to_string(),
            row.failures.to_string(),
            if row.worst_error > 0.0 { format!("{:.1e}", row.worst_error) } else { "0".to_owned() },
            format!("{:.3}", row.worst_over_bound),
        ]);
    }
    let mut text = output::render(&table);
    for failure in report.failures.iter().take(PRINTED) {
        text += &format!("\nFAILED {}: {}\n  {}\n", failure.kernel, failure.reason, failure.case);
    }
    if report.failures.len() > PRINTED {
        text += &format!("\n... and {} more\n", report.failures.len() - PRINTED);
    }
    let failures = match report.failures.len() {
        0 => "no failures".to_owned(),
        failures => output::count(failures, "failure").to_uppercase(),
    };
    let operators: BTreeSet<&str> = report.rows.iter().map(|row| row.op).collect();
    let operators = output::count(operators.len(), "operator");
    let (cases, seed) = (report.cases, args.seed);
    text += &match runner {
        Runner::Gpu(_) => {
            let cases = output::count(cases, "case");
            format!("\n{cases} of {operators}, seed {seed}: {failures}\n")
        }
        Runner::Reference => {
            let answers = output::count(cases, "answer");
            format!("\n{answers} known by hand, of {operators}: {failures}. Kernels need a GPU.\n")
        }
    };
    if !report.failures.is_empty() {
        let operators: String = args.operators.iter().map(|name| format!(" {name}")).collect();
        let cases = args.cases;
        text += &format!("Again: involution verify{operators} --seed {seed} --cases {cases}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use involution_check::verify::{Failure, Row};

    use super::*;

    #[test]
    fn the_first_misses_are_printed_and_all_are_counted() {
        let row = Row {
            op: "fold",
            kernel: "fold".into(),
            cases: 30,
            failures: 25,
            worst_error: 0.5,
            worst_over_bound: 1e6,
        };
        let failure = |index: usize| Failure {
            kernel: "fold".into(),
            case: format!("fold case {index}"),
            reason: "off".into(),
        };
        let failures = (0..25).map(failure).collect();
        let report = Report { cases: 30, rows: vec![row], failures };
        let args = Args { operators: vec!["fold".into()], seed: 3, cases: 27 };
        let text = text(&Runner::Reference, &args, &report);
        assert_eq!(text.matches("FAILED fold: off").count(), PRINTED);
        for part in ["... and 5 more", "25 FAILURES", "involution verify fold --seed 3 --cases 27"]
        {
            assert!(text.contains(part), "{text}");
        }
    }
}

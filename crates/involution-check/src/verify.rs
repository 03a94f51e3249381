//! Every operator, every candidate kernel, against the reference.

use crate::case::Case;
use crate::operators::{fixed, generate, known_answers};
use involution::error::{Error, Limit, Result, count};
use involution::gpu::Gpu;
use involution::kernels::Candidate;
use involution::ops::{NAMES, Op, Operator};
use involution::reference::{self, Array};
use involution::shape::Shape;
use involution::tensor::{DType, Tensor};
use involution::tolerance::{Comparison, Expected, check_candidate, compare, expected_stored};
use serde::Serialize;

/// What to verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Operators by name; all where empty.
    pub operators: Vec<String>,
    /// Where the generated cases come from.
    pub seed: u64,
    /// Generated cases of each operator, beside the fixed ones.
    pub cases: usize,
    /// Only the candidates that dispatch this kernel are run, up to the first case that fails; all of them where there is
    /// none.
    pub kernel: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { operators: Vec::new(), seed: 0, cases: 200, kernel: None }
    }
}

/// How one kernel fared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The operator.
    pub op: &'static str,
    /// The candidate kernel, or `reference`.
    pub kernel: String,
    /// Cases that it ran.
    pub cases: usize,
    /// Cases that it failed.
    pub failures: usize,
    /// The largest distance from the reference.
    pub worst_error: f64,
    /// The largest distance as a multiple of the error bound.
    pub worst_over_bound: f64,
}

/// A case that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The kernel that failed.
    pub kernel: String,
    /// The case, printed.
    pub case: String,
    /// What went wrong.
    pub reason: String,
}

/// The outcome.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Distinct cases.
    pub cases: usize,
    /// One row for each kernel.
    pub rows: Vec<Row>,
    /// Every miss.
    pub failures: Vec<Failure>,
}

/// The operators that the settings name, or an error that lists those there are.
fn operators(settings: &Settings) -> Result<Vec<&'static str>> {
    if settings.operators.is_empty() {
        return Ok(NAMES.to_vec());
    }
    let find = |wanted: &String| {
        NAMES.iter().find(|name| *name == wanted).copied().ok_or_else(|| {
            Error::at("verify")(involution::ShapeError::UnknownOperator {
                name: wanted.clone(),
                known: NAMES.join(", "),
            })
        })
    };
    settings.operators.iter().map(find).collect()
}

/// Runs every case through every candidate of its operator and calls `progress` with done and total.
/// Without a device, compares the reference itself with the answers known by hand.
pub fn verify(
    gpu: Option<&Gpu>,
    settings: &Settings,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report> {
    let operators = operators(settings)?;
    let mut report = Report::default();
    let Some(gpu) = gpu else {
        for (done, operator) in operators.iter().enumerate() {
            report.known(None, operator, settings)?;
            report.has_some(operator);
            progress(done + 1, operators.len());
        }
        return Ok(report);
    };
    let cases: Vec<Vec<Case>> = operators.iter().map(|name| cases_of(name, settings)).collect();
    let total = cases.iter().map(Vec::len).sum();
    let mut done = 0;
    for (operator, cases) in operators.iter().zip(&cases) {
        report.known(Some(gpu), operator, settings)?;
        for case in cases {
            report.case(gpu, case, settings)?;
            if settings.kernel.is_some() && !report.failures.is_empty() {
                break;
            }
            done += 1;
            progress(done, total);
        }
        report.has_some(operator);
    }
    Ok(report)
}

/// The fixed and generated cases of an operator; which these are depends on its name alone.
fn cases_of(operator: &str, settings: &Settings) -> Vec<Case> {
    // FNV-1a.
    let hash = operator.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut rng = fastrand::Rng::with_seed(settings.seed ^ hash);
    let generated = (0..settings.cases).filter_map(|_| generate(operator, &mut rng));
    fixed(operator).into_iter().chain(generated).collect()
}

/// The candidates that are to be run.
fn names(gpu: &Gpu, op: &Operator, inputs: &[&Tensor], settings: &Settings) -> Result<Vec<String>> {
    let shapes: Vec<&Shape> = inputs.iter().map(|input| input.shape()).collect();
    let wanted = |candidate: &Candidate| {
        let kernel = settings.kernel.as_deref();
        kernel.is_none_or(|kernel| candidate.calls.iter().any(|call| call.kernel.name == kernel))
    };
    let candidates = gpu.candidates(op, &shapes)?.into_iter().filter(wanted);
    Ok(candidates.map(|candidate| candidate.name).collect())
}

impl Report {
    /// Holds the candidates, or the reference where there is no device, against answers known by hand.
    fn known(&mut self, gpu: Option<&Gpu>, operator: &str, settings: &Settings) -> Result<()> {
        let dtype = gpu.map_or(DType::F32, |gpu| gpu.profile().storage);
        let has = |tensor: &Tensor| {
            tensor.data().iter().all(|&v| dtype.nearest(v).to_bits() == v.to_bits())
        };
        for (op, inputs, output) in known_answers(operator)? {
            if !inputs.iter().chain([&output]).all(has) {
                continue;
            }
            self.cases += 1;
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            let want =
                Expected { value: Array::from(&output), ..expected_stored(&op, &inputs, dtype)? };
            let story = || format!("{} with an answer known by hand", op.name());
            match gpu {
                Some(gpu) => {
                    let names = names(gpu, &op, &inputs, settings)?;
                    self.candidates(gpu, &op, &inputs, &want, &names, &story)?;
                }
                None => {
                    let comparison = compare(&want, &reference::run(&op, &inputs)?);
                    self.record(op.name(), "reference", Ok(comparison), &story);
                }
            }
        }
        Ok(())
    }

    /// Records a failure if no case of this operator ran.
    fn has_some(&mut self, operator: &'static str) {
        if !self.rows.iter().any(|row| row.op == operator) {
            let missing =
                "there is no case of this operator: crates/involution-check makes none".to_owned();
            self.record(operator, operator, Err(missing), &|| operator.to_owned());
        }
    }

    fn case(&mut self, gpu: &Gpu, case: &Case, settings: &Settings) -> Result<()> {
        self.cases += 1;
        let dtype = gpu.profile().storage;
        let inputs = case.inputs_in(dtype);
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let names = names(gpu, &case.operator, &inputs, settings)?;
        if names.is_empty() {
            return Ok(());
        }
        let want = expected_stored(&case.operator, &inputs, dtype)?;
        self.candidates(gpu, &case.operator, &inputs, &want, &names, &|| case.to_string())
    }

    fn candidates(
        &mut self,
        gpu: &Gpu,
        op: &Operator,
        inputs: &[&Tensor],
        want: &Expected,
        names: &[String],
        story: &dyn Fn() -> String,
    ) -> Result<()> {
        for name in names {
            let outcome = check_candidate(gpu, op, inputs, want, name);
            match outcome {
                Err(lost @ Error::DeviceLost { .. }) => return Err(lost),
                // Refused in good order: the driver would end its loops before their time.
                Err(Error::Limit { limit: Limit::Trips, .. }) => continue,
                _ => {}
            }
            let outcome = outcome.map_err(|error| error.to_string()).and_then(|inner| inner);
            self.record(op.name(), name, outcome, story);
        }
        Ok(())
    }

    fn record(
        &mut self,
        op: &'static str,
        kernel: &str,
        outcome: Result<Comparison, String>,
        story: &dyn Fn() -> String,
    ) {
        let place = self.rows.iter().position(|row| row.op == op && row.kernel == kernel);
        let place = place.unwrap_or_else(|| {
            let kernel = kernel.to_owned();
            self.rows.push(Row {
                op,
                kernel,
                cases: 0,
                failures: 0,
                worst_error: 0.0,
                worst_over_bound: 0.0,
            });
            self.rows.len() - 1
        });
        let row = &mut self.rows[place];
        row.cases += 1;
        let reason = match outcome {
            Ok(comparison) => {
                row.worst_error = row.worst_error.max(comparison.worst_error);
                row.worst_over_bound = row.worst_over_bound.max(comparison.worst_over_bound);
                if comparison.passed() {
                    return;
                }
                let worst = match comparison.worst_error {
                    f64::MAX => "the worst no number: perhaps it read past an input".to_owned(),
                    error => format!(
                        "the worst by {error:.3e}, {:.3e} times its bound",
                        comparison.worst_over_bound
                    ),
                };
                format!(
                    "{} beyond the bound, the first at {}, {worst}",
                    count(comparison.misses, "element"),
                    comparison.first_miss.unwrap_or(0)
                )
            }
            Err(reason) => reason,
        };
        row.failures += 1;
        self.failures.push(Failure { kernel: kernel.to_owned(), case: story(), reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_without_cases_is_a_miss() {
        let mut report = Report::default();
        report.has_some("fold");
        assert_eq!(report.failures.len(), 1);
        assert!(report.failures[0].reason.contains("no case of this operator"));
        report.has_some("fold");
        assert_eq!(report.failures.len(), 1);
    }
}

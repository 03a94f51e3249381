//! When the values of a plan are needed.

use crate::plan::{Action, Plan, Source, Value};

/// From which moment to which a value is needed. Inputs are there at moment 0, step `i` runs at moment
/// `i + 1`, and results are fetched after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it is written.
    pub first: usize,
    /// When it is read for the last time.
    pub last: usize,
}

impl Span {
    /// Whether there is a moment at which both values are needed.
    pub fn meets(&self, other: &Span) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// The value in whose memory each value lies: itself, but for one that is another in a new shape.
pub(super) fn roots(plan: &Plan) -> Vec<Value> {
    let mut roots: Vec<Value> = (0..plan.values().len()).map(Value).collect();
    for step in plan.steps().iter().filter(|step| step.action == Action::Reshape) {
        if let Some(input) = step.inputs.first() {
            roots[step.output.0] = roots[input.0];
        }
    }
    roots
}

/// When each value is needed: of roots that are not constants.
pub fn spans(plan: &Plan) -> Vec<Option<Span>> {
    let roots = roots(plan);
    let mut spans: Vec<Option<Span>> = vec![None; plan.values().len()];
    let mut need = |value: Value, moment: usize| {
        let root = roots[value.0];
        if matches!(plan.value(root).source, Source::Constant(_)) {
            return;
        }
        let span = spans[root.0].get_or_insert(Span { first: moment, last: moment });
        span.last = span.last.max(moment);
    };
    for &(_, input) in plan.inputs() {
        need(input, 0);
    }
    for (index, step) in plan.steps().iter().enumerate() {
        for &value in step.inputs.iter().chain([&step.output]) {
            need(value, index + 1);
        }
    }
    for &(_, output) in plan.outputs() {
        need(output, plan.steps().len() + 1);
    }
    spans
}

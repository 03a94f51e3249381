//! Taking out what nobody asks for.

use crate::error::{Error, Result};
use crate::plan::graph::{Plan, Value};

impl Plan {
    /// Keeps only these results and the steps that lead to them; an error names those that the plan does not
    /// have.
    pub fn keep(mut self, outputs: &[&str]) -> Result<Plan> {
        for &wanted in outputs {
            if !self.outputs.iter().any(|(name, _)| name == wanted) {
                return Err(Error::UnknownOutput {
                    network: self.name,
                    output: wanted.to_owned(),
                    known: self.outputs.into_iter().map(|(name, _)| name).collect(),
                });
            }
        }
        self.outputs.retain(|(name, _)| outputs.contains(&name.as_str()));
        self.drop_unread();
        Ok(self)
    }

    /// Takes out the steps whose result nobody reads, and the values that nobody has any more.
    pub(crate) fn drop_unread(&mut self) {
        let mut read = vec![false; self.values.len()];
        for (_, value) in &self.outputs {
            read[value.0] = true;
        }
        for step in self.steps.iter().rev() {
            if read[step.output.0] {
                for input in &step.inputs {
                    read[input.0] = true;
                }
            }
        }
        self.steps.retain(|step| read[step.output.0]);
        for (_, input) in &self.inputs {
            read[input.0] = true;
        }
        let mut kept = 0;
        let place: Vec<usize> = read
            .iter()
            .map(|&read| {
                kept += usize::from(read);
                kept.saturating_sub(1)
            })
            .collect();
        let mut reads = read.iter();
        self.values.retain(|_| reads.next() == Some(&true));
        let moved = |value: &mut Value| value.0 = place[value.0];
        let named = self.inputs.iter_mut().chain(&mut self.outputs);
        named.for_each(|(_, value)| moved(value));
        for step in &mut self.steps {
            step.inputs.iter_mut().for_each(moved);
            moved(&mut step.output);
        }
    }
}

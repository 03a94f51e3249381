//! A plan as a table: a row for each step.

use std::fmt;

use super::graph::{Action, Plan};
use super::memory::Memory;
use crate::error::{Error, Result, count};
use crate::ops::{Activation, Op, Operator};

/// One step in words and numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    /// Its place, from 1.
    pub step: usize,
    /// The layer.
    pub layer: String,
    /// The operator, with what was fused into it.
    pub op: String,
    /// The shape of what it reads first.
    pub input: String,
    /// The shape of what it writes.
    pub output: String,
    /// The slot it writes to; nothing where it moves nothing.
    pub slot: Option<usize>,
    /// Bytes it must read and write.
    pub bytes: u64,
    /// Multiply-adds.
    pub macs: u64,
}

/// The rows of a plan, with its memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it is the plan of.
    pub name: String,
    /// A row for each step.
    pub rows: Vec<TableRow>,
    /// Where the values lie.
    pub memory: Memory,
    /// Learnt values.
    pub parameters: u64,
    /// Multiply-adds of all steps.
    pub macs: u64,
}

impl Plan {
    /// The plan as a table.
    pub fn table(&self) -> Result<Table> {
        let memory = self.memory()?;
        let mut rows = Vec::new();
        for (index, step) in self.steps().iter().enumerate() {
            let shapes = self.input_shapes(step);
            let (op, bytes, slot) = match &step.action {
                Action::Apply(op) => {
                    let cost = op.cost(&shapes).map_err(Error::at(op.name()))?;
                    (describe(op), cost.bytes, memory.slot(step.output))
                }
                Action::Reshape => ("reshape".to_owned(), 0, None),
            };
            rows.push(TableRow {
                step: index + 1,
                layer: step.name.clone(),
                op,
                input: shapes.first().map(ToString::to_string).unwrap_or_default(),
                output: self.shape(step.output).to_string(),
                slot,
                bytes,
                macs: self.step_macs(step)?,
            });
        }
        Ok(Table {
            name: self.name().to_owned(),
            rows,
            memory,
            parameters: self.parameters(),
            macs: self.macs()?,
        })
    }
}

/// The operator with its attributes and what is done in its epilogue.
fn describe(op: &Operator) -> String {
    let mut text = op.name().to_owned();
    let mut op = op.clone();
    let activation = op.epilogue().map_or(Activation::None, |epilogue| *epilogue);
    for (name, value) in op.to_attributes() {
        if name != "activation" {
            text += &format!(" {name}={value}");
        }
    }
    if op.inputs().contains(&"bias") && op.name() != "batch_norm" {
        text += " + bias";
    }
    if op.inputs().contains(&"scale") {
        text += " + scale, shift";
    }
    if op.inputs().contains(&"residual") {
        text += " + residual";
    }
    if op.name() != "activation" {
        let named = Activation::ALL.iter().find(|(_, known)| *known == activation);
        text += &named
            .filter(|_| activation != Activation::None)
            .map_or(String::new(), |(name, _)| format!(" + {name}"));
    }
    text
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |of: &dyn Fn(&TableRow) -> usize| self.rows.iter().map(of).max().unwrap_or(0);
        let layer = width(&|row| row.layer.len());
        let op = width(&|row| row.op.len());
        let shape = width(&|row| row.output.len());
        writeln!(
            f,
            "{:>4}  {:layer$}  {:op$}  {:shape$}  slot  {:>10}  {:>10}",
            "step", "layer", "op", "output", "MiB moved", "M MACs"
        )?;
        for row in &self.rows {
            let slot = row.slot.map_or("-".to_owned(), |slot| slot.to_string());
            writeln!(
                f,
                "{:>4}  {:layer$}  {:op$}  {:shape$}  {:>4}  {:>10.2}  {:>10.2}",
                row.step,
                row.layer,
                row.op,
                row.output,
                slot,
                mib(row.bytes),
                row.macs as f64 / 1e6
            )?;
        }
        let memory = &self.memory;
        writeln!(f, "parameters {}, {:.3} G MACs", self.parameters, self.macs as f64 / 1e9)?;
        write!(
            f,
            "device memory {:.2} MiB at the peak: {} {:.2} (least possible {:.2}), weights {:.2}, scratch {:.2}",
            mib(memory.peak()),
            count(memory.slots().len(), "slot"),
            mib(memory.activations()),
            mib(memory.live),
            mib(memory.constants),
            mib(memory.scratch),
        )
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

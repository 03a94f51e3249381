//! A plan as a table: a row for each step.

use super::lower::Schedule;
use super::memory::Memory;
use super::slices::Lowered;
use crate::error::{Error, Result};
use crate::ops::{Activation, Op, Operator};
use crate::plan::{Action, Plan};

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
    /// The candidate that carries it out; nothing where it moves nothing.
    pub candidate: Option<String>,
    /// Why it was chosen.
    pub reason: Option<String>,
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

impl Table {
    /// A plan with how it is carried out.
    pub fn of(plan: &Plan, schedule: &Schedule) -> Result<Table> {
        let mut rows = Vec::new();
        for (index, (step, lowered)) in plan.steps().iter().zip(&schedule.steps).enumerate() {
            let shapes = plan.input_shapes(step);
            let (op, bytes, slot) = match &step.action {
                Action::Apply(op) => {
                    let cost = op.cost(&shapes).map_err(Error::at(op.name()))?;
                    let bytes = cost.bytes * schedule.memory.dtype().size() as u64 / 4;
                    (describe(op), bytes, schedule.memory.slot(step.output))
                }
                Action::Reshape => ("reshape".to_owned(), 0, None),
            };
            let call = lowered.call.as_ref();
            rows.push(TableRow {
                step: index + 1,
                layer: step.name.clone(),
                op,
                input: shapes.first().map(ToString::to_string).unwrap_or_default(),
                output: plan.shape(step.output).to_string(),
                slot,
                bytes,
                macs: plan.step_macs(step)?,
                candidate: call.and_then(Lowered::candidate).map(|c| c.name.clone()),
                reason: call.map(|call| call.why.to_string()),
            });
        }
        Ok(Table {
            name: plan.name().to_owned(),
            rows,
            memory: schedule.memory.clone(),
            parameters: plan.parameters(),
            macs: plan.macs()?,
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

//! One row of a suite that times networks: what ran, how long it took, and whether it was right.

use std::collections::BTreeMap;

use involution::ops::{Cost, Op};
use involution::{Error, Result, Shape, ShapeError, gpu};
use serde::Serialize;

use super::findings::{number, rate};
use super::limits::Floor;
use super::peers::Against;
use super::stats;
use super::subject::Times;
use super::workload::{Work, Workload};
use crate::output;

/// One workload and its times.
#[derive(Debug, Serialize)]
pub struct Row {
    pub workload: String,
    pub group: String,
    pub batch: u64,
    /// Whether the plan was fused.
    pub fused: bool,
    /// Each once, in the order in which they run first.
    pub kernels: Vec<String>,
    pub dispatches: usize,
    pub checked: bool,
    /// Why it is not checked.
    pub note: Option<String>,
    /// Whether that is that the device has no room for it.
    #[serde(skip)]
    pub too_large: bool,
    #[serde(flatten)]
    pub times: Times,
    pub flops: u64,
    /// Of inputs, output and parameters.
    pub bytes: u64,
    pub gflops: Option<f64>,
    pub gbps: Option<f64>,
    #[serde(flatten)]
    pub floor: Floor,
    pub worst_over_bound: Option<f64>,
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Other libraries that were timed in turns with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Against>,
}

impl Row {
    /// A row without its times.
    pub fn new(workload: &Workload) -> Self {
        let dims = |index: usize| workload.shapes[index].dims().to_vec();
        let names: Vec<&str> = match &workload.work {
            Work::Operator(op) => op.inputs().to_vec(),
            Work::Layer(_) => vec!["x"],
        };
        let (flops, bytes) = cost(workload).unwrap_or_default();
        Row {
            workload: workload.name.clone(),
            group: workload.family().to_owned(),
            batch: dims(0)[0] as u64,
            fused: workload.fused,
            kernels: Vec::new(),
            dispatches: 0,
            checked: false,
            note: None,
            too_large: false,
            times: Times::default(),
            flops,
            bytes,
            gflops: None,
            gbps: None,
            floor: Floor::default(),
            worst_over_bound: None,
            shapes: (0..workload.shapes.len()).map(|at| (names[at].to_owned(), dims(at))).collect(),
            peers: Vec::new(),
        }
    }

    /// A row that could not be run.
    pub fn failed(workload: &Workload, error: &Error) -> Self {
        let (note, too_large) = (Some(error.to_string()), is_too_large(error));
        Row { note, too_large, ..Row::new(workload) }
    }

    /// The row with its times.
    pub fn timed(self, times: Times) -> Self {
        let rate = |count| times.device().and_then(|device| stats::rate(count, device.median));
        let (gflops, gbps) = (rate(self.flops), rate(self.bytes));
        Row { times, gflops, gbps, ..self }
    }

    /// The row with the floor that these limits put under it.
    pub fn above(mut self, limits: &gpu::Limits) -> Self {
        let median = self.times.device().map(|device| device.median);
        self.times.clocks = self.times.clocks.against(limits);
        self.floor = Floor::of(limits, Cost { flops: self.flops, bytes: self.bytes }, median);
        self
    }

    /// The row, with the largest distance of a sample that was seen so far, in multiples of what is allowed.
    pub fn apart(self, worst_over_bound: f64) -> Self {
        Row { worst_over_bound: Some(worst_over_bound), ..self }
    }

    /// Whether the row is right: by the distance of its first sample, and those that were seen before.
    pub fn judge(&mut self, first: f64) {
        let others = self.worst_over_bound.unwrap_or_default();
        self.worst_over_bound = Some(first.max(others));
        self.checked = first <= 1.0 && others <= 1.0;
        if first > 1.0 {
            self.reject(format!("{first:.3e} times as far from the reference as is allowed"));
        } else if others > 1.0 {
            self.reject(format!(
                "a sample of the batch is {others:.3e} times as far as is allowed from what it gives by itself"
            ));
        }
    }

    /// Takes the times away: what was timed is wrong.
    pub fn reject(&mut self, note: String) {
        self.note = Some(note);
        self.times = Times { samples: self.times.samples, ..Times::default() };
        (self.gflops, self.gbps, self.floor.of_floor) = (None, None, None);
        self.peers.iter_mut().for_each(Against::alone);
    }

    /// The one kernel, or how many dispatches there are of several.
    pub fn kernel(&self) -> String {
        match self.kernels.as_slice() {
            [one] => one.clone(),
            _ => output::count(self.dispatches, "dispatch"),
        }
    }

    /// What a table says of its times: median, least and 95th percentile from host to host, and the median on the
    /// device.
    pub fn times(&self) -> [String; 4] {
        let wall = |of: fn(&stats::Stats) -> f64| number(self.times.wall_ms.as_ref().map(of), 3);
        let device = self.times.device().map(|device| device.median);
        [
            match self.checked {
                true => wall(|wall| wall.median) + self.times.noise.mark(),
                false => "FAILED".to_owned(),
            },
            wall(|wall| wall.min),
            wall(|wall| wall.p95),
            number(device, 3),
        ]
    }

    /// Billions of operations a second, for a table.
    pub fn rate(&self) -> String {
        rate(self.gflops.filter(|&rate| rate > 0.0))
    }
}

/// Whether something cannot be done for its size alone.
pub fn is_too_large(error: &Error) -> bool {
    let overflow = |source: &ShapeError| matches!(source, ShapeError::Overflow { .. });
    match cause(error) {
        Error::Limit { .. } | Error::OutOfMemory { .. } => true,
        Error::Shape { source, .. } => overflow(source),
        _ => false,
    }
}

/// What went wrong, without the layers that it went wrong in.
pub fn cause(error: &Error) -> &Error {
    match error {
        Error::Layer { source, .. } => cause(source),
        other => other,
    }
}

/// Floating-point operations, and bytes of inputs, output and parameters.
fn cost(workload: &Workload) -> Result<(u64, u64)> {
    let elements = |shape: &Shape| shape.dims().iter().product::<usize>() as u64;
    let shapes: Vec<&Shape> = workload.shapes.iter().collect();
    match &workload.work {
        Work::Operator(op) => {
            let cost = op.cost(&shapes).map_err(Error::at(op.name()))?;
            Ok((cost.flops, cost.bytes))
        }
        Work::Layer(layer) => {
            let plan = layer.plan(shapes[0])?.keep(&[layer.output()])?;
            let output = elements(&layer.output_shape(shapes[0])?);
            let values = elements(shapes[0]) + output + plan.parameters();
            Ok((2 * plan.macs()?, 4 * values))
        }
    }
}

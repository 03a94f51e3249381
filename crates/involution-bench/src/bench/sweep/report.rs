//! What a sweep found: its rows, as JSON and as a table.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use super::super::clocks;
use super::super::findings::{Findings, Header, interruption, number, timers, verdict};
use super::super::machine;
use super::super::row::Row;
use crate::output::{self, mib};

/// One batch and size.
#[derive(Debug, Serialize)]
pub struct Point {
    /// Height and width of the images.
    pub size: usize,
    /// Bytes on the device, by the plan, where it can be planned.
    pub memory: Option<u64>,
    /// Why it was not run: there is no room for it.
    pub refused: Option<String>,
    /// The median from host to host by the pixels of all images.
    pub ns_per_pixel: Option<f64>,
    /// That, as a multiple of what one image of the usual size takes.
    pub ratio: Option<f64>,
    #[serde(flatten)]
    pub row: Row,
}

impl Point {
    /// A row that needs so much memory. One that the device refused for its size was not run.
    pub fn new(mut row: Row, memory: Option<u64>) -> Self {
        let refused = if row.too_large { row.note.take() } else { None };
        let size = row.shapes.get("x").and_then(|dims| dims.last()).copied().unwrap_or_default();
        let pixels = row.batch as f64 * (size * size) as f64;
        let ns_per_pixel = row.times.wall_ms.as_ref().map(|wall| wall.median * 1e6 / pixels);
        Point { size, memory, refused, ns_per_pixel, ratio: None, row }
    }

    fn failed(&self) -> bool {
        self.refused.is_none() && !self.row.checked
    }

    fn cells(&self) -> Vec<String> {
        let [median, min, _, device] = self.row.times();
        let median = if self.refused.is_some() { "left out".to_owned() } else { median };
        let fixed = [self.row.batch.to_string(), self.size.to_string(), median, min, device];
        let numbers = [number(self.ns_per_pixel, 1), number(self.ratio, 2), self.row.rate()];
        let memory = number(self.memory.map(mib), 0);
        fixed.into_iter().chain(numbers).chain([memory]).collect()
    }
}

/// The points with what each pixel takes in multiples of the first point's.
pub fn against_first(mut points: Vec<Point>) -> Vec<Point> {
    let first = points.first().and_then(|point| point.ns_per_pixel);
    for point in &mut points {
        point.ratio = point.ns_per_pixel.zip(first).map(|(each, first)| each / first);
    }
    points
}

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    #[serde(flatten)]
    pub header: Header,
    pub rows: Vec<Point>,
}

impl Findings for Report {
    fn passed(&self) -> bool {
        !self.header.interrupted && !self.rows.iter().any(Point::failed)
    }

    fn text(&self) -> String {
        let header =
            ["batch", "size", "median", "min", "device", "ns/pixel", "ratio", "GFLOP/s", "MiB"];
        let mut table = output::table(&header, 0);
        for point in &self.rows {
            table.add_row(point.cells());
        }
        let mut text = output::render(&table) + "\n";
        let (mut run, mut failures) = (0, 0);
        for point in &self.rows {
            let name = &point.row.workload;
            if let Some(reason) = &point.refused {
                let _ = writeln!(text, "left out {name}: {reason}");
                continue;
            }
            run += 1;
            if point.failed() {
                failures += 1;
                let note = point.row.note.as_deref().unwrap_or_default();
                let _ = writeln!(text, "FAILED {name}: {note}");
            }
        }
        text += &verdict(run, failures, "that was run is right", "that were run are right");
        text += &machine::unsafe_rows(self.rows.iter().map(|point| &point.row.times.noise));
        text += &clocks::disagreements(self.rows.iter().map(|point| &point.row.times.clocks));
        text += &clocks::totals(self.rows.iter().map(|point| point.row.times.totals()));
        text += interruption(&self.header);
        let _ = writeln!(
            text,
            "Times in ms from host to host, ns/pixel by their median, `ratio` to that of the first row;\n\
             `device`, GFLOP/s: on tensors of the device, by {}; {:.1} s in all.",
            timers(self.rows.iter().map(|point| &point.row)),
            self.header.seconds
        );
        text
    }

    fn json(&self) -> Result<String> {
        output::json(self)
    }
}

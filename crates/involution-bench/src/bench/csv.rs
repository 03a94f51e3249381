//! The rows of a run as comma-separated values, for spreadsheets: a line for each, the header first.

use super::record::{Row, Run};
use super::stats::Stats;

/// The clocks of a row, by the names that JSON has for them.
const CLOCKS: [&str; 4] = ["gpu_ms", "resident_ms", "wall_ms", "cpu_ms"];

pub fn text(run: &Run) -> String {
    let mut names: Vec<String> = [
        "suite", "adapter", "driver", "group", "case", "kernel", "batch", "size", "checked",
        "samples",
    ]
    .map(str::to_owned)
    .to_vec();
    for clock in CLOCKS {
        names.extend(["min", "median", "p95", "spread"].map(|number| format!("{clock}_{number}")));
    }
    let rest = [
        "compile_ms",
        "flops",
        "bytes",
        "gflops",
        "gbps",
        "floor_ms",
        "bound",
        "of_floor",
        "waited",
        "warning",
        "note",
    ];
    names.extend(rest.map(str::to_owned));
    let rows = run.rows.iter().map(|row| line(&cells(run, row)));
    std::iter::once(line(&names)).chain(rows).collect()
}

/// The rows of runs on several adapters, below one header.
pub fn several(runs: &[Run]) -> String {
    let texts = runs.iter().map(text).zip(0..);
    texts
        .flat_map(|(text, place)| {
            let skipped = usize::from(place > 0);
            text.split_inclusive('\n').skip(skipped).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

/// What a row has in each column; nothing where it has none.
fn cells(run: &Run, row: &Row) -> Vec<String> {
    fn or<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    let mut cells = vec![
        run.suite.clone(),
        run.adapter.clone(),
        run.driver.clone().unwrap_or_default(),
        row.group.clone(),
        row.case.clone(),
        row.kernel.clone().unwrap_or_else(|| row.kernels.join(" ")),
        or(row.batch),
        or(row.size),
        row.checked.to_string(),
        row.samples.to_string(),
    ];
    for times in [&row.gpu_ms, &row.resident_ms, &row.wall_ms, &row.cpu_ms] {
        let numbers = |times: &Stats| [times.min, times.median, times.p95, times.spread];
        let numbers = times.as_ref().map(numbers).map_or([None; 4], |numbers| numbers.map(Some));
        cells.extend(numbers.map(or));
    }
    cells.extend([or(row.compile_ms), row.flops.to_string(), row.bytes.to_string()]);
    cells.extend([row.gflops, row.gbps, row.floor_ms].map(or));
    cells.extend([or(row.bound.as_deref()), or(row.of_floor), or(row.waited)]);
    cells.extend([or(row.warning.as_deref()), or(row.note.as_deref().or(row.refused.as_deref()))]);
    cells
}

/// Cells as RFC 4180 has them: in quotes where they hold what separates others.
fn line(cells: &[String]) -> String {
    let quoted = cells.iter().map(|cell| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    });
    quoted.collect::<Vec<_>>().join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::record::sample::run;
    use super::*;

    #[test]
    fn every_row_has_every_column_and_what_separates_is_quoted() {
        let text = text(&run());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + run().rows.len());
        let columns: Vec<&str> = lines[0].split(',').collect();
        let first: Vec<&str> = lines[1].split(',').collect();
        assert_eq!(first.len(), columns.len(), "{text}");
        let cell =
            |name: &str| columns.iter().position(|column| *column == name).map(|at| first[at]);
        assert_eq!(cell("case"), Some("conv 1"));
        assert_eq!(cell("gpu_ms_median"), Some("2"));
        assert_eq!(cell("resident_ms_median"), Some(""));
        assert_eq!(several(&[run(), run()]).lines().count(), 1 + 2 * run().rows.len());
        assert!(lines.iter().any(|line| line.contains("\"wrong, by \"\"much\"\"\"")), "{text}");
    }
}

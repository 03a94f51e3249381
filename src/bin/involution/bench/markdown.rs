//! The rows of a run as a table of Markdown, for issues and documents.

use std::fmt::Write;

use super::adapters;
use super::record::{Row, Run};

pub fn text(run: &Run) -> String {
    let driver = run.driver.as_deref().map_or_else(String::new, |driver| format!(" ({driver})"));
    let software =
        if run.software { ", a software adapter: its times are those of the CPU" } else { "" };
    let mut text = format!(
        "Suite `{}` of involution {} on {}{driver}{software}. Times on the device.\n\n",
        run.suite,
        run.involution,
        plain(&run.adapter)
    );
    text += "| call | kernel | median ms | min | p95 | GFLOP/s | GB/s | of floor | bound |\n";
    text += "|---|---|--:|--:|--:|--:|--:|--:|---|\n";
    for row in &run.rows {
        let cells = cells(row).map(|cell| plain(&cell));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    let notes = run.rows.iter().filter_map(|row| {
        let note = row.note.as_ref().or(row.refused.as_ref())?;
        Some(format!("- {}: {}\n", plain(&row.case), plain(note)))
    });
    let warnings = run.rows.iter().filter_map(|row| {
        Some(format!("- {} is unsafe: {}\n", plain(&row.case), plain(row.warning.as_ref()?)))
    });
    let notes: String = notes.chain(warnings).collect();
    if notes.is_empty() { text } else { text + "\n" + &notes }
}

/// Runs on several adapters: side by side, then each by itself.
pub fn several(runs: &[Run]) -> String {
    if let [one] = runs {
        return text(one);
    }
    let mut text = String::new();
    for line in adapters::legend(runs) {
        let _ = writeln!(text, "- {}", plain(&line));
    }
    for (cells, place) in adapters::rows(runs).iter().zip(0..) {
        let cells: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
        let start = if place == 0 { "\n" } else { "" };
        let _ = writeln!(text, "{start}| {} |", cells.join(" | "));
        if place == 0 {
            let _ = writeln!(text, "|---{}|", "|--:".repeat(cells.len() - 1));
        }
    }
    runs.iter().fold(text, |text, run| text + "\n" + &self::text(run))
}

fn cells(row: &Row) -> [String; 9] {
    let [case, kernel, rest @ ..] = row.cells();
    let [median, min, p95, gflops, gbps, floor, bound] = rest;
    [case, format!("`{kernel}`"), median, min, p95, gflops, gbps, floor, bound]
}

/// Text that ends no cell and no line.
fn plain(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::super::record::sample::run;
    use super::*;

    #[test]
    fn every_row_is_a_line_of_as_many_cells_and_notes_follow() {
        let text = text(&run());
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(lines.len(), 1 + run().rows.len(), "{text}");
        for line in &lines {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 10, "{line}");
        }
        assert!(lines[1].contains("2.000~") && text.contains("conv 1 is unsafe: spread"), "{text}");
        assert!(text.contains("FAILED") && text.contains("- bad: wrong, by"), "{text}");
        assert!(text.contains("software adapter"));
        let both = several(&[run(), run()]);
        assert!(
            both.contains("| call | A ms | B ms | B/A |\n|---|--:|--:|--:|\n| conv 1 |"),
            "{both}"
        );
        assert!(both.ends_with(&text) && several(&[run()]) == text, "{both}");
    }
}

//! The rows of a run as a table of Markdown, for issues and documents.

use std::fmt::Write;

use super::adapters;
use super::peers::{ERROR, MEANING, Ratios};
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
    if !notes.is_empty() {
        text = text + "\n" + &notes;
    }
    text + &against_peers(run)
}

/// The ratios to other libraries; nothing where there are none.
fn against_peers(run: &Run) -> String {
    let Some(ratios) = Ratios::of(run.rows.iter().map(Row::compared)) else { return String::new() };
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = format!(
        "\n{MEANING} {ERROR}\n\n{}|---{}|\n",
        line(&ratios.header),
        "|--:".repeat(ratios.header.len() - 1)
    );
    text.extend(ratios.lines.iter().map(|cells| line(cells)));
    if !ratios.notes.is_empty() {
        text += "\n";
    }
    text.extend(ratios.notes.iter().map(|note| format!("- {}\n", plain(note))));
    text
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
        let whole = text(&run());
        let (text, peers) = whole.split_once("Ratios are").unwrap_or_default();
        let lines: Vec<&str> = peers.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(lines.len(), 4, "{peers}");
        for line in lines {
            assert_eq!(line.matches('|').count(), 8, "{line}");
        }
        assert!(peers.contains("| 0.010 | 2.00 | failed | 2.00 | 0.250 |"), "{peers}");
        assert!(peers.contains("- broken, conv 1: no \"such\" \\| operator"), "{peers}");
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
        assert!(both.ends_with(&whole) && several(&[run()]) == whole, "{both}");
    }
}

//! Runs on several adapters side by side: a column for each, and how many times as long as on the first.

use super::findings::number;
use super::record::Run;
use super::row::Row;
use crate::output;

/// What stands before the name of an adapter that is one of several.
pub fn heading(adapters: usize, place: usize) -> String {
    if adapters > 1 { format!("{}: ", letter(place)) } else { String::new() }
}

/// Which columns are of which adapter.
pub fn legend(runs: &[Run]) -> Vec<String> {
    let line = |(run, place): (&Run, usize)| {
        let driver = run.driver.as_deref().filter(|driver| !driver.is_empty());
        let driver = driver.map_or_else(String::new, |driver| format!(" ({driver})"));
        let software = if run.software { ", software" } else { "" };
        format!("{}: {}{driver}{software}", letter(place), run.adapter)
    };
    runs.iter().zip(0..).map(line).collect()
}

/// The rows of all runs: a call, its median on the device in each, and the ratios to the first. A header first.
pub fn rows(runs: &[Run]) -> Vec<Vec<String>> {
    let mut header = vec!["call".to_owned()];
    for place in 0..runs.len() {
        header.push(format!("{} ms", letter(place)));
        if place > 0 {
            header.push(format!("{}/{}", letter(place), letter(0)));
        }
    }
    let mut calls: Vec<(&Row, &Run)> = Vec::new();
    for run in runs {
        for row in &run.rows {
            if !calls
                .iter()
                .any(|(call, of)| run.find(call, of).is_some_and(|found| std::ptr::eq(found, row)))
            {
                calls.push((row, run));
            }
        }
    }
    let lines = calls.into_iter().map(|(call, of)| {
        let found: Vec<Option<&Row>> = runs.iter().map(|run| run.find(call, of)).collect();
        let median = |row: Option<&Row>| Some(row?.device()?.median);
        let mut cells = vec![call.case.clone()];
        for (row, place) in found.iter().zip(0..) {
            cells.push(time(*row));
            if place > 0 {
                let ratio = median(*row).zip(median(found[0])).map(|(time, first)| time / first);
                cells.push(number(ratio, 2));
            }
        }
        cells
    });
    std::iter::once(header).chain(lines).collect()
}

/// A row that an adapter does not have was not measured there.
fn time(row: Option<&Row>) -> String {
    let Some(row) = row else { return "-".to_owned() };
    match row.failure() {
        Some(failure) => failure.to_owned(),
        None => number(row.device().map(|times| times.median), 3) + row.noise.mark(),
    }
}

/// Each run by itself, and then the calls of all side by side.
pub fn text(runs: &[Run]) -> String {
    let rows = rows(runs);
    let header: Vec<&str> = rows[0].iter().map(String::as_str).collect();
    let mut table = output::table(&header, 1);
    table.add_rows(&rows[1..]);
    let mut text = String::new();
    for (run, line) in runs.iter().zip(legend(runs)) {
        text += &format!("{line}\n{}\n", run.text());
    }
    text + &output::render(&table)
        + "Medians in ms on the device; a ratio below 1 is faster than A.\n"
}

/// A, B, C and so on; nobody has more adapters than letters.
fn letter(place: usize) -> char {
    char::from(b'A' + (place % 26) as u8)
}

#[cfg(test)]
mod tests {
    use super::super::record::sample::run;
    use super::*;

    #[test]
    fn adapters_stand_side_by_side_and_what_one_lacks_is_a_dash() {
        let (first, mut second) = (run(), run());
        second.adapter = "CPU reference".to_owned();
        second.rows.remove(1);
        if let Some(times) = &mut second.rows[0].gpu_ms {
            times.median = 5.0;
        }
        let runs = [first, second];
        let rows = rows(&runs);
        assert_eq!(rows[0], ["call", "A ms", "B ms", "B/A"]);
        assert_eq!(rows[1], ["conv 1", "2.000~", "5.000~", "2.50"]);
        assert_eq!(rows[2], ["conv <2>", "3.000", "-", "-"]);
        assert_eq!(rows.len(), 1 + runs[0].rows.len());
        let text = text(&runs);
        for part in ["B: CPU reference", "A: a <b>quick</b> adapter", "FAILED bad", "~ 1 unsafe"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }
}

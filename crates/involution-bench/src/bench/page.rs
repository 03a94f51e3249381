//! A run as one page that needs nothing but itself: drawings, and a table of every row.

mod bars;
mod growth;
mod peers;
mod roofline;
mod svg;

use std::fmt::Write;

use super::adapters;
use super::record::Run;
use super::row::Row;
use crate::output;
use svg::escape;

const STYLE: &str = include_str!("page/page.css");

pub fn text(run: &Run) -> String {
    let title = title(run);
    document(&title, &format!("<h1>{title}</h1>\n{}", body(run)))
}

/// Runs on several adapters: side by side, then each by itself.
pub fn several(runs: &[Run]) -> String {
    if let [one] = runs {
        return text(one);
    }
    let title = runs.first().map(title).unwrap_or_default();
    let mut text = format!("<h1>{title}</h1>\n{}", side_by_side(runs));
    for (run, place) in runs.iter().zip(0..) {
        let name = adapters::heading(runs.len(), place) + &run.adapter;
        let _ = write!(text, "<section>\n<h1>{}</h1>\n{}</section>\n", escape(&name), body(run));
    }
    document(&title, &text)
}

fn title(run: &Run) -> String {
    escape(&format!("involution bench: {}", run.suite))
}

fn document(title: &str, content: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{content}</main>\n</body>\n\
         </html>\n"
    )
}

/// What there is to say of one run.
fn body(run: &Run) -> String {
    let figures = [
        peers::figures(run),
        roofline::figure(run),
        growth::figure(run),
        bars::fusing(run),
        bars::floors(run),
        bars::shares(run),
    ];
    let figures: String = figures.into_iter().flatten().collect();
    let notes = peers::notes(run);
    format!(
        "{}<div class=\"figures\">\n{figures}</div>\n<ul>\n{notes}</ul>\n{}",
        header(run),
        table(run)
    )
}

/// The times of all adapters, a column for each.
fn side_by_side(runs: &[Run]) -> String {
    let mut text = String::from("<ul>\n");
    for line in adapters::legend(runs) {
        let _ = writeln!(text, "<li>{}</li>", escape(&line));
    }
    text += "</ul>\n<p>Medians on the device; a ratio below 1 is faster than A.</p>\n\
             <div class=\"scroll\" tabindex=\"0\">\n<table>\n";
    for (cells, line) in adapters::rows(runs).iter().zip(0..) {
        let cell = if line == 0 { "th" } else { "td" };
        text += match line {
            0 => "<thead><tr>",
            1 => "<tbody>\n<tr>",
            _ => "<tr>",
        };
        for (text_of, column) in cells.iter().zip(0..) {
            let class = if column == 0 { "" } else { " class=\"n\"" };
            let _ = write!(text, "<{cell}{class}>{}</{cell}>", escape(text_of));
        }
        text += if line == 0 { "</tr></thead>\n" } else { "</tr>\n" };
    }
    text + "</tbody>\n</table>\n</div>\n"
}

/// On what it ran, and what speaks against the figures.
fn header(run: &Run) -> String {
    let mut facts = vec![
        ("Adapter", run.adapter.clone()),
        ("Driver", run.driver.clone().unwrap_or_else(|| "none".to_owned())),
        ("Version", format!("involution {}", run.involution)),
    ];
    if let Some(limits) = &run.limits {
        let [copy, multiply] =
            [limits.copy_gbps, limits.multiply_add_gflops].map(|rate| format!("{rate:.1}"));
        let [dispatch, submission] =
            [limits.dispatch_us, limits.submission_us].map(|time| format!("{time:.0}"));
        let rates = format!("copies {copy} GB/s, multiplies and adds at {multiply} GFLOP/s");
        let after = run.limits_after.map(|after| {
            let (copy, multiply) = (after.copy_gbps, after.multiply_add_gflops);
            format!("; after the last row {copy:.1} GB/s, {multiply:.1} GFLOP/s")
        });
        facts.push((
            "Limits",
            format!(
                "{rates}; a dispatch takes {dispatch} us, a submission {submission} us{}",
                after.unwrap_or_default()
            ),
        ));
    }
    let count = |what: fn(&Row) -> bool| run.rows.iter().filter(|row| what(row)).count();
    let failed = count(|row| row.failure() == Some("FAILED"));
    let mut notes: Vec<(&str, String)> = Vec::new();
    if run.software {
        notes.push(("software", "Software adapter: its times are those of the CPU.".to_owned()));
    }
    match (failed, count(|row| row.checked)) {
        (0, 0) => notes.push(("plain", "No row was compared with anything.".to_owned())),
        (0, checked) => notes.push((
            "good",
            format!("Checked and right: {checked} of {}.", output::count(run.rows.len(), "row")),
        )),
        (failed, _) => notes.push((
            "bad",
            format!("{failed} of {} FAILED, without times.", output::count(run.rows.len(), "row")),
        )),
    }
    let doubtful = count(|row| row.noise.warning.is_some());
    if doubtful > 0 {
        let why = "the samples spread, or the machine was busy";
        notes.push(("doubt", format!("~ {} unsafe: {why}.", output::count(doubtful, "row"))));
    }
    if run.interrupted {
        notes.push(("bad", "Interrupted: the rest was not measured.".to_owned()));
    }
    if run.quick {
        notes.push(("plain", "The quick set.".to_owned()));
    }
    let mut text = String::from("<dl>\n");
    for (name, fact) in facts {
        let _ = writeln!(text, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&fact));
    }
    text += "</dl>\n<ul class=\"notes\">\n";
    for (class, note) in notes {
        let _ = writeln!(text, "<li class=\"{class}\">{}</li>", escape(&note));
    }
    text + "</ul>\n"
}

/// Every row; wider than a phone, so it scrolls by itself.
fn table(run: &Run) -> String {
    let columns = [
        "call", "kernel", "median", "min", "p95", "device", "GFLOP/s", "GB/s", "floor", "bound",
        "samples", "first",
    ];
    let mut text = format!(
        "<h2>All rows</h2>\n<p>{}.</p>\n<div class=\"scroll\" tabindex=\"0\">\n<table>\n<thead><tr>",
        escape(&run.legend())
    );
    for (index, column) in columns.iter().enumerate() {
        let _ = write!(text, "<th{}>{column}</th>", if index < 2 { "" } else { " class=\"n\"" });
    }
    text += "</tr></thead>\n<tbody>\n";
    for row in &run.rows {
        let why = row.note.as_ref().or(row.refused.as_ref()).or(row.noise.warning.as_ref());
        let class = if row.failure() == Some("FAILED") { " class=\"bad\"" } else { "" };
        let title = why.map_or_else(String::new, |why| format!(" title=\"{}\"", escape(why)));
        let _ = write!(text, "<tr{class}{title}>");
        for (index, cell) in columns.iter().map(|column| run.cell(column, row)).enumerate() {
            let class = if index < 2 { "" } else { " class=\"n\"" };
            let _ = write!(text, "<td{class}>{}</td>", escape(&cell));
        }
        text += "</tr>\n";
    }
    text + "</tbody>\n</table>\n</div>\n"
}

#[cfg(test)]
mod tests {
    use super::super::record::sample::run;
    use super::*;

    #[test]
    fn the_page_names_every_row_and_needs_nothing_else() {
        let run = run();
        let page = text(&run);
        for row in &run.rows {
            assert!(page.contains(&escape(&row.case)), "{}", row.case);
        }
        for part in [
            "Software adapter",
            "FAILED",
            "<svg",
            "unsafe",
            "Roofline",
            "What a pixel takes",
            "Where the time",
            "Beside other libraries",
            "100x",
        ] {
            assert!(page.contains(part), "{part}");
        }
        for part in ["<script", "http://", "https://", "NaN", "inf", "<b>"] {
            assert!(!page.contains(part), "{part}");
        }
        for tag in ["div", "figure", "svg", "table", "tr", "li"] {
            let opened = page.matches(&format!("<{tag}>")).count()
                + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn several_adapters_stand_side_by_side_on_one_page() {
        let mut second = run();
        second.adapter = "the other".to_owned();
        let page = several(&[run(), second]);
        assert!(
            page.contains("<th class=\"n\">B/A</th>") && page.contains("B: the other"),
            "{page}"
        );
        for tag in ["section", "table", "tr", "tbody", "thead", "ul", "li", "main"] {
            let opened = page.matches(&format!("<{tag}>")).count()
                + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        assert_eq!(page.matches("<section>").count(), 2);
        assert_eq!(several(&[run()]), text(&run()));
    }

    #[test]
    fn a_plan_that_is_fused_stands_against_itself() {
        let mut run = run();
        assert!(!text(&run).contains("Fused against unfused"));
        (run.rows[0].case, run.rows[0].fused) = ("net_b1".to_owned(), Some(true));
        (run.rows[1].case, run.rows[1].fused) = ("net_b1_unfused".to_owned(), Some(false));
        let page = text(&run);
        assert!(page.contains("Fused against unfused") && page.contains("3.00 to 2.00 ms"));
    }

    #[test]
    fn a_run_without_rows_is_a_page_without_drawings() {
        let mut run = run();
        run.rows.clear();
        assert!(!text(&run).contains("<svg"));
    }
}

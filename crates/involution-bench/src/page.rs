//! Runs as one page that needs nothing but itself: drawings, and a table of every row.

mod plot;
mod words;

use std::fmt::Write;

use super::adapters;
use super::limits;
use super::record::Run;
use super::row::{Peer, Row};
use crate::output;
use plot::escape;
use words::words;

const STYLE: &str = include_str!("page/page.css");

/// Networks whose kernels are drawn, and kernels of each.
const NETWORKS: usize = 4;
const KERNELS: usize = 10;

pub fn several(runs: &[Run]) -> String {
    let suite = runs.first().map_or("", |run| &run.suite[..]);
    let title = escape(&format!("involution bench: {suite}"));
    let mut content = format!("<h1>{title}</h1>\n");
    if let [run] = runs {
        content += &body(run);
    } else if runs.iter().any(|run| run.suite != suite) {
        for run in runs {
            let _ = write!(
                content,
                "<section>\n<h1>{}</h1>\n{}</section>\n",
                escape(&run.suite),
                body(run)
            );
        }
    } else {
        content += "<ul>\n";
        for line in adapters::legend(runs) {
            let _ = writeln!(content, "<li>{}</li>", escape(&line));
        }
        content += "</ul>\n<p>Medians in ms on the device; a ratio below 1 is faster than A.</p>\n";
        let rows = adapters::rows(runs);
        let lines =
            rows.iter().skip(1).map(|cells| ("", cells.iter().map(|cell| escape(cell)).collect()));
        content += &table(&rows[0], 1, lines);
        for (run, place) in runs.iter().zip(0..) {
            let name = adapters::heading(runs.len(), place) + &run.adapter;
            let _ =
                write!(content, "<section>\n<h1>{}</h1>\n{}</section>\n", escape(&name), body(run));
        }
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{content}</main>\n</body>\n\
         </html>\n"
    )
}

/// What there is to say of one run.
fn body(run: &Run) -> String {
    header(run)
        + &section(
            "Beside other libraries",
            "Medians from host to host, taken in turns, and how many times as long as ours they are. Orange: faster than ours.",
            run.rows.iter().filter_map(beside),
        )
        + &peer_notes(run)
        + &section(
            "Roofline",
            "How fast each row computes, by its operations for each byte. The roof is what the adapter copies and multiplies. \
             Blue rows are bound by memory, orange ones by arithmetic; rows without arithmetic are not shown.",
            plot::roofline(run),
        )
        + &section(
            "What a pixel takes",
            "Nanoseconds from host to host: where the line is flat, the time grows with the input.",
            plot::growth(run),
        )
        + &section(
            "Fused against unfused",
            "The bar is the time of a fused plan, the whole width that of the plan as it is defined. Orange: fused takes longer.",
            figure("", fusing(run)),
        )
        + &section(
            "Time against the floor",
            "The least time that the limits allow as a part of the median: a full bar cannot be made faster. Blue rows are \
             bound by memory, orange ones by arithmetic.",
            run.rows
                .chunk_by(|a, b| a.group == b.group)
                .filter_map(|rows| figure(&group(rows), rows.iter().filter_map(floor).collect())),
        )
        + &section(
            "Where the time goes",
            "The dispatches of a network by their kernels, each timed by the device.",
            run.rows.iter().filter(|row| row.steps.len() > 1).take(NETWORKS).filter_map(shares),
        )
        + &all_rows(run)
}

/// Drawings below what they show; nothing where there are none.
fn section(title: &str, caption: &str, figures: impl IntoIterator<Item = String>) -> String {
    let figures: String = figures.into_iter().collect();
    if figures.is_empty() {
        return String::new();
    }
    format!("<h2>{title}</h2>\n<p>{caption}</p>\n<div class=\"figures\">\n{figures}</div>\n")
}

/// What rows of one group have in common: their kind in words, or nothing where the group is a code of several kinds.
fn group(rows: &[Row]) -> String {
    let kind = |row: &Row| {
        let name = words(&row.case);
        if name == row.case {
            row.group.clone()
        } else {
            name.split(", ").next().map(str::to_owned).unwrap_or_default()
        }
    };
    let first = rows.first().map(kind).unwrap_or_default();
    if rows.iter().all(|row| kind(row) == first) { first } else { String::new() }
}

/// A bar below its name.
struct Bar {
    name: String,
    value: String,
    /// From 0 to 1.
    part: f64,
    class: &'static str,
    /// What is said where it is pointed at.
    title: String,
}

/// Bars below each other; nothing where there are none.
fn figure(title: &str, bars: Vec<Bar>) -> Option<String> {
    let mut text = format!("<figure>\n<figcaption>{}</figcaption>\n", escape(title));
    for Bar { name, value, part, class, title } in &bars {
        let [name, value, title] = [name, value, title].map(|text| escape(text));
        let width = 100.0 * part.clamp(0.0, 1.0);
        let _ = writeln!(
            text,
            "<div class=\"bar\" title=\"{title}\"><span>{name}</span><span>{value}</span>\
             <i><b class=\"{class}\" style=\"width:{width:.1}%\"></b></i></div>"
        );
    }
    (!bars.is_empty()).then(|| text + "</figure>\n")
}

/// The time of a row beside those of other libraries.
fn beside(row: &Row) -> Option<String> {
    let wall = |peer: &Peer| peer.wall_ms.as_ref().map(|wall| wall.median);
    let ours = row.wall_ms.as_ref().map(|wall| wall.median);
    let most = row.peers.iter().filter_map(wall).chain(ours).fold(f64::MIN_POSITIVE, f64::max);
    let time = |ms: f64| format!("{} ms", plot::short(ms));
    let bars = row.peers.iter().map(|peer| Bar {
        name: peer.peer.clone(),
        value: match (peer.ratio, wall(peer)) {
            (Some(ratio), Some(ms)) => format!("{}, {:.2}x", time(ms), 1.0 / ratio),
            _ if peer.error_over_bound.is_some_and(|error| error > 1.0) => "WRONG".to_owned(),
            _ if peer.note.is_some() => "failed".to_owned(),
            _ => "-".to_owned(),
        },
        part: peer.ratio.and(wall(peer)).unwrap_or(0.0) / most,
        class: if peer.ratio.is_some_and(|ratio| ratio > 1.0) { "arithmetic" } else { "other" },
        title: peer.version.clone().unwrap_or_default(),
    });
    let ours = Bar {
        name: "involution".to_owned(),
        value: ours.map_or_else(|| "FAILED".to_owned(), time),
        part: ours.unwrap_or(0.0) / most,
        class: "memory",
        title: row.kernel(),
    };
    if row.peers.is_empty() {
        return None;
    }
    figure(&words(&row.case), std::iter::once(ours).chain(bars).collect())
}

/// The part of its floor that a row reaches.
fn floor(row: &Row) -> Option<Bar> {
    let (part, times, floor) = (row.of_floor?, row.device()?, row.floor_ms?);
    let arithmetic = row.bound.as_deref() == Some("arithmetic");
    Some(Bar {
        name: words(&row.case),
        value: format!("{:.3} ms, {}", times.median, limits::percent(Some(part))),
        part,
        class: if arithmetic { "arithmetic" } else { "memory" },
        title: format!("{}: floor {floor:.3} ms", row.kernel()),
    })
}

/// What each layer or network takes when it is fused, as a part of what it takes as it is defined.
fn fusing(run: &Run) -> Vec<Bar> {
    let bars = run.rows.iter().filter(|row| row.fused == Some(false)).filter_map(|unfused| {
        let name = unfused.case.strip_suffix("_unfused")?;
        let fused = run.rows.iter().find(|row| row.case == name)?;
        let [before, after] = [unfused.device()?.median, fused.device()?.median];
        Some(Bar {
            name: words(name),
            value: format!("{before:.2} to {after:.2} ms"),
            part: after / before,
            class: if after > before { "arithmetic" } else { "memory" },
            title: format!("{} dispatches, fused {}", unfused.dispatches, fused.dispatches),
        })
    });
    bars.collect()
}

/// The kernels of a network whose dispatches were timed, by their share of the time.
fn shares(row: &Row) -> Option<String> {
    let mut kernels: Vec<(&str, usize, f64)> = Vec::new();
    for step in &row.steps {
        match kernels.iter_mut().find(|(kernel, ..)| *kernel == step.kernel) {
            Some((_, count, ms)) => (*count, *ms) = (*count + 1, *ms + step.ms),
            None => kernels.push((&step.kernel, 1, step.ms)),
        }
    }
    kernels.sort_by(|a, b| b.2.total_cmp(&a.2));
    let whole: f64 = kernels.iter().map(|(.., ms)| ms).sum();
    if kernels.len() > KERNELS {
        let rest = kernels.split_off(KERNELS - 1);
        let sum = |(all, sum), &(_, count, ms): &(&str, usize, f64)| (all + count, sum + ms);
        let (count, ms) = rest.iter().fold((0, 0.0), sum);
        kernels.push(("all others", count, ms));
    }
    let bars = kernels.iter().map(|(kernel, count, ms)| Bar {
        name: format!("{kernel}, {count} of {}", row.steps.len()),
        value: format!("{ms:.2} ms, {:.0} %", 100.0 * ms / whole),
        part: ms / whole,
        class: "memory",
        title: String::new(),
    });
    figure(&format!("{}: {whole:.2} ms", words(&row.case)), bars.collect())
}

/// On what it ran, and what speaks against the figures.
fn header(run: &Run) -> String {
    let rows = output::count(run.rows.len(), "row");
    let count = |what: fn(&Row) -> bool| run.rows.iter().filter(|row| what(row)).count();
    let failed = count(|row| row.failure() == Some("FAILED"));
    let doubtful = count(|row| row.noise.warning.is_some());
    let right = match (failed, count(|row| row.checked)) {
        (0, 0) => ("plain", "No row was compared with anything.".to_owned()),
        (0, checked) => ("good", format!("Checked and right: {checked} of {rows}.")),
        (failed, _) => ("bad", format!("{failed} of {rows} FAILED, without times.")),
    };
    let doubt = format!(
        "~ {} unsafe: the samples spread, or the machine was busy.",
        output::count(doubtful, "row")
    );
    let notes = [
        run.software
            .then(|| ("doubt", "Software adapter: its times are those of the CPU.".to_owned())),
        Some(right),
        (doubtful > 0).then_some(("doubt", doubt)),
        run.interrupted.then(|| ("bad", "Interrupted: the rest was not measured.".to_owned())),
        run.quick.then(|| ("plain", "The quick set.".to_owned())),
    ];
    let facts = [
        ("Adapter", Some(run.adapter.clone())),
        ("Driver", run.driver.clone()),
        ("Version", Some(format!("involution {}", run.involution))),
        ("Limits", run.limits.map(|limits| limits.to_string())),
        ("After", run.limits_after.map(|limits| limits.to_string())),
    ];
    let mut text = String::from("<dl>\n");
    for (name, fact) in facts {
        let Some(fact) = fact else { continue };
        let _ = writeln!(text, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&fact));
    }
    text += "</dl>\n<ul class=\"notes\">\n";
    for (class, note) in notes.into_iter().flatten() {
        let _ = writeln!(text, "<li class=\"{class}\">{}</li>", escape(&note));
    }
    text + "</ul>\n"
}

/// A table that scrolls by itself where it is too wide, the first columns of words; the cells are HTML.
fn table<'a>(
    header: &[impl AsRef<str>],
    words: usize,
    lines: impl Iterator<Item = (&'a str, Vec<String>)>,
) -> String {
    let line = |tag: &str, cells: &[String]| -> String {
        let cells = cells.iter().enumerate().map(|(place, cell)| {
            let class = if place < words { "" } else { " class=\"n\"" };
            format!("<{tag}{class}>{cell}</{tag}>")
        });
        cells.collect()
    };
    let header: Vec<String> = header.iter().map(|name| escape(name.as_ref())).collect();
    let header = line("th", &header);
    let mut text = format!(
        "<div class=\"scroll\" tabindex=\"0\">\n<table>\n<thead><tr>{header}</tr></thead>\n<tbody>\n"
    );
    for (class, cells) in lines {
        let _ = writeln!(text, "<tr class=\"{class}\">{}</tr>", line("td", &cells));
    }
    text + "</tbody>\n</table>\n</div>\n"
}

/// The name of a row, in words too where it is a code.
fn name(case: &str) -> String {
    let (case, words) = (escape(case), escape(&words(case)));
    if case == words { case } else { format!("{words}<br><small>{case}</small>") }
}

/// Why other libraries have no ratio.
fn peer_notes(run: &Run) -> String {
    let peers = run.rows.iter().flat_map(|row| row.peers.iter().map(move |peer| (row, peer)));
    let notes = peers.filter_map(|(row, peer)| {
        let text = format!("{}, {}: {}", peer.peer, words(&row.case), peer.note.as_ref()?);
        Some(format!("<li>{}</li>\n", escape(&text)))
    });
    let notes: String = notes.collect();
    if notes.is_empty() { notes } else { format!("<ul>\n{notes}</ul>\n") }
}

fn all_rows(run: &Run) -> String {
    let columns = [
        "call", "kernel", "median", "min", "p95", "device", "GFLOP/s", "GB/s", "floor", "bound",
        "samples", "first",
    ];
    let lines = run.rows.iter().map(|row| {
        let failed = row.failure() == Some("FAILED");
        let why = row.note.as_ref().or(row.refused.as_ref()).or(row.noise.warning.as_ref());
        let mut cells: Vec<String> =
            columns.iter().map(|column| escape(&run.cell(column, row))).collect();
        cells[0] = name(&row.case);
        if let Some(why) = why {
            let _ = write!(cells[0], "<br><small>{}</small>", escape(why));
        }
        (if failed { "bad" } else { "" }, cells)
    });
    format!(
        "<h2>All rows</h2>\n<p>{}.</p>\n{}",
        escape(&run.legend().replace('`', "")),
        table(&columns, 2, lines)
    )
}

#[cfg(test)]
mod tests {
    use super::super::record::sample::run;
    use super::*;

    fn text(run: &Run) -> String {
        several(std::slice::from_ref(run))
    }

    fn is_whole(page: &str) {
        for tag in ["section", "div", "figure", "svg", "table", "tr", "tbody", "ul", "li", "i", "b"]
        {
            let opened = page.matches(&format!("<{tag}>")).count()
                + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn runs_of_different_suites_stand_below_each_other() {
        let nets = Run { suite: "nets".to_owned(), ..run() };
        let page = several(&[run(), nets]);
        is_whole(&page);
        assert!(page.contains("<h1>nets</h1>") && !page.contains("B: "), "{page}");
        assert!(several(&[run(), run()]).contains("B: "));
    }

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
            "100.00x",
            "wrong, by &quot;much&quot;",
        ] {
            assert!(page.contains(part), "{part}");
        }
        for part in ["<script", "http://", "https://", "NaN", "inf%", "<quick>", "<fast>"] {
            assert!(!page.contains(part), "{part}");
        }
        for caption in ["Medians from host to host", "The roof is", "a full bar"] {
            assert_eq!(page.matches(caption).count(), 1, "{caption}");
        }
        is_whole(&page);
    }

    #[test]
    fn several_adapters_stand_side_by_side_on_one_page() {
        let mut second = run();
        second.adapter = "the other".to_owned();
        let page = several(&[run(), second]);
        let ratio = "<th class=\"n\">B/A</th>";
        assert!(page.contains(ratio) && page.contains("B: the other"), "{page}");
        assert_eq!(page.matches("<section>").count(), 2);
        is_whole(&page);
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
        let page = text(&Run { rows: Vec::new(), ..run() });
        assert!(!page.contains("<svg") && !page.contains("<figure"));
    }
}

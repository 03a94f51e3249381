//! A run as a page that needs nothing but itself: drawings, and a table of every row.

use std::fmt::Write;

use crate::plot::{self, escape, short};
use crate::row::{Peer, Row};
use crate::run::Run;

const STYLE: &str = include_str!("page.css");

/// Networks whose kernels are drawn, and kernels of each.
const NETWORKS: usize = 4;
const KERNELS: usize = 10;

pub fn page(run: &Run) -> String {
    let title = escape(&format!("involution bench: {}", run.suite));
    let networks = run.rows.iter().filter(|row| row.steps.len() > 1).take(NETWORKS);
    let sections: [(&str, &str, String); 5] = [
        (
            "Beside other libraries",
            "Medians from host to host, taken in turns, and how many times as long as ours they are. Orange: faster than ours.",
            run.rows.iter().filter_map(beside).collect(),
        ),
        (
            "Roofline",
            "How fast each row computes, by its operations for each byte. The roof is what the adapter copies and multiplies. \
             Blue rows are bound by memory, orange ones by arithmetic; rows without arithmetic are not shown.",
            plot::roofline(run).unwrap_or_default(),
        ),
        (
            "What a pixel takes",
            "Nanoseconds from host to host: where the line is flat, the time grows with the input.",
            plot::growth(run),
        ),
        (
            "Fused against unfused",
            "The bar is the time of a fused plan, the whole width that of the plan as it is defined. Orange: fused takes longer.",
            figure("", fusing(run), "").unwrap_or_default(),
        ),
        (
            "Where the time goes",
            "The dispatches of a network by their kernels, each timed by the device.",
            networks.filter_map(shares).collect(),
        ),
    ];
    let mut content = header(run);
    for (title, caption, figures) in sections.iter().filter(|(.., figures)| !figures.is_empty()) {
        let _ = writeln!(
            content,
            "<h2>{title}</h2>\n<p>{caption}</p>\n<div class=\"figures\">\n{figures}</div>"
        );
    }
    content += &all_rows(run);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         {content}</main>\n</body>\n</html>\n"
    )
}

/// A bar below its name and value, as long as a part of the width from 0 to 1, of a class of colour.
type Bar = (String, String, f64, &'static str);

/// Bars below each other, and notes below them; nothing where there are no bars.
fn figure(title: &str, bars: Vec<Bar>, notes: &str) -> Option<String> {
    let mut text = format!("<figure>\n<figcaption>{}</figcaption>\n", escape(title));
    for (name, value, part, class) in &bars {
        let width = 100.0 * part.clamp(0.0, 1.0);
        let _ = writeln!(
            text,
            "<div class=\"bar\"><span>{}</span><span>{}</span>\
             <i><b class=\"{class}\" style=\"width:{width:.1}%\"></b></i></div>",
            escape(name),
            escape(value)
        );
    }
    (!bars.is_empty()).then(|| format!("{text}{notes}</figure>\n"))
}

/// The time of a row beside those of other libraries, and why some have no ratio.
fn beside(row: &Row) -> Option<String> {
    let wall = |peer: &Peer| peer.wall_ms.as_ref().map(|wall| wall.median);
    let ours = row.wall_ms.as_ref().map(|wall| wall.median);
    let most = row.peers.iter().filter_map(wall).chain(ours).fold(f64::MIN_POSITIVE, f64::max);
    let time = |ms: f64| format!("{} ms", short(ms));
    let value = |peer: &Peer| match (peer.ratio, wall(peer)) {
        (Some(ratio), Some(ms)) => format!("{}, {:.2}x", time(ms), 1.0 / ratio),
        _ if peer.error_over_bound.is_some_and(|error| error > 1.0) => "WRONG".to_owned(),
        _ if peer.note.is_some() => "failed".to_owned(),
        _ => "-".to_owned(),
    };
    let bars = row.peers.iter().map(|peer| {
        let faster = peer.ratio.is_some_and(|ratio| ratio > 1.0);
        let part = peer.ratio.and(wall(peer)).unwrap_or(0.0) / most;
        (peer.peer.clone(), value(peer), part, if faster { "arithmetic" } else { "other" })
    });
    let shown = ours.map_or_else(|| "FAILED".to_owned(), time);
    let first = ("involution".to_owned(), shown, ours.unwrap_or(0.0) / most, "memory");
    let notes = row.peers.iter().filter_map(|peer| {
        let note = escape(peer.note.as_ref()?);
        Some(format!("<p>{}: {note}</p>\n", escape(&peer.peer)))
    });
    let notes: String = notes.collect();
    let bars = std::iter::once(first).chain(bars).collect();
    if row.peers.is_empty() { None } else { figure(&row.case, bars, &notes) }
}

/// What each layer or network takes when it is fused, as a part of what it takes as it is defined.
fn fusing(run: &Run) -> Vec<Bar> {
    let bars = run.rows.iter().filter(|row| row.fused == Some(false)).filter_map(|unfused| {
        let name = unfused.case.strip_suffix("_unfused")?;
        let fused = run.rows.iter().find(|row| row.case == name)?;
        let [before, after] = [unfused.device()?.median, fused.device()?.median];
        let value = format!("{before:.2} to {after:.2} ms");
        let class = if after > before { "arithmetic" } else { "memory" };
        Some((name.to_owned(), value, after / before, class))
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
    let bars = kernels.iter().take(KERNELS).map(|(kernel, count, ms)| {
        let name = format!("{kernel}, {count} of {}", row.steps.len());
        (name, format!("{ms:.2} ms, {:.0} %", 100.0 * ms / whole), ms / whole, "memory")
    });
    figure(&format!("{}: {whole:.2} ms", row.case), bars.collect(), "")
}

/// On what it ran, and what speaks against the figures.
fn header(run: &Run) -> String {
    let facts = [
        ("Adapter", Some(run.adapter.clone())),
        ("Driver", run.driver.clone()),
        ("Precision", run.precision.clone()),
        ("Version", Some(format!("involution {}", run.involution))),
        ("Limits", run.limits.map(|limits| limits.to_string())),
        ("After", run.limits_after.map(|limits| limits.to_string())),
    ];
    let mut text = String::from("<dl>\n");
    for (name, fact) in facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))) {
        let _ = writeln!(text, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&fact));
    }
    text += "</dl>\n<ul class=\"notes\">\n";
    let software = "Software adapter: its times are those of the CPU.".to_owned();
    let notes = run.remarks().into_iter().chain(run.software.then_some(software));
    for (note, class) in
        notes.zip([if run.passed() { "good" } else { "bad" }, "doubt", "doubt", "doubt", "doubt"])
    {
        let _ = writeln!(text, "<li class=\"{class}\">{}</li>", escape(&note));
    }
    text + "</ul>\n"
}

/// A table that scrolls by itself where it is too wide.
fn all_rows(run: &Run) -> String {
    let columns = [
        "call", "kernel", "median", "min", "p95", "device", "GFLOP/s", "GB/s", "floor", "bound",
        "samples", "first",
    ];
    // The first two are words, all others numbers.
    let line = |tag: &str, cells: &[String]| -> String {
        let classes = ["", ""].into_iter().chain(std::iter::repeat(" class=\"n\""));
        let cells = cells.iter().zip(classes);
        cells.map(|(cell, class)| format!("<{tag}{class}>{cell}</{tag}>")).collect()
    };
    let mut text = format!(
        "<h2>All rows</h2>\n<p>{}.</p>\n<div class=\"scroll\" tabindex=\"0\">\n<table>\n<thead><tr>{}</tr></thead>\n<tbody>\n",
        escape(&run.legend().replace('`', "")),
        line("th", &columns.map(str::to_owned))
    );
    for row in &run.rows {
        let mut cells = columns.map(|column| escape(&run.cell(column, row)));
        if let Some(why) = row.note.as_ref().or(row.refused.as_ref()).or(row.warning.as_ref()) {
            let _ = write!(cells[0], "<br><small>{}</small>", escape(why));
        }
        let class = if row.failure() == Some("FAILED") { "bad" } else { "" };
        let _ = writeln!(text, "<tr class=\"{class}\">{}</tr>", line("td", &cells));
    }
    text + "</tbody>\n</table>\n</div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::sample::run;

    fn is_whole(page: &str) {
        for tag in ["section", "div", "figure", "svg", "table", "tr", "tbody", "ul", "li", "i", "b"]
        {
            let opened = page.matches(&format!("<{tag}>")).count()
                + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn the_page_names_every_row_and_needs_nothing_else() {
        let run = run();
        let page = super::page(&run);
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
        for caption in ["Medians from host to host", "The roof is"] {
            assert_eq!(page.matches(caption).count(), 1, "{caption}");
        }
        is_whole(&page);
    }

    #[test]
    fn a_plan_that_is_fused_stands_against_itself() {
        let mut run = run();
        assert!(!super::page(&run).contains("Fused against unfused"));
        (run.rows[0].case, run.rows[0].fused) = ("net_b1".to_owned(), Some(true));
        (run.rows[1].case, run.rows[1].fused) = ("net_b1_unfused".to_owned(), Some(false));
        let page = super::page(&run);
        assert!(page.contains("Fused against unfused") && page.contains("3.00 to 2.00 ms"));
    }

    #[test]
    fn a_run_without_rows_is_a_page_without_drawings() {
        let page = super::page(&Run { rows: Vec::new(), ..run() });
        assert!(!page.contains("<svg") && !page.contains("<figure"));
    }
}

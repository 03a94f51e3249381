//! Other libraries that were timed in turns with the rows: bars of ratios, and their table.

use std::fmt::Write;

use super::super::peers::{Against, ERROR, MEANING, Ratios};
use super::super::record::Run;
use super::super::row::Row;
use super::svg::{Anchor, Scale, Svg, WIDTH, escape, short};

/// Heights of a row's name and of a peer's bar.
const NAME: f64 = 26.0;
const STEP: f64 = 18.0;

/// Where bars lie: names of peers to the left of them, how many times as fast to the right.
const LEFT: f64 = 88.0;
const RIGHT: f64 = WIDTH - 64.0;

/// A drawing for each group of rows that have peers.
pub fn figures(run: &Run) -> Option<String> {
    let rows: Vec<&Row> = run.rows.iter().filter(|row| !row.peers.is_empty()).collect();
    let groups = rows.chunk_by(|a, b| a.group == b.group);
    let figures: String = groups.map(figure).collect();
    (!figures.is_empty()).then_some(figures)
}

/// The same length of a bar is the same ratio everywhere in a drawing, to both sides of as fast.
fn figure(rows: &[&Row]) -> String {
    let ratios = rows.iter().flat_map(|row| row.peers.iter().filter_map(|peer| peer.ratio));
    let most = ratios.fold(2.0, |most: f64, ratio| most.max(ratio).max(1.0 / ratio));
    let scale = Scale::logarithmic(1.0 / most, most, LEFT, RIGHT);
    let bars: usize = rows.iter().map(|row| row.peers.len()).sum();
    let height = NAME * rows.len() as f64 + STEP * bars as f64;
    let mut svg = Svg::default();
    svg.line("grid", (scale.at(1.0), NAME), (scale.at(1.0), height));
    let mut top = 0.0;
    for row in rows {
        let median = row.wall_ms.as_ref().map(|wall| wall.median);
        let ours =
            median.map_or_else(|| "FAILED".to_owned(), |ms| format!("{} ms", short(round(ms))));
        svg.text("", (0.0, top + 17.0), Anchor::Start, &row.case);
        svg.text("", (WIDTH, top + 17.0), Anchor::End, &ours);
        top += NAME;
        for peer in &row.peers {
            bar(&mut svg, peer, &scale, top);
            top += STEP;
        }
    }
    let title = format!("Beside other libraries: {}", rows.first().map_or("", |row| &row.group));
    let caption = "How many times as fast as each of them, from host to host, taken in turns: blue bars to the right \
                   where we are faster, orange ones to the left where they are. Lengths are logarithms.";
    svg.figure(&title, caption, height)
}

fn bar(svg: &mut Svg, peer: &Against, scale: &Scale, top: f64) {
    svg.text("faint", (LEFT - 8.0, top + 11.0), Anchor::End, &peer.peer);
    let Some(ratio) = peer.ratio else {
        return svg.text("faint", (WIDTH, top + 11.0), Anchor::End, &peer.cell());
    };
    let (one, end) = (scale.at(1.0), scale.at(1.0 / ratio));
    let theirs = peer.wall_ms.as_ref().map_or(0.0, |wall| wall.median);
    let title = format!("{}: {theirs:.3} ms", peer.version.as_ref().unwrap_or(&peer.peer));
    let class = if ratio <= 1.0 { "memory" } else { "arithmetic" };
    svg.bar(class, (one.min(end), top + 3.0), ((end - one).abs().max(1.0), 9.0), &title);
    svg.text("", (WIDTH, top + 11.0), Anchor::End, &format!("{}x", short(round(1.0 / ratio))));
}

/// Two digits of what is small.
fn round(value: f64) -> f64 {
    if value < 1.0 { (value * 1000.0).round() / 1000.0 } else { (value * 100.0).round() / 100.0 }
}

/// The table of ratios, and why some cells have none.
pub fn table(run: &Run) -> Option<String> {
    let ratios = Ratios::of(run.rows.iter().map(Row::compared))?;
    let mut text = format!(
        "<h2>Ratios</h2>\n<p>{} {}</p>\n<div class=\"scroll\" tabindex=\"0\">\n<table>\n<thead>",
        escape(MEANING),
        escape(ERROR)
    );
    line(&mut text, "th", &ratios.header);
    text += "</thead>\n<tbody>\n";
    for cells in &ratios.lines {
        line(&mut text, "td", cells);
    }
    text += "</tbody>\n</table>\n</div>\n<ul>\n";
    for note in &ratios.notes {
        let _ = writeln!(text, "<li>{}</li>", escape(note));
    }
    Some(text + "</ul>\n")
}

fn line(text: &mut String, tag: &str, cells: &[String]) {
    *text += "<tr>";
    for (index, cell) in cells.iter().enumerate() {
        let class = if index == 0 { "" } else { " class=\"n\"" };
        let _ = write!(text, "<{tag}{class}>{}</{tag}>", escape(cell));
    }
    *text += "</tr>\n";
}

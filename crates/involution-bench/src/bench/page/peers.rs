//! Other libraries that `benches/peers/run.py` timed in turns with the rows: bars of ratios.

use super::super::record::Run;
use super::super::row::{Peer, Row};
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

fn bar(svg: &mut Svg, peer: &Peer, scale: &Scale, top: f64) {
    svg.text("faint", (LEFT - 8.0, top + 11.0), Anchor::End, &peer.peer);
    let Some(ratio) = peer.ratio else {
        return svg.text("faint", (WIDTH, top + 11.0), Anchor::End, without(peer));
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

/// What is said of a peer that has no ratio.
fn without(peer: &Peer) -> &'static str {
    match (peer.error_over_bound, &peer.note) {
        (Some(error), _) if error > 1.0 => "WRONG",
        (_, Some(_)) => "failed",
        _ => "-",
    }
}

/// Why some have no ratio.
pub fn notes(run: &Run) -> String {
    let peers = run.rows.iter().flat_map(|row| row.peers.iter().map(move |peer| (row, peer)));
    let notes = peers.filter_map(|(row, peer)| {
        let note = peer.note.as_ref()?;
        Some(format!("<li>{}</li>\n", escape(&format!("{}, {}: {note}", peer.peer, row.case))))
    });
    notes.collect()
}

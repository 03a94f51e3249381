//! The table of ratios to other libraries: a line for each row, a column for each peer.

use super::super::findings::number;
use super::super::stats::Stats;
use super::against::{Against, short};

/// What the table is made from: a row's name, its times from host to host, and what its peers made of it.
pub type Compared<'a> = (&'a str, Option<&'a Stats>, &'a [Against]);

/// Cells of text, and what is to be said of those without a number.
#[derive(Debug)]
pub struct Ratios {
    pub header: Vec<String>,
    pub lines: Vec<Vec<String>>,
    pub notes: Vec<String>,
}

/// What the columns are.
pub const MEANING: &str =
    "Ratios are our median over theirs, from host to host, taken in turns: below 1 we are faster.";

/// What the last column is.
pub const ERROR: &str = "`error` is the largest distance of their answers from ours as a part of what is allowed: 1e-5 \
     of the largest value of an operator or layer, 1e-4 of a network.";

impl Ratios {
    /// Of these rows; nothing where none has a peer.
    pub fn of<'a>(rows: impl Iterator<Item = Compared<'a>>) -> Option<Self> {
        let rows: Vec<Compared<'_>> = rows.filter(|(.., peers)| !peers.is_empty()).collect();
        let mut peers: Vec<&str> = Vec::new();
        for against in rows.iter().flat_map(|(.., peers)| peers.iter()) {
            if !peers.contains(&&*against.peer) {
                peers.push(&against.peer);
            }
        }
        if peers.is_empty() {
            return None;
        }
        let found = |all: &'a [Against], peer: &str| all.iter().find(|one| one.peer == peer);
        // The last column is that of the fastest.
        let mut seen: Vec<Vec<f64>> = vec![Vec::new(); peers.len() + 1];
        let (mut lines, mut notes) = (Vec::new(), Vec::new());
        for (name, wall, all) in rows {
            let mut line = vec![name.to_owned(), number(wall.map(|wall| wall.median), 2)];
            for (column, peer) in seen.iter_mut().zip(&peers) {
                let against = found(all, peer);
                column.extend(against.and_then(|against| against.ratio));
                line.push(against.map_or_else(|| "-".to_owned(), Against::cell));
            }
            let fastest = all.iter().filter_map(|one| one.ratio).reduce(f64::max);
            seen[peers.len()].extend(fastest);
            let error = all.iter().filter_map(|one| one.error_over_bound).reduce(f64::max);
            line.push(fastest.map_or_else(|| "-".to_owned(), short));
            line.push(error.map_or_else(|| "-".to_owned(), error_text));
            lines.push(line);
            notes.extend(
                all.iter().filter_map(|one| {
                    Some(format!("{}, {name}: {}", one.peer, one.note.as_ref()?))
                }),
            );
        }
        let mut means = vec!["geometric mean".to_owned(), String::new()];
        means.extend(seen.iter().map(|ratios| mean(ratios).map_or_else(|| "-".to_owned(), short)));
        means.push(String::new());
        lines.push(means);
        let header = ["workload", "ours ms"].into_iter().chain(peers).chain(["fastest", "error"]);
        Some(Ratios { header: header.map(str::to_owned).collect(), lines, notes })
    }
}

fn error_text(error: f64) -> String {
    if error < 1000.0 { format!("{error:.3}") } else { "> 1000".to_owned() }
}

/// Twice as fast here and half as fast there is as fast.
fn mean(ratios: &[f64]) -> Option<f64> {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (!ratios.is_empty()).then(|| (logarithms / ratios.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_a_column_and_the_fastest_is_the_hardest_to_beat() {
        let wall = Stats::of(vec![2.0]);
        let peer = |peer: &str, ratio| Against {
            peer: peer.to_owned(),
            ratio: Some(ratio),
            error_over_bound: Some(0.25),
            ..Against::default()
        };
        let failed = Against {
            peer: "b".to_owned(),
            note: Some("no such operator".to_owned()),
            ..Against::default()
        };
        let first = [peer("a", 0.5), peer("b", 0.25)];
        let second = [peer("a", 2.0), failed];
        let rows =
            [("x", wall.as_ref(), &first[..]), ("y", wall.as_ref(), &second), ("z", None, &[])];
        let Some(ratios) = Ratios::of(rows.into_iter()) else { return assert!(!first.is_empty()) };
        assert_eq!(ratios.header, ["workload", "ours ms", "a", "b", "fastest", "error"]);
        let lines: Vec<String> = ratios.lines.iter().map(|line| line.join("|")).collect();
        let expected = [
            "x|2.00|0.50|0.25|0.50|0.250",
            "y|2.00|2.00|failed|2.00|0.250",
            "geometric mean||1.00|0.25|1.00|",
        ];
        assert_eq!(lines, expected);
        assert_eq!(ratios.notes, ["b, y: no such operator"]);
    }

    #[test]
    fn rows_without_peers_have_no_table() {
        assert!(Ratios::of([("x", None, &[][..])].into_iter()).is_none());
    }
}

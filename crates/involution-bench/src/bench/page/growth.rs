//! What a pixel takes by batch, and by size of image: a network whose time grows with its input is a flat line.

use super::super::record::Run;
use super::super::row::Row;
use super::svg::{Anchor, Scale, Svg, WIDTH, short};

const HEIGHT: f64 = 260.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = HEIGHT - 44.0;

/// Both drawings, where a sweep has what they need.
pub fn figure(run: &Run) -> Option<String> {
    let usual = run.rows.first()?.size?;
    let by = |x: fn(&Row) -> Option<u64>, wanted: &dyn Fn(&Row) -> bool| -> Vec<(f64, f64)> {
        let rows = run.rows.iter().filter(|row| wanted(row));
        let mut points: Vec<(f64, f64)> =
            rows.filter_map(|row| Some((x(row)? as f64, row.ns_per_pixel?))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let batches = by(|row| row.batch, &|row| row.size == Some(usual));
    let sizes = by(|row| row.size, &|row| row.batch == Some(1));
    let drawings = [
        curve(
            "What a pixel takes by batch",
            &format!("Images of {usual}x{usual}, from host to host."),
            "batch",
            &batches,
        ),
        curve(
            "What a pixel takes by size",
            "Single images, from host to host.",
            "height and width",
            &sizes,
        ),
    ];
    let figures: String = drawings.into_iter().flatten().collect();
    (!figures.is_empty()).then_some(figures)
}

fn curve(title: &str, caption: &str, what: &str, points: &[(f64, f64)]) -> Option<String> {
    let [first, .., last] = points else { return None };
    let x = Scale::logarithmic(first.0, last.0, LEFT + 12.0, RIGHT - 12.0);
    let most = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let y = Scale::linear(most * 1.1, BOTTOM, TOP);
    let mut svg = Svg::default();
    let step = even_step(most);
    for value in (0..).map(|line| f64::from(line) * step).take_while(|&value| value <= most * 1.1) {
        svg.line("grid", (LEFT, y.at(value)), (RIGHT, y.at(value)));
        svg.text("faint", (LEFT - 6.0, y.at(value) + 4.0), Anchor::End, &short(value));
    }
    // Where two lie too near each other the second has no number.
    let mut free = f64::MIN;
    for (value, _) in points {
        if x.at(*value) >= free {
            svg.text("faint", (x.at(*value), BOTTOM + 17.0), Anchor::Middle, &short(*value));
            free = x.at(*value) + 30.0;
        }
    }
    svg.text("faint", (RIGHT, HEIGHT - 8.0), Anchor::End, what);
    svg.text("faint", (LEFT + 6.0, TOP + 4.0), Anchor::Start, "ns for each pixel");
    let at: Vec<(f64, f64)> = points.iter().map(|point| (x.at(point.0), y.at(point.1))).collect();
    svg.path("curve", &at);
    for (place, (value, time)) in at.iter().zip(points) {
        svg.dot("memory", *place, &format!("{what} {value}: {time:.1} ns for each pixel"));
    }
    Some(svg.figure(title, caption, HEIGHT))
}

/// A step of 1, 2 or 5 times a power of ten that makes about four of this.
fn even_step(most: f64) -> f64 {
    let power = 10f64.powf((most / 4.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| most / step <= 5.0).unwrap_or(most)
}

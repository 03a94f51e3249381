//! How many operations a second each row does, against how many it has for each byte: no row can lie above the roof
//! that the adapter's limits make.

use super::super::limits;
use super::super::record::Run;
use super::super::row::Row;
use super::svg::{Anchor, Scale, Svg, WIDTH, short};

const HEIGHT: f64 = 340.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = WIDTH - 20.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = HEIGHT - 44.0;

/// The drawing, where the limits are known and some row has arithmetic.
pub fn figure(run: &Run) -> Option<String> {
    let limits = run.limits?;
    let dots: Vec<(f64, f64, &Row)> = run.rows.iter().filter_map(dot).collect();
    if dots.is_empty() {
        return None;
    }
    let (copy, roof) = (limits.copy_gbps, limits.multiply_add_gflops);
    let ridge = roof / copy;
    let xs = || dots.iter().map(|dot| dot.0).chain([ridge]);
    let ys = || dots.iter().map(|dot| dot.1).chain([roof]);
    let (left, right) =
        (decade_below(xs().fold(f64::MAX, f64::min)), decade_above(xs().fold(0.0, f64::max)));
    let (low, high) =
        (decade_below(ys().fold(f64::MAX, f64::min)), decade_above(ys().fold(0.0, f64::max)));
    let x = Scale::logarithmic(left, right, LEFT, RIGHT);
    let y = Scale::logarithmic(low, high, BOTTOM, TOP);
    let mut svg = Svg::default();
    for tick in decades(left, right) {
        svg.line("grid", (x.at(tick), TOP), (x.at(tick), BOTTOM));
        svg.text("faint", (x.at(tick), BOTTOM + 17.0), Anchor::Middle, &short(tick));
    }
    for tick in decades(low, high) {
        svg.line("grid", (LEFT, y.at(tick)), (RIGHT, y.at(tick)));
        svg.text("faint", (LEFT - 6.0, y.at(tick) + 4.0), Anchor::End, &short(tick));
    }
    svg.text("faint", (RIGHT, HEIGHT - 8.0), Anchor::End, "operations for each byte");
    svg.text("faint", (LEFT + 6.0, TOP + 14.0), Anchor::Start, "GFLOP/s");
    // The slope enters at the left edge or, where that is too low, at the bottom.
    let start = left.max(low / copy);
    let corner = (x.at(ridge), y.at(roof));
    svg.path("roof", &[(x.at(start), y.at(copy * start)), corner, (RIGHT, corner.1)]);
    for (intensity, rate, row) in &dots {
        let part = row.of_floor.map_or_else(String::new, |part| {
            format!(", {} of its floor", limits::percent(Some(part)))
        });
        let title = format!("{} by {}: {rate:.2} GFLOP/s{part}", row.case, row.kernel());
        let class = row.bound.as_deref().unwrap_or("memory");
        svg.dot(class, (x.at(*intensity), y.at(*rate)), &title);
    }
    let caption = format!(
        "The roof is what the adapter copies ({copy:.1} GB/s) and multiplies ({roof:.1} GFLOP/s). Blue rows are bound \
         by memory, orange ones by arithmetic. Rows without arithmetic are not shown."
    );
    Some(svg.figure("Roofline", &caption, HEIGHT))
}

/// Where a row lies.
fn dot(row: &Row) -> Option<(f64, f64, &Row)> {
    let intensity = row.flops as f64 / row.bytes as f64;
    let rate = row.gflops.filter(|rate| *rate > 0.0)?;
    (intensity.is_finite() && intensity > 0.0).then_some((intensity, rate, row))
}

fn decade_below(value: f64) -> f64 {
    10f64.powf(value.log10().floor())
}

fn decade_above(value: f64) -> f64 {
    10f64.powf(value.log10().ceil())
}

fn decades(from: f64, to: f64) -> impl Iterator<Item = f64> {
    let (first, last) = (from.log10().round() as i32, to.log10().round() as i32);
    (first..=last).map(|power| 10f64.powi(power))
}

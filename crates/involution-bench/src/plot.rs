//! Points against two axes, as SVG: the roofline of a run, and what a pixel takes in a sweep.

use std::fmt::Write;

use crate::findings::percent;
use crate::row::Row;
use crate::run::Run;

/// Units across: a phone shows each as a pixel, so that text is as large as it says.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = HEIGHT - 40.0;

/// An axis with a tick at each of these values, the first and the last of which are its ends.
struct Axis {
    title: &'static str,
    logarithmic: bool,
    ticks: Vec<f64>,
}

impl Axis {
    /// Powers of ten around these values.
    fn decades(title: &'static str, values: &[f64]) -> Self {
        let least = values.iter().copied().fold(f64::MAX, f64::min).log10().floor() as i32;
        let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max).log10().ceil() as i32;
        let ticks = (least..=most.max(least + 1)).map(|power| 10f64.powi(power)).collect();
        Axis { title, logarithmic: true, ticks }
    }

    /// Even steps from 0, each of 1, 2 or 5 times a power of ten.
    fn even(title: &'static str, most: f64) -> Self {
        let power = 10f64.powf((most / 4.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
        let step = step.into_iter().find(|step| most / step <= 5.0).unwrap_or(most);
        let ticks = (0..=(most / step).ceil() as u32).map(|tick| f64::from(tick) * step).collect();
        Axis { title, logarithmic: false, ticks }
    }

    /// Where a value lies between the ends, from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.logarithmic { value.ln() } else { value };
        let ends = self.ticks.first().zip(self.ticks.last());
        let (first, last) = ends.map_or((0.0, 1.0), |(&first, &last)| (scale(first), scale(last)));
        if last > first { (scale(value) - first) / (last - first) } else { 0.5 }
    }
}

/// A point: where it lies, its colour, and what is said where it is pointed at.
type Point = (f64, f64, &'static str, String);

/// A drawing of a line and points.
fn plot(
    title: &str,
    x: &Axis,
    y: &Axis,
    (class, line): (&str, &[(f64, f64)]),
    points: &[Point],
) -> String {
    let place =
        |a: f64, b: f64| (LEFT + x.at(a) * (RIGHT - LEFT), BOTTOM - y.at(b) * (BOTTOM - TOP));
    let title = escape(title);
    let mut svg = format!(
        "<figure>\n<figcaption>{title}</figcaption>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n"
    );
    let text = |x: f64, y: f64, anchor: &str, text: &str| {
        format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n")
    };
    for &tick in &y.ticks {
        let (_, at) = place(x.ticks[0], tick);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>");
        svg += &text(LEFT - 6.0, at + 4.0, "end", &short(tick));
    }
    // A tick too near to the one before it has no number.
    let mut free = 0.0;
    for &tick in &x.ticks {
        let (at, _) = place(tick, y.ticks[0]);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{BOTTOM}\"/>");
        if at >= free {
            svg += &text(at, BOTTOM + 16.0, "middle", &short(tick));
            free = at + 30.0;
        }
    }
    svg += &text(RIGHT, HEIGHT - 6.0, "end", x.title);
    svg += &text(0.0, 14.0, "start", y.title);
    let line = line.iter().map(|&(a, b)| place(a, b)).map(|(x, y)| format!("{x:.1},{y:.1}"));
    let line = line.collect::<Vec<_>>().join(" ");
    let _ = writeln!(svg, "<polyline class=\"{class}\" points=\"{line}\"/>");
    for (a, b, class, title) in points {
        let ((x, y), title) = (place(*a, *b), escape(title));
        let _ = writeln!(
            svg,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"><title>{title}</title></circle>"
        );
    }
    svg + "</svg>\n</figure>\n"
}

/// How many operations a second each row does, against how many it has for each byte.
pub fn roofline(run: &Run) -> Option<String> {
    let limits = run.limits?;
    let points: Vec<Point> = run.rows.iter().filter_map(rate).collect();
    let (copy, roof) = (limits.copy_gbps, limits.multiply_add_gflops);
    let ridge = roof / copy;
    let both =
        |end: f64, of: fn(&Point) -> f64| points.iter().map(of).chain([end]).collect::<Vec<_>>();
    let x = Axis::decades("operations for each byte", &both(ridge, |point| point.0));
    let y = Axis::decades("GFLOP/s", &both(roof, |point| point.1));
    // The slope enters at the left edge or, where that is too low, at the bottom.
    let start = x.ticks[0].max(y.ticks[0] / copy);
    let line = [(start, copy * start), (ridge, roof), (*x.ticks.last()?, roof)];
    (!points.is_empty()).then(|| plot("", &x, &y, ("roof", &line), &points))
}

fn rate(row: &Row) -> Option<Point> {
    let intensity = row.flops as f64 / row.bytes as f64;
    let rate = row.gflops.filter(|rate| *rate > 0.0 && intensity > 0.0)?;
    let part = percent(row.of_floor);
    let title = format!("{} by {}: {rate:.2} GFLOP/s, {part} of its floor", row.case, row.kernel());
    let class = if row.bound.as_deref() == Some("arithmetic") { "arithmetic" } else { "memory" };
    intensity.is_finite().then_some((intensity, rate, class, title))
}

/// What a pixel takes by batch, and by size of image; nothing but in a sweep.
pub fn growth(run: &Run) -> String {
    let Some(usual) = run.rows.first().and_then(|row| row.size) else { return String::new() };
    let curve = |title: &str, what, x: fn(&Row) -> Option<u64>, wanted: &dyn Fn(&Row) -> bool| {
        let rows = run.rows.iter().filter(|row| wanted(row));
        let mut line: Vec<(f64, f64)> =
            rows.filter_map(|row| Some((x(row)? as f64, row.ns_per_pixel?))).collect();
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
        let point = |&(value, ns): &(f64, f64)| {
            (value, ns, "memory", format!("{what} {value}: {ns:.1} ns for each pixel"))
        };
        let points: Vec<Point> = line.iter().map(point).collect();
        let ticks = line.iter().map(|point| point.0).collect();
        let x = Axis { title: what, logarithmic: true, ticks };
        let most = line.iter().map(|point| point.1).fold(0.0, f64::max);
        let y = Axis::even("ns for each pixel", most);
        match line.len() {
            0 | 1 => String::new(),
            _ => plot(title, &x, &y, ("curve", &line), &points),
        }
    };
    let batch = format!("By batch, images of {usual}x{usual}");
    let size = "height and width";
    curve(&batch, "batch", |row| row.batch, &|row| row.size == Some(usual))
        + &curve("By size, single images", size, |row| row.size, &|row| row.batch == Some(1))
}

/// Text that is nothing but text.
pub fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

/// A number as short as an axis wants it.
pub fn short(value: f64) -> String {
    if value >= 10_000.0 {
        format!("{:.0}k", value / 1000.0)
    } else if value >= 10.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        let text = if value < 1.0 { format!("{value:.3}") } else { format!("{value:.2}") };
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_map_their_ends_and_what_lies_between() {
        let decades = Axis::decades("", &[0.2, 900.0]);
        assert_eq!(decades.ticks.len(), 5);
        for (value, at) in [(0.1, 0.0), (1.0, 0.25), (1000.0, 1.0)] {
            assert!((decades.at(value) - at).abs() < 1e-9, "{value}");
        }
        let even = Axis::even("", 9.0);
        assert_eq!(
            (even.ticks.as_slice(), even.at(5.0)),
            (&[0.0, 2.0, 4.0, 6.0, 8.0, 10.0][..], 0.5)
        );
        let numbers = [0.01, 0.5, 1.0, 2.504, 224.0, 20_000.0].map(short);
        assert_eq!(numbers, ["0.01", "0.5", "1", "2.5", "224", "20k"]);
    }
}

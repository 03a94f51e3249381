//! As much of SVG as the drawings need. All are of one width, so that text has one size in all of them.

use std::fmt::Write;

/// Units across; a phone shows them at a little less than a pixel each.
pub const WIDTH: f64 = 420.0;

/// Text that is nothing but text.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            other => safe.push(other),
        }
    }
    safe
}

/// A drawing that grows.
#[derive(Debug, Default)]
pub struct Svg {
    body: String,
}

/// Where a text lies from its point.
#[derive(Debug, Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.body,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    /// A line through points.
    pub fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ =
            writeln!(self.body, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }

    /// A box, with what is said where it is pointed at.
    pub fn bar(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        title: &str,
    ) {
        let _ = writeln!(
            self.body,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             rx=\"3\"><title>{}</title></rect>",
            escape(title)
        );
    }

    /// A dot, with what is said where it is pointed at.
    pub fn dot(&mut self, class: &str, (x, y): (f64, f64), title: &str) {
        let _ = writeln!(
            self.body,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"><title>{}</title></circle>",
            escape(title)
        );
    }

    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.body,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            escape(text)
        );
    }

    /// The drawing, so high, below what it is called and what is to be said of it.
    pub fn figure(self, title: &str, caption: &str, height: f64) -> String {
        let (title, caption) = (escape(title), escape(caption));
        format!(
            "<figure>\n<figcaption><strong>{title}</strong><span>{caption}</span></figcaption>\n\
             <svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\">\n{}</svg>\n</figure>\n",
            self.body
        )
    }
}

/// Maps values to a length, evenly or by their logarithms.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
    logarithmic: bool,
}

impl Scale {
    /// From 0 to `most`.
    pub fn linear(most: f64, start: f64, end: f64) -> Self {
        Scale { from: 0.0, to: most.max(f64::MIN_POSITIVE), start, end, logarithmic: false }
    }

    /// From one positive value to another, by their logarithms.
    pub fn logarithmic(from: f64, to: f64, start: f64, end: f64) -> Self {
        Scale { from: from.ln(), to: to.ln(), start, end, logarithmic: true }
    }

    pub fn at(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.ln() } else { value };
        let part =
            if self.to > self.from { (value - self.from) / (self.to - self.from) } else { 0.5 };
        self.start + part * (self.end - self.start)
    }
}

/// A number as short as an axis wants it.
pub fn short(value: f64) -> String {
    if value >= 10_000.0 {
        format!("{:.0}k", value / 1000.0)
    } else if value >= 10.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_map_their_ends_and_what_lies_between() {
        let scale = Scale::logarithmic(0.1, 1000.0, 100.0, 500.0);
        for (value, at) in [(0.1, 100.0), (1.0, 200.0), (1000.0, 500.0)] {
            assert!((scale.at(value) - at).abs() < 1e-9, "{value}");
        }
        assert_eq!(Scale::linear(4.0, 10.0, 0.0).at(1.0), 7.5);
        assert_eq!(Scale::logarithmic(8.0, 8.0, 0.0, 10.0).at(8.0), 5.0);
    }

    #[test]
    fn numbers_are_short_and_text_is_safe() {
        assert_eq!(
            [0.01, 0.5, 1.0, 224.0, 20_000.0].map(short),
            ["0.01", "0.5", "1", "224", "20k"]
        );
        assert_eq!(escape("a<b> & \"c\""), "a&lt;b&gt; &amp; &quot;c&quot;");
    }
}

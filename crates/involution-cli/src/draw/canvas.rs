//! A picture that shapes and words are drawn on, with smooth edges.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::{Luma, Pixel, Rgb, RgbImage};

use super::palette::{Colour, mixed};

/// A rectangle: left, top, right and bottom, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

impl Area {
    pub fn at([left, top]: [f32; 2], [width, height]: [f32; 2]) -> Self {
        Area { left, top, right: left + width, bottom: top + height }
    }

    pub fn size(&self) -> f32 {
        (self.right - self.left).max(0.0) * (self.bottom - self.top).max(0.0)
    }

    /// What it has in common with another, in square pixels.
    pub fn shared(&self, other: &Area) -> f32 {
        let both = Area {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        both.size()
    }

    /// Larger by so much on each side.
    pub fn grown(&self, by: f32) -> Self {
        Area {
            left: self.left - by,
            top: self.top - by,
            right: self.right + by,
            bottom: self.bottom + by,
        }
    }

    /// Moved inside another as far as it fits, its start before its end.
    pub fn inside(&self, other: &Area) -> Self {
        let shift = |low: f32, high: f32, least: f32, most: f32| {
            let low_to = low.min(most - (high - low)).max(least);
            low_to - low
        };
        let x = shift(self.left, self.right, other.left, other.right);
        let y = shift(self.top, self.bottom, other.top, other.bottom);
        Area {
            left: self.left + x,
            top: self.top + y,
            right: self.right + x,
            bottom: self.bottom + y,
        }
    }

    /// How far a place lies outside of it once its corners are round; below zero inside.
    fn distance(&self, [x, y]: [f32; 2], radius: f32) -> f32 {
        let half = [(self.right - self.left) / 2.0, (self.bottom - self.top) / 2.0];
        let radius = radius.min(half[0]).min(half[1]).max(0.0);
        let from_middle = [x - self.left - half[0], y - self.top - half[1]];
        let [dx, dy] = [0, 1].map(|axis| from_middle[axis].abs() - half[axis] + radius);
        dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - radius
    }
}

/// Words in one size of letters.
pub struct Letters {
    font: FontRef<'static>,
    scale: PxScale,
}

impl Letters {
    /// Letters of DejaVu Sans in this size; nothing where the font cannot be read.
    pub fn new(size: f32, bold: bool) -> Option<Self> {
        let bytes = if bold { dejavu::sans::bold() } else { dejavu::sans::regular() };
        let font = FontRef::try_from_slice(bytes).ok()?;
        Some(Letters { font, scale: PxScale::from(size) })
    }

    /// From the top of the highest letter to the foot of the lowest.
    pub fn height(&self) -> f32 {
        self.font.as_scaled(self.scale).height()
    }

    pub fn width(&self, text: &str) -> f32 {
        self.places(text).1
    }

    /// The letters with the places where they begin, and where the next would.
    fn places(&self, text: &str) -> (Vec<(ab_glyph::GlyphId, f32)>, f32) {
        let font = self.font.as_scaled(self.scale);
        let (mut x, mut last) = (0.0, None);
        let mut places = Vec::new();
        for letter in text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }) {
            let glyph = font.glyph_id(letter);
            x += last.map_or(0.0, |last| font.kern(last, glyph));
            places.push((glyph, x));
            x += font.h_advance(glyph);
            last = Some(glyph);
        }
        (places, x)
    }

    /// The text, cut to this width where it is longer.
    pub fn cut(&self, text: &str, width: f32) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let mut kept: Vec<char> = text.chars().collect();
        loop {
            let text = kept.iter().collect::<String>().trim_end().to_owned() + "…";
            if kept.pop().is_none() || self.width(&text) <= width {
                return text;
            }
        }
    }
}

/// A picture that is drawn on.
pub struct Canvas {
    pub image: RgbImage,
}

impl Canvas {
    /// Mixes so much of a colour into a pixel; outside of the picture nothing happens.
    pub fn blend(&mut self, x: i64, y: i64, colour: Colour, part: f32) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if let Some(Rgb(pixel)) = self.image.get_pixel_mut_checked(x, y) {
            *pixel = mixed(*pixel, colour, part.clamp(0.0, 1.0));
        }
    }

    /// Mixes so much of a colour into a pixel that has lost its own in the same measure, so that the result has the hue of
    /// the colour.
    pub fn tint(&mut self, x: i64, y: i64, colour: Colour, part: f32) {
        let (Ok(column), Ok(row)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if let Some(pixel) = self.image.get_pixel_mut_checked(column, row) {
            let Luma([grey]) = pixel.to_luma();
            pixel.0 = mixed(mixed(pixel.0, [grey; 3], (1.6 * part).min(1.0)), colour, part);
        }
    }

    /// Fills a rectangle with round corners.
    pub fn fill(&mut self, area: Area, radius: f32, colour: Colour, part: f32) {
        let [left, top, right, bottom] = self.pixels(area);
        for y in top..bottom {
            for x in left..right {
                let distance = area.distance([x as f32 + 0.5, y as f32 + 0.5], radius);
                self.blend(x, y, colour, part * (0.5 - distance).clamp(0.0, 1.0));
            }
        }
    }

    /// Draws the line around a rectangle with round corners.
    pub fn frame(&mut self, area: Area, radius: f32, line: f32, colour: Colour, part: f32) {
        let [left, top, right, bottom] = self.pixels(area.grown(line / 2.0));
        // Of a large rectangle the inside is not looked at.
        let band = (line + radius).ceil() as i64 + 2;
        let [from, to] = [left + band, (right - band).max(left + band)];
        for y in top..bottom {
            let edge = y < top + band || y >= bottom - band;
            for x in (left..right).filter(|x| edge || !(from..to).contains(x)) {
                let distance = area.distance([x as f32 + 0.5, y as f32 + 0.5], radius);
                let coverage = (0.5 + line / 2.0 - distance.abs()).clamp(0.0, 1.0);
                self.blend(x, y, colour, part * coverage);
            }
        }
    }

    /// The pixels that a rectangle touches, with one more on each side.
    fn pixels(&self, area: Area) -> [i64; 4] {
        let [width, height] = [self.image.width(), self.image.height()].map(|side| side as f32);
        let low = |value: f32| (value.floor() - 1.0).max(0.0) as i64;
        let high = |value: f32, most: f32| (value.ceil() + 1.0).min(most) as i64;
        [low(area.left), low(area.top), high(area.right, width), high(area.bottom, height)]
    }

    /// Writes words; the place is the upper left corner of the line.
    pub fn write(&mut self, [x, y]: [f32; 2], letters: &Letters, colour: Colour, text: &str) {
        let font = letters.font.as_scaled(letters.scale);
        let base = y + font.ascent();
        for (glyph, from) in letters.places(text).0 {
            let glyph = glyph.with_scale_and_position(letters.scale, point(x + from, base));
            let Some(outline) = letters.font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|column, row, coverage| {
                let x = corner.x as i64 + i64::from(column);
                self.blend(x, corner.y as i64 + i64::from(row), colour, coverage);
            });
        }
    }
}

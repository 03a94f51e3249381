//! The legend below a picture: a square in its colour for each class, its name, and a number.

use anyhow::{Context, Result};
use image::{Rgb, RgbImage, imageops};

use super::canvas::{Area, Canvas, Letters};
use super::palette::{BLACK, Colour};

const GROUND: Colour = [250; 3];
const INK: Colour = [32; 3];
const GREY: Colour = [112; 3];

/// A line of the legend.
pub struct Entry {
    /// Nothing for what is left as it is in the picture.
    colour: Option<Colour>,
    name: String,
    detail: String,
}

impl Entry {
    pub fn new(colour: Option<Colour>, name: &str, detail: String) -> Self {
        Entry { colour, name: name.to_owned(), detail }
    }
}

/// The picture with its legend, or with the title where that has no entries, in as many columns as there is room for.
pub fn below(picture: RgbImage, text: f32, title: &str, entries: &[Entry]) -> Result<RgbImage> {
    let letters = Letters::new(text, false).context("the font")?;
    let [pad, gap, square] = [0.8, 0.45, 0.85].map(|part| (part * text).round());
    let between = (1.6 * text).round();
    let row = (letters.height() * 1.25).round();
    let width = picture.width() as f32;
    let detail = entries.iter().map(|it| letters.width(&it.detail)).fold(0.0, f32::max);
    // A name may be cut, the number beside it may not.
    let room = (width - 2.0 * pad - square - 2.0 * gap - detail).max(4.0 * text);
    let names: Vec<String> = entries.iter().map(|it| letters.cut(&it.name, room)).collect();
    let widest = |texts: &mut dyn Iterator<Item = &str>| {
        texts.map(|text| letters.width(text)).fold(0.0, f32::max)
    };
    // The names' and the details' width of each column, where there are so many rows.
    let columns = |rows: usize| -> Vec<[f32; 2]> {
        let names = names.chunks(rows).map(|of| widest(&mut of.iter().map(String::as_str)));
        let details = entries.chunks(rows).map(|of| widest(&mut of.iter().map(|it| &*it.detail)));
        names.zip(details).map(|(name, detail)| [name, detail]).collect()
    };
    let across = |columns: &[[f32; 2]]| -> f32 {
        let each = columns.iter().map(|[name, detail]| square + name + 2.0 * gap + detail);
        each.sum::<f32>() + between * columns.len().saturating_sub(1) as f32
    };
    let fits = |rows: &usize| across(&columns(*rows)) <= width - 2.0 * pad;
    let rows = (1..=entries.len()).find(fits).unwrap_or(entries.len().max(1));
    let columns = columns(rows);
    let lines = if entries.is_empty() { 1.0 } else { rows as f32 };
    let least = 2.0 * pad + across(&columns).max(letters.width(title));
    let size = [width.max(least), picture.height() as f32 + 2.0 * pad + lines * row];
    let [width, height] = size.map(|side| side.ceil() as u32);
    let mut image = RgbImage::from_pixel(width, height, Rgb(GROUND));
    imageops::replace(&mut image, &picture, 0, 0);
    let mut canvas = Canvas { image };
    let first = picture.height() as f32 + pad;
    if entries.is_empty() {
        canvas.write([pad, first], &letters, INK, title);
    }
    let mut left = pad;
    let parts = entries.chunks(rows).zip(names.chunks(rows)).zip(&columns);
    for ((entries, names), [name_width, detail_width]) in parts {
        for (index, (entry, name)) in entries.iter().zip(names).enumerate() {
            let top = first + index as f32 * row;
            let area = Area::at([left, top + (letters.height() - square) / 2.0], [square; 2]);
            let radius = 0.2 * square;
            if let Some(colour) = entry.colour {
                canvas.fill(area, radius, colour, 1.0);
            }
            canvas.frame(area, radius, 0.08 * text, BLACK, 0.45);
            let name_at = left + square + gap;
            canvas.write([name_at, top], &letters, INK, name);
            let end = name_at + name_width + gap + detail_width;
            let detail_at = end - letters.width(&entry.detail);
            canvas.write([detail_at, top], &letters, GREY, &entry.detail);
        }
        left += square + name_width + 2.0 * gap + detail_width + between;
    }
    Ok(canvas.image)
}

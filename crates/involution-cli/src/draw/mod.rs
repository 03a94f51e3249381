//! Pictures with what was found in them: boxes and masks, or the classes of the pixels, and a legend below.

mod canvas;
mod legend;
mod mask;
mod palette;

use std::io::Cursor;

use anyhow::{Context, Result};
use image::codecs::png::PngEncoder;
use image::imageops::{self, FilterType};
use image::{ImageEncoder, RgbImage};
use involution::image::Pixels;

use canvas::{Area, Canvas, Letters};
use legend::Entry;
pub use palette::Colour;
use palette::{BLACK, colours, mixed, readable_on};

/// An object to draw.
pub struct Object<'a> {
    /// Left, top, right and bottom, in pixels of the picture.
    pub corners: [f32; 4],
    pub score: f32,
    pub class: usize,
    /// Which pixels it covers, row by row.
    pub mask: Option<&'a [bool]>,
}

/// Pixels of the longer side that a picture has at least when it is drawn on: on fewer, words have no room.
const SIDE: usize = 640;

/// The most that a picture is enlarged.
const MOST: usize = 16;

/// A picture that is drawn on, and the sizes that go with it.
struct Drawing {
    canvas: Canvas,
    /// How many times larger it is than the picture was.
    factor: usize,
    /// Thickness of lines.
    line: f32,
    /// Size of letters.
    text: f32,
}

impl Drawing {
    fn of(pixels: &Pixels) -> Result<Self> {
        let [height, width] = pixels.size.map(|side| side as u32);
        let picture = RgbImage::from_raw(width, height, pixels.data.clone());
        let picture = picture.context("a picture to draw on is red, green and blue")?;
        let factor = SIDE.div_ceil(pixels.size[0].max(pixels.size[1]).max(1)).min(MOST);
        let image = if factor == 1 {
            picture
        } else {
            let [width, height] = [width, height].map(|side| side * factor as u32);
            imageops::resize(&picture, width, height, FilterType::CatmullRom)
        };
        // Half way between what a square and what a strip of this area would get.
        let [width, height] = [image.width(), image.height()].map(|side| side as f32);
        let unit = (width * height).sqrt() / 800.0;
        let (line, text) = ((2.6 * unit).max(1.6), (17.0 * unit).max(13.0));
        Ok(Drawing { canvas: Canvas { image }, factor, line, text })
    }

    /// The bytes of a PNG with the legend below the picture.
    fn png(self, title: &str, entries: &[Entry]) -> Result<Vec<u8>> {
        let image = legend::below(self.canvas.image, self.text, title, entries)?;
        png(image.as_raw(), [image.height(), image.width()], image::ExtendedColorType::Rgb8)
    }
}

/// The bytes of a PNG of these samples.
fn png(
    data: &[u8],
    [height, width]: [u32; 2],
    colour: image::ExtendedColorType,
) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    PngEncoder::new(&mut bytes).write_image(data, width, height, colour)?;
    Ok(bytes.into_inner())
}

/// The numbers of pixels as a grey PNG: of 8 bits, or of 16 where there are more than 256 classes.
pub fn label_map(labels: &[u16], size: [usize; 2], classes: usize) -> Result<Vec<u8>> {
    let size = size.map(|side| side as u32);
    if classes <= 256 {
        let bytes: Vec<u8> = labels.iter().map(|&label| label as u8).collect();
        return png(&bytes, size, image::ExtendedColorType::L8);
    }
    let bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_ne_bytes()).collect();
    png(&bytes, size, image::ExtendedColorType::L16)
}

/// A class that a picture shows: its number, its name, and its colour, which what is behind everything has not.
struct Shown<'a> {
    class: usize,
    name: &'a str,
    colour: Option<Colour>,
}

/// The classes among these that there are, in their order. A background does not count where colours are given: digits
/// have the same ones with and without it.
fn shown(mut classes: Vec<usize>, names: &[String]) -> Vec<Shown<'_>> {
    classes.sort_unstable();
    classes.dedup();
    let name = |class: usize| names.get(class).map_or("", String::as_str);
    let behind = |class: usize| name(class).eq_ignore_ascii_case("background");
    let before = usize::from(behind(0));
    let coloured = classes.iter().filter(|class| !behind(**class)).map(|class| class - before);
    let mut colours = colours(&coloured.collect::<Vec<_>>()).into_iter();
    let mut colour = |class| if behind(class) { None } else { colours.next() };
    let shown = |&class: &usize| Shown { class, name: name(class), colour: colour(class) };
    classes.iter().map(shown).collect()
}

/// A PNG of a picture with boxes, masks, names and scores; the objects with the highest scores come first.
pub fn objects(pixels: &Pixels, objects: &[Object], names: &[String]) -> Result<Vec<u8>> {
    let mut drawing = Drawing::of(pixels)?;
    let shown = shown(objects.iter().map(|object| object.class).collect(), names);
    let of = |object: &Object| {
        let at = shown.binary_search_by_key(&object.class, |shown| shown.class);
        let shown = at.ok().and_then(|at| shown.get(at));
        shown.map_or((BLACK, ""), |it| (it.colour.unwrap_or(BLACK), it.name))
    };
    // The surest are drawn last, and lie above the others.
    for object in objects.iter().rev() {
        if let Some(mask) = object.mask {
            paint(&mut drawing, mask, pixels.size, of(object).0);
        }
    }
    let Drawing { canvas, factor, line, text } = &mut drawing;
    let line = *line;
    let all = Area::at([0.0; 2], [canvas.image.width() as f32, canvas.image.height() as f32]);
    let frames: Vec<Area> = objects
        .iter()
        .map(|object| {
            let [left, top, right, bottom] = object.corners.map(|side| side * *factor as f32);
            // All of the line is to be seen where a box ends with the picture.
            let within = all.grown(-line / 2.0);
            Area {
                left: left.max(within.left),
                top: top.max(within.top),
                right: right.min(within.right),
                bottom: bottom.min(within.bottom),
            }
        })
        .collect();
    for (object, frame) in objects.iter().zip(&frames).rev() {
        canvas.frame(*frame, 1.5 * line, line + 2.0, BLACK, 0.35);
        canvas.frame(*frame, 1.5 * line, line, of(object).0, 1.0);
    }
    let letters = Letters::new(*text, true).context("the font")?;
    let pad = (0.35 * *text).round();
    let mut tags: Vec<Area> = Vec::new();
    let mut words = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        let score = format!(" {:.2}", object.score);
        let room = 0.6 * (all.right - all.left) - 2.0 * pad - letters.width(&score);
        let text = letters.cut(of(object).1, room) + &score;
        let size = [letters.width(text.trim()) + 2.0 * pad, letters.height() + 0.3 * pad];
        tags.push(free(&frames, index, &tags, size, &all, line));
        words.push(text);
    }
    for ((tag, words), object) in tags.iter().zip(&words).zip(objects).rev() {
        let colour = of(object).0;
        canvas.fill(tag.grown(1.0), 0.3 * *text, BLACK, 0.35);
        canvas.fill(*tag, 0.25 * *text, colour, 1.0);
        let place = [tag.left + pad, tag.top + 0.15 * pad];
        canvas.write(place, &letters, readable_on(colour), words.trim());
    }
    let entries: Vec<Entry> = shown
        .iter()
        .map(|shown| {
            let number = objects.iter().filter(|object| object.class == shown.class).count();
            Entry::new(shown.colour, shown.name, format!("× {number}"))
        })
        .collect();
    let title = if entries.is_empty() { "No objects" } else { "" };
    drawing.png(title, &entries)
}

/// A share in percent, which is not nothing where there is something.
pub fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if percent > 0.0 && percent < 0.05 => "< 0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

/// Where the tag of a box covers least: above it, inside or below.
fn free(
    frames: &[Area],
    index: usize,
    tags: &[Area],
    size: [f32; 2],
    all: &Area,
    line: f32,
) -> Area {
    let frame = frames[index];
    let half = line / 2.0;
    let starts = [frame.left - half, frame.right + half - size[0]];
    let rows = [frame.top - half - size[1], frame.top + half, frame.bottom + half];
    let last = frame.bottom - half - size[1];
    let places = rows.into_iter().chain([last]).flat_map(|top| starts.map(|left| [left, top]));
    let mut best = (f32::INFINITY, frame);
    for (rank, place) in places.enumerate() {
        let tag = Area::at(place, size).inside(all);
        let hidden = |other: &Area| tag.shared(other) / other.size().min(tag.size()).max(1.0);
        let on_tags: f32 = tags.iter().map(hidden).sum();
        let on_others = frames.iter().enumerate().filter(|(other, _)| *other != index);
        let on_others: f32 = on_others.map(|(_, other)| hidden(other)).sum();
        let on_own = tag.shared(&frame) / frame.size().max(1.0);
        let cost = 4.0 * on_tags + 0.5 * on_others + 1.5 * on_own + 0.05 * rank as f32;
        if cost < best.0 {
            best = (cost, tag);
        }
    }
    best.1
}

/// Lays a mask over the picture, with a line along its edge.
fn paint(drawing: &mut Drawing, mask: &[bool], size: [usize; 2], colour: Colour) {
    let line = drawing.line.round().max(1.0) as usize;
    let Some([cover, edge]) = mask::outlined(mask, size, drawing.factor, line) else { return };
    let [left, top] = cover.corner;
    for (index, (all, edge)) in cover.values.iter().zip(&edge.values).enumerate() {
        let [y, x] = [top + index / cover.width, left + index % cover.width];
        let part = 0.45 * (all - edge).max(0.0) + 0.95 * edge;
        drawing.canvas.tint(x as i64, y as i64, colour, part);
    }
}

/// A PNG of a picture with the classes of its pixels in colours: the classes' own where they have some.
pub fn classes(
    pixels: &Pixels,
    labels: &[u16],
    names: &[String],
    own: Option<&[Colour]>,
) -> Result<Vec<u8>> {
    let mut drawing = Drawing::of(pixels)?;
    let [height, width] = pixels.size;
    let mut counts = vec![0_usize; names.len().max(1)];
    for &label in labels {
        if let Some(count) = counts.get_mut(usize::from(label)) {
            *count += 1;
        }
    }
    let present = (0..counts.len()).filter(|&class| counts[class] > 0).collect();
    let mut shown = shown(present, names);
    let mut of: Vec<Option<Colour>> = vec![None; names.len()];
    for shown in &mut shown {
        if let Some(own) = own.and_then(|own| own.get(shown.class)) {
            shown.colour = Some(*own);
        }
        of[shown.class] = shown.colour;
    }
    let Drawing { canvas, factor, line, .. } = &mut drawing;
    let enlarged = [height, width].map(|side| side * *factor);
    let at = |y: isize, x: isize| {
        let [y, x] = [(y, height), (x, width)].map(|(at, all)| at.clamp(0, all as isize - 1));
        labels[y as usize * width + x as usize]
    };
    // The class with the greatest bilinear weight: edges without steps.
    let likeliest = |y: usize, x: usize| {
        let corners = mask::corners(y, x, *factor).map(|([y, x], weight)| (at(y, x), weight));
        let weight = |class: u16| -> f32 {
            corners.iter().filter(|(other, _)| *other == class).map(|(_, weight)| weight).sum()
        };
        let best = corners.iter().max_by(|a, b| weight(a.0).total_cmp(&weight(b.0)));
        best.map_or(0, |(class, _)| *class)
    };
    let large: Vec<u16> = (0..enlarged[0] * enlarged[1])
        .map(|index| likeliest(index / enlarged[1], index % enlarged[1]))
        .collect();
    let reach = (*line * 0.45).ceil() as usize;
    for (index, &label) in large.iter().enumerate() {
        let [y, x] = [index / enlarged[1], index % enlarged[1]];
        let [down, right] = [(y + reach).min(enlarged[0] - 1), (x + reach).min(enlarged[1] - 1)];
        let edge = [large[down * enlarged[1] + x], large[y * enlarged[1] + right]]
            .iter()
            .any(|other| *other != label);
        let colour = of.get(usize::from(label)).copied().flatten();
        if let Some(colour) = colour {
            canvas.tint(x as i64, y as i64, colour, 0.6);
        }
        if edge {
            canvas.blend(x as i64, y as i64, mixed(colour.unwrap_or(BLACK), [255; 3], 0.75), 0.8);
        }
    }
    shown.sort_by_key(|shown| std::cmp::Reverse(counts[shown.class]));
    let total = labels.len().max(1) as f64;
    let entries: Vec<Entry> = shown
        .iter()
        .map(|shown| {
            let share = percent(counts[shown.class] as f64 / total);
            Entry::new(shown.colour, shown.name, share)
        })
        .collect();
    drawing.png("", &entries)
}

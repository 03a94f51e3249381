//! Colours that differ for colour-blind eyes, too, and what can be read on them.

/// Red, green and blue.
pub type Colour = [u8; 3];

/// Twelve colours by Martin Krzywinski that people with any kind of colour blindness tell apart, neighbours far from
/// each other in lightness.
const COLOURS: [Colour; 12] = [
    [0xff, 0x6e, 0x3a],
    [0x00, 0x8d, 0xf9],
    [0xff, 0xc3, 0x3b],
    [0x84, 0x00, 0xcd],
    [0x00, 0xfc, 0xcf],
    [0xe2, 0x01, 0x34],
    [0x00, 0xc2, 0xf9],
    [0xff, 0x5a, 0xaf],
    [0x00, 0x9f, 0x81],
    [0xff, 0xb2, 0xfd],
    [0x9f, 0x01, 0x62],
    [0xa4, 0x01, 0x22],
];

const WHITE: Colour = [255; 3];
pub const BLACK: Colour = [0; 3];

/// The colour of this number. After one round they come again darker, then lighter.
fn colour(number: usize) -> Colour {
    let colour = COLOURS[number % COLOURS.len()];
    match number / COLOURS.len() % 3 {
        0 => colour,
        1 => mixed(colour, BLACK, 0.4),
        _ => mixed(colour, WHITE, 0.45),
    }
}

/// The colours of these classes, which are in rising order: each its own as far as it goes, and no two the same.
pub fn colours(classes: &[usize]) -> Vec<Colour> {
    let mut taken: Vec<Colour> = Vec::new();
    for &class in classes {
        let all = 3 * COLOURS.len();
        let own = class % COLOURS.len();
        let free = (own..own + all).map(colour).find(|colour| !taken.contains(colour));
        taken.push(free.unwrap_or(colour(own)));
    }
    taken
}

/// A colour with so much of another in it.
pub fn mixed(colour: Colour, other: Colour, part: f32) -> Colour {
    let mix = |channel: usize| {
        let [a, b] = [colour, other].map(|it| f32::from(it[channel]));
        (a + (b - a) * part).round() as u8
    };
    [0, 1, 2].map(mix)
}

/// Black or white, whichever is read better on this ground: the one with more contrast as WCAG 2 defines it.
pub fn readable_on(ground: Colour) -> Colour {
    let luminance = luminance(ground);
    if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) { BLACK } else { WHITE }
}

/// Relative luminance of sRGB, from 0 to 1.
fn luminance(colour: Colour) -> f32 {
    let [r, g, b] = colour.map(|value| {
        let value = f32::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_a_picture_differ_and_text_on_them_is_read() {
        let all: Vec<usize> = (0..36).collect();
        let few = [3, 15, 27, 39];
        for classes in [&all[..], &few] {
            let colours = colours(classes);
            for (index, colour) in colours.iter().enumerate() {
                assert!(!colours[..index].contains(colour), "{index}");
                let [text, ground] = [readable_on(*colour), *colour].map(luminance);
                let contrast = (text.max(ground) + 0.05) / (text.min(ground) + 0.05);
                assert!(contrast >= 4.5, "{colour:?}: {contrast}");
            }
        }
        // A class keeps its colour whatever stands beside it, unless that is taken.
        assert_eq!(colours(&[5]), colours(&[5, 6])[..1]);
        assert_eq!(colours(&[2, 9])[1], colours(&[9])[0]);
        assert_eq!(colours(&(0..100).collect::<Vec<_>>()).len(), 100);
    }
}

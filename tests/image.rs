//! Images against Pillow: `images/make.py` wrote the pictures and what Pillow makes of them.

mod bilinear;
mod broken;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use involution::image::{Pixels, batch, open, prepare};
use involution::models::{Channels, Model, Preprocessing, RedNet, Resize};
use involution::{Error, Tensor};
use safetensors::SafeTensors;

use crate::files::directory;

fn picture(name: &str) -> PathBuf {
    directory().join("images").join(name)
}

/// What Pillow makes of the pictures: the kind, the file, the shape and the bytes.
struct Expected {
    bytes: Vec<u8>,
}

impl Expected {
    fn read() -> Self {
        Expected { bytes: std::fs::read(picture("expected.safetensors")).unwrap() }
    }

    fn of(&self, kind: &str) -> Vec<(String, Vec<usize>, Vec<u8>)> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let prefix = format!("{kind}/");
        let mut found: Vec<_> = tensors
            .iter()
            .filter_map(|(name, view)| {
                assert_eq!(view.dtype(), safetensors::Dtype::U8, "{name}");
                let file = name.strip_prefix(&prefix)?;
                Some((file.to_owned(), view.shape().to_vec(), view.data().to_vec()))
            })
            .collect();
        found.sort();
        assert!(found.len() >= 3, "{kind}");
        found
    }

    fn metadata(&self, key: &str) -> serde_json::Value {
        let (_, metadata) = SafeTensors::read_metadata(&self.bytes).unwrap();
        serde_json::from_str(&metadata.metadata().clone().unwrap()[key]).unwrap()
    }

    /// The short side and the crop of the picture of this name.
    fn small(&self, name: &str) -> [usize; 2] {
        let listed = self.metadata("small");
        [0, 1].map(|index| listed[name][index].as_u64().unwrap() as usize)
    }

    /// How many bytes of each picture Pillow has to have.
    fn needs(&self) -> Vec<(String, usize)> {
        let listed = self.metadata("needs");
        let needs = listed.as_object().unwrap().iter();
        needs.map(|(name, length)| (name.clone(), length.as_u64().unwrap() as usize)).collect()
    }
}

/// Most and mean distance of bytes.
fn apart(found: &[u8], want: &[u8]) -> (u8, f64) {
    assert_eq!(found.len(), want.len());
    let off: Vec<u8> = found.iter().zip(want).map(|(a, b)| a.abs_diff(*b)).collect();
    let sum: f64 = off.iter().map(|&off| f64::from(off)).sum();
    (off.iter().copied().max().unwrap(), sum / off.len() as f64)
}

#[test]
fn every_kind_of_file_is_decoded_as_pillow_does() {
    let expected = Expected::read();
    let (mut exact, mut lossy) = (0, 0);
    for (kind, channels) in [("pixels", Channels::Rgb), ("grey", Channels::Grey)] {
        for (file, shape, want) in expected.of(kind) {
            let found = open(&picture(&file), channels).unwrap();
            assert_eq!((&found.size[..], found.channels), (&shape[..2], channels), "{file}");
            let (most, mean) = apart(&found.data, &want);
            let in_colour = open(&picture(&file), Channels::Rgb).unwrap();
            assert!(channels == Channels::Rgb || in_colour.grey() == found, "{file}");
            if file.ends_with(".jpg") {
                // Decoders of JPEG may round differently.
                assert!(most <= 4 && mean < 0.5, "{kind} of {file}: {most}, {mean}");
                lossy += 1;
            } else {
                assert_eq!(most, 0, "{kind} of {file}: {mean}");
                exact += 1;
            }
        }
    }
    assert!(exact >= 32 && lossy >= 32, "{exact} and {lossy}");
}

/// The eight orientations are the same picture: Pillow turned each, and so did we.
#[test]
fn pictures_are_turned_as_their_exif_data_wants() {
    let upright = open(&picture("exif1.jpg"), Channels::Rgb).unwrap();
    for orientation in 2..=8 {
        let turned = open(&picture(&format!("exif{orientation}.jpg")), Channels::Rgb).unwrap();
        let [height, width] = upright.size;
        let swapped = orientation >= 5;
        assert_eq!(turned.size, if swapped { [width, height] } else { [height, width] });
        assert_ne!(turned.data, upright.data, "{orientation}");
    }
}

/// The bytes that a network's input was made of, and that nothing else was done to them than the recipe says.
fn bytes_of(input: &Tensor, recipe: &Preprocessing) -> Vec<u8> {
    let &[1, channels, height, width] = input.shape().dims() else { panic!("{}", input.shape()) };
    let plane = height * width;
    let mut bytes = vec![0; channels * plane];
    for (index, &value) in input.data().iter().enumerate() {
        let (channel, pixel) = (index / plane, index % plane);
        let (mean, deviation) = (recipe.mean[channel], recipe.deviation[channel]);
        let byte = (f64::from(value) * f64::from(deviation) + f64::from(mean)) * 255.0;
        assert!((byte - byte.round()).abs() < 1e-4, "{value} is no normalised byte");
        bytes[pixel * channels + channel] = byte.round() as u8;
    }
    bytes
}

#[test]
fn resizing_and_cropping_are_those_of_pillow() {
    let expected = Expected::read();
    let check = |file: &str, recipe: Preprocessing, shape: &[usize], want: &[u8]| {
        let input = prepare(&open(&picture(file), recipe.channels).unwrap(), &recipe).unwrap();
        let channels = recipe.channels.count();
        assert_eq!(input.shape().dims(), [1, channels, shape[0], shape[1]], "{file}");
        let (most, mean) = apart(&bytes_of(&input, &recipe), want);
        assert_eq!(most, 0, "{file}, {recipe:?}: {mean} in the mean");
    };
    for (file, shape, want) in expected.of("imagenet") {
        check(&file, Preprocessing::IMAGENET, &shape, &want);
    }
    for (file, shape, want) in expected.of("small") {
        let [side, crop] = expected.small(&file);
        let resize = Resize::ShortSide(side);
        let recipe = Preprocessing::IMAGENET.resize(resize).crop(Some(crop));
        check(&file, recipe, &shape, &want);
    }
    for (file, shape, want) in expected.of("exact") {
        let recipe = RedNet::digits().preprocessing();
        assert_eq!((recipe.resize, recipe.crop), (Resize::Exact([8, 8]), None));
        check(&file, recipe, &shape, &want);
    }
}

#[test]
fn values_are_normalised_channel_by_channel() {
    let pixels =
        Pixels { size: [1, 2], channels: Channels::Rgb, data: vec![0, 51, 255, 102, 0, 1] };
    let recipe = Preprocessing::IMAGENET
        .resize(Resize::Exact([1, 2]))
        .crop(None)
        .mean([0.5, 0.25, 0.0])
        .deviation([0.5, 0.25, 2.0]);
    let input = prepare(&pixels, &recipe).unwrap();
    assert_eq!(input.shape().dims(), [1, 3, 1, 2]);
    let want = [-1.0, -0.2, -0.2, -1.0, 0.5, 1.0 / 510.0];
    for (found, want) in input.data().iter().zip(want) {
        assert!((found - want).abs() < 1e-6, "{found} and {want}");
    }
    let dark = pixels.clone().inverted();
    assert_eq!(dark.data, [255, 204, 0, 153, 255, 254]);
    assert_eq!(dark.inverted(), pixels);
}

/// A file below the folder of build products, gone with it.
fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("image");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The error of a file that is no image, and that it was found out at once.
fn refused(path: &Path) -> String {
    let started = Instant::now();
    let error = open(path, Channels::Rgb).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(2), "{}", path.display());
    let Error::Image { image, message } = &error else { panic!("{error:?}") };
    assert_eq!(*image, path.display().to_string());
    assert!(!message.is_empty());
    error.to_string()
}

#[test]
fn files_that_are_no_images_are_errors() {
    refused(&picture("there is no such file.png"));
    refused(&picture("make.py"));
    refused(&written("empty.png", b""));
    for name in ["rgb.png", "rgb.jpg", "rgb.webp", "rgb.bmp", "rgba.png", "grey16.png"] {
        let whole = std::fs::read(picture(name)).unwrap();
        for part in [1, 8, 20, whole.len() / 4, whole.len() / 3] {
            refused(&written(&format!("cut {part} {name}"), &whole[..part]));
        }
    }
    // Headers that promise more than anybody has.
    let mut png = std::fs::read(picture("rgb.png")).unwrap();
    png[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    refused(&written("vast.png", &png));
    let crc = [&png[12..16], &[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30], &png[24..29]].concat();
    png[12..29].copy_from_slice(&crc);
    let crc = checksum(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    refused(&written("large.png", &png));
    let mut bmp = std::fs::read(picture("rgb.bmp")).unwrap();
    bmp[18..26].copy_from_slice(&[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]);
    refused(&written("large.bmp", &bmp));
}

/// CRC-32 as PNG has it.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// The content says what a file is, not its name.
#[test]
fn a_name_may_lie() {
    let bytes = std::fs::read(picture("rgb.png")).unwrap();
    let found = open(&written("really a png.jpg", &bytes), Channels::Rgb).unwrap();
    assert_eq!(found, open(&picture("rgb.png"), Channels::Rgb).unwrap());
    assert_eq!(open(&written("no ending", &bytes), Channels::Rgb).unwrap(), found);
}

/// A strip one pixel high would be millions of pixels long once it is as high as the network wants: what
/// lies outside of the crop is never computed.
#[test]
fn a_long_thin_picture_takes_no_more_memory_than_its_crop() {
    for size in [[1, 200_000], [200_000, 1]] {
        let data = (0..600_000).map(|index| (index / 3 * 255 / 200_000) as u8).collect();
        let pixels = Pixels { size, channels: Channels::Rgb, data };
        let started = Instant::now();
        let input = prepare(&pixels, &Preprocessing::IMAGENET).unwrap();
        assert_eq!(input.shape().dims(), [1, 3, 224, 224]);
        // Its middle is of one brightness.
        assert!(
            bytes_of(&input, &Preprocessing::IMAGENET)
                .iter()
                .all(|byte| (126..=128).contains(byte))
        );
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn what_cannot_be_made_ready_is_an_error() {
    let image = |error: Error| matches!(error, Error::Image { .. });
    let pixels =
        |size: [usize; 2], length| Pixels { size, channels: Channels::Grey, data: vec![7; length] };
    let recipe = Preprocessing::IMAGENET.channels(Channels::Grey);
    for nothing in [pixels([0, 5], 0), pixels([5, 0], 0), pixels([0, 0], 0)] {
        assert!(image(prepare(&nothing, &recipe).unwrap_err()));
    }
    // Fewer bytes than pixels.
    assert!(image(prepare(&pixels([9, 9], 80), &recipe).unwrap_err()));
    // A crop larger than what it is cut from, and of nothing.
    let small = recipe.resize(Resize::Exact([8, 8])).crop(Some(9));
    assert!(image(prepare(&pixels([9, 9], 81), &small).unwrap_err()));
    let none = recipe.crop(Some(0));
    assert!(image(prepare(&pixels([9, 9], 81), &none).unwrap_err()));
}

#[test]
fn images_of_one_size_make_a_batch() {
    let image = |value: f32, width: usize| Tensor::filled([1, 2, 1, width], value).unwrap();
    let whole = batch(&[image(1.0, 3), image(2.0, 3), image(3.0, 3)]).unwrap();
    assert_eq!(whole.shape().dims(), [3, 2, 1, 3]);
    let want: Vec<f32> = [1.0, 2.0, 3.0].iter().flat_map(|&value| [value; 6]).collect();
    assert_eq!(whole.data(), want);
    let mixed = batch(&[image(1.0, 3), image(2.0, 4)]).unwrap_err();
    assert!(matches!(&mixed, Error::Image { .. }), "{mixed:?}");
    for shape in ["[1, 2, 1, 3]", "[1, 2, 1, 4]"] {
        assert!(mixed.to_string().contains(shape), "{mixed}");
    }
    assert!(matches!(batch(&[]), Err(Error::Image { .. })));
}

//! Files that are cut short, claim what they do not have, are of another kind, or are damaged.

use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, Instant};

use involution::Error;
use involution::image::{Limits, Pixels, open, open_within, read};
use involution::models::Channels;

use super::{Expected, checksum, picture, written};

fn read_bytes(name: &str, bytes: &[u8]) -> Result<Pixels, Error> {
    read(name, Cursor::new(bytes), Channels::Rgb, &Limits::default())
}

/// The message of what cannot be read, and that it was found out at once.
fn message(name: &str, bytes: &[u8]) -> String {
    let started = Instant::now();
    let Err(error) = read_bytes(name, bytes) else { panic!("{name} was read") };
    assert!(started.elapsed() < Duration::from_secs(1), "{name}");
    let Error::Image { image, message } = error else { panic!("{error:?}") };
    assert_eq!(image, name);
    message
}

/// At every byte of every picture: an error where Pillow gives one, and the whole picture where it does not.
#[test]
fn pictures_that_are_cut_short_are_errors_where_pillow_has_them() {
    for (name, needed) in Expected::read().needs() {
        let bytes = std::fs::read(picture(&name)).unwrap();
        let whole = read_bytes(&name, &bytes).unwrap();
        for length in 0..needed {
            message(&name, &bytes[..length]);
        }
        // Pillow does without the last bytes of a BMP, which only fill up, and of the sum behind a PNG's data.
        for length in needed + 4..bytes.len() {
            assert_eq!(read_bytes(&name, &bytes[..length]).unwrap(), whole, "{length} of {name}");
        }
        let longer = [&bytes[..], b"what stands behind it"].concat();
        assert_eq!(read_bytes(&name, &longer).unwrap(), whole, "{name}");
    }
    for name in ["rgb.png", "rgb.bmp", "lossy.webp", "progressive.jpg", "luma_last.jpg"] {
        let bytes = std::fs::read(picture(name)).unwrap();
        assert!(message(name, &bytes[..bytes.len() / 2]).contains("cut short"), "{name}");
    }
    assert!(message("nothing", b"").contains("empty"));
}

/// A PNG that claims this size, of RGB with so many bits, with no data or some.
fn png(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes().into_iter().chain(height.to_be_bytes()));
    header.extend([depth, colour, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    let sum = checksum(&header);
    png.extend(header.into_iter().chain(sum.to_be_bytes()));
    // The first bytes of a stream that would go on.
    let data = b"IDAT\x78\xda\xed\xc1\x31\x01\0\0\0\xc2\xa0\xf5\x4f";
    png.extend((data.len() as u32 - 4).to_be_bytes());
    png.extend(data.iter().copied().chain(checksum(data).to_be_bytes()));
    png
}

/// A BMP with this size in its header, in RGB or in runs.
fn bmp(width: i32, height: i32, bits: u16, coding: u32) -> Vec<u8> {
    let mut bmp = b"BM\x80\0\0\0\0\0\0\0\x36\x04\0\0\x28\0\0\0".to_vec();
    bmp.extend(width.to_le_bytes().into_iter().chain(height.to_le_bytes()));
    bmp.extend([1, 0].into_iter().chain(bits.to_le_bytes()).chain(coding.to_le_bytes()));
    bmp.extend([0; 20]);
    // A palette, and that the data end here.
    bmp.extend([7; 1024].into_iter().chain([0, 1]));
    bmp
}

/// A JPEG with another size in its header.
fn jpeg(name: &str, width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = std::fs::read(picture(name)).unwrap();
    let frame = |pair: &[u8]| matches!(pair, [0xff, 0xc0 | 0xc2]);
    let at = jpeg.windows(2).position(frame).unwrap();
    jpeg[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

/// A WebP with these chunks.
fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, data) in chunks {
        body.extend_from_slice(*name);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend_from_slice(data);
        body.extend(vec![0; data.len() % 2]);
    }
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

#[test]
fn sizes_that_a_file_claims_are_refused_before_anything_is_allocated() {
    let limit = |name: &str, bytes: &[u8]| {
        let message = message(name, bytes);
        assert!(message.contains("above the limit of 536870912 bytes"), "{name}: {message}");
    };
    limit("100000x100000.png", &png(100_000, 100_000, 8, 2));
    limit("60000x60000 of 64 bits.png", &png(60_000, 60_000, 16, 6));
    limit("one bit.png", &png(60_000, 60_000, 1, 0));
    limit("vast.png", &png(0x7fff_ffff, 0x7fff_ffff, 8, 2));
    limit("60000x60000.bmp", &bmp(60_000, 60_000, 24, 0));
    limit("upside down.bmp", &bmp(60_000, -60_000, 32, 0));
    message("runs.bmp", &bmp(60_000, 60_000, 8, 1));
    for name in ["rgb.jpg", "progressive.jpg", "cmyk.jpg", "luma_last.jpg"] {
        limit(name, &jpeg(name, 65_500, 65_500));
    }
    let lossy = b"\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f\0\0\0\0\0\0";
    limit("lossy.webp", &webp(&[(b"VP8 ", lossy)]));
    // 14 bits for each side, less one, and no data.
    let lossless = |side: u32| {
        let sides = (side - 1) | (side - 1) << 14;
        [&[0x2f][..], &sides.to_le_bytes(), &[0; 7]].concat()
    };
    limit("lossless.webp", &webp(&[(b"VP8L", &lossless(16_000))]));
    let canvas = b"\0\0\0\0\xff\xe0\0\xff\xe0\0";
    limit("canvas.webp", &webp(&[(b"VP8X", canvas), (b"VP8L", &lossless(16_000))]));
    // Claims within the limit, without the data for it.
    message("12000x12000.png", &png(12_000, 12_000, 8, 2));
    message("12000x12000.bmp", &bmp(12_000, 12_000, 24, 0));
    assert!(message("12000x12000 of runs.bmp", &bmp(12_000, 12_000, 8, 1)).contains("cut short"));
    for name in ["rgb.jpg", "progressive.jpg", "cmyk.jpg", "luma_last.jpg", "no_tables.jpg"] {
        assert!(message(name, &jpeg(name, 11_000, 11_000)).contains("cut short"), "{name}");
    }
    // A lossless WebP of one colour has no data, and its decoder takes seven bytes for each pixel.
    limit("12000x12000.webp", &webp(&[(b"VP8L", &lossless(12_000))]));
    // Chunks that say that they go on for gigabytes.
    let mut long = webp(&[(b"VP8X", b"\x08\0\0\0\x0f\0\0\x0f\0\0"), (b"EXIF", b"II*\0")]);
    long[34..38].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
    assert!(message("long.webp", &long).contains("cut short"));
}

#[test]
fn the_limit_of_a_picture_is_an_option() {
    for (name, bytes) in [("rgb.png", 13 * 21 * 3), ("rgb.bmp", 13 * 21 * 3), ("rgb.jpg", 1505)] {
        let open = |bytes| open_within(&picture(name), Channels::Rgb, &Limits { bytes });
        open(bytes + 600).unwrap();
        let refused = open(13 * 21 * 3 - 1).unwrap_err().to_string();
        assert!(refused.contains(&format!("limit of {} bytes", 13 * 21 * 3 - 1)), "{refused}");
    }
}

#[test]
fn files_of_other_kinds_are_named_by_their_content() {
    let dicom = [&[0; 128][..], b"DICM"].concat();
    // With the header of the first version alone, and with the end of the second.
    let old_tga = b"\0\0\x02\0\0\0\0\0\0\0\0\0\x05\0\x03\0\x18\0".repeat(3);
    let tga = [&[7; 40][..], b"TRUEVISION-XFILE.\0"].concat();
    let text = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let utf16 = [&b"\xff\xfe"[..], &text("<?xml version=\"1.0\"?><svg/>")].concat();
    let kinds: &[(&[u8], &str)] = &[
        (b"GIF89a\x01\0\x01\0", "GIF"),
        (b"GIF87a\x01\0\x01\0", "GIF"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"II+\0\x08\0\0\0", "TIFF"),
        (b"\0\0\x01\0\x01\0", "ICO"),
        (b"\0\0\x02\0\x01\0", "CUR"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf\n<?xml version=\"1.0\"?>\n<!-- drawn -->\n<svg/>", "SVG"),
        (&utf16, "SVG"),
        (b"\n<!DOCTYPE html><html><head>", "web page"),
        (b"<?xml version=\"1.0\"?><Error/>", "XML"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "HEIF"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "MP4"),
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0\x2f", "JPEG 2000"),
        (b"8BPS\0\x01", "PSD"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (&old_tga, "TGA"),
        (&tga, "TGA"),
        (&dicom, "DICOM"),
        (b"P6\n3 2\n255\n", "PPM"),
        (b"P5 3 2 255\n", "PGM"),
        (b"qoif\0\0\0\x01", "QOI"),
        (b"DDS \x7c\0\0\0", "DDS"),
        (b"\x76\x2f\x31\x01\x02\0\0\0", "OpenEXR"),
        (b"#?RADIANCE\n", "HDR"),
        (b"RIFF\x10\0\0\0AVI LIST", "AVI"),
        (b"PK\x03\x04\x14\0", "ZIP"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"nothing that anybody knows", "no image"),
        (b"\x89PN", "no image"),
    ];
    for (bytes, word) in kinds {
        // What a file is called has no say.
        let file = written("unread.png", bytes);
        let error = open(&file, Channels::Rgb).unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
        assert!(error.ends_with("images are read from PNG, JPEG, WebP and BMP"), "{error}");
    }
    let error = open(Path::new(env!("CARGO_MANIFEST_DIR")), Channels::Rgb).unwrap_err();
    assert!(error.to_string().contains("folder"), "{error}");
}

/// A frame of another size than it says is a fault in the decoder of WebP.
#[test]
fn frames_of_another_size_are_an_error() {
    let mut bytes = std::fs::read(picture("animated.webp")).unwrap();
    let at = bytes.windows(3).position(|code| code == b"\x9d\x01\x2a").unwrap();
    bytes[at + 3] += 1;
    assert!(message("animated.webp", &bytes).contains("another size"));
}

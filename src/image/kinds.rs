//! What a file is, by its content.

use std::io::{Read, Result, Seek, SeekFrom};

/// The kind of a file.
pub(super) enum Kind {
    Png,
    Jpeg,
    WebP,
    Bmp,
    /// Any other, with what is said of it.
    Unread(String),
}

/// How files of one kind begin: `.` stands for any byte.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"GIF8", "a GIF"),
    (b"II*\0", "a TIFF, or a camera's raw file"),
    (b"MM\0*", "a TIFF, or a camera's raw file"),
    (b"II+\0", "a TIFF"),
    (b"MM\0+", "a TIFF"),
    (b"\0\0\x01\0", "an ICO, an icon"),
    (b"\0\0\x02\0", "a CUR, a mouse pointer"),
    (b"icns", "an ICNS, an icon"),
    (b"....ftypavi", "an AVIF"),
    (b"....ftyphei", "a HEIC"),
    (b"....ftyphev", "a HEIC"),
    (b"....ftypmif1", "a HEIF"),
    (b"....ftypmsf1", "a HEIF"),
    (b"....ftypcrx", "a camera's raw file (CR3)"),
    (b"....ftyp", "a film (MP4 or QuickTime)"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"8BPS", "a PSD of Photoshop"),
    (b"gimp xcf", "an XCF of GIMP"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (b"\xd7\xcd\xc6\x9a", "a WMF, a drawing"),
    (b"DDS ", "a DDS"),
    (b"qoif", "a QOI"),
    (b"farbfeld", "a farbfeld"),
    (b"#?RADIANCE", "a Radiance HDR"),
    (b"#?RGBE", "a Radiance HDR"),
    (b"\x76\x2f\x31\x01", "an OpenEXR"),
    (b"SIMPLE  =", "a FITS"),
    (b"BPG\xfb", "a BPG"),
    (b"FLIF", "a FLIF"),
    (b"\x8aMNG", "a MNG"),
    (b"\x8bJNG", "a JNG"),
    (b"\x01\xda", "an SGI picture"),
    (b"\x59\xa6\x6a\x95", "a Sun raster"),
    (b"/* XPM */", "an XPM"),
    (b"AT&TFORM", "a DjVu"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file (RAF)"),
    (b"RIFF....AVI ", "a film (AVI)"),
    (b"\x1a\x45\xdf\xa3", "a film (Matroska or WebM)"),
    (b"\x0a\x05\x01\x08", "a PCX"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS, in place of the file: `git lfs pull` fetches it",
    ),
];

/// What the file is; the source is at its start again.
pub(super) fn of(source: &mut (impl Read + Seek)) -> Result<Kind> {
    let mut start = Vec::new();
    source.by_ref().take(1024).read_to_end(&mut start)?;
    let kind = match &start[..] {
        [] => Kind::Unread("the file is empty".to_owned()),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Kind::Png,
        [0xff, 0xd8, 0xff, ..] => Kind::Jpeg,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Kind::WebP,
        [b'B', b'M', ..] => Kind::Bmp,
        _ => Kind::Unread(match unread(&start) {
            Some(name) => format!("this is {name}"),
            None if tga(&start) || footer(source)? == *b"TRUEVISION-XFILE.\0" => {
                "this is a TGA".to_owned()
            }
            None => "its first bytes are those of no image that is known".to_owned(),
        }),
    };
    source.rewind()?;
    Ok(kind)
}

fn unread(start: &[u8]) -> Option<&'static str> {
    let fits = |signature: &[u8]| {
        start.len() >= signature.len()
            && signature.iter().zip(start).all(|(want, found)| *want == b'.' || want == found)
    };
    // Icons tell how many they are; most TGA have zero in that place.
    let icon = !matches!(start, [0, 0, 1 | 2, 0, 0, ..]);
    if let Some((_, name)) = SIGNATURES.iter().find(|(signature, _)| icon && fits(signature)) {
        return Some(name);
    }
    if let [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n', ..] = start {
        return Some("a PNM (PBM, PGM, PPM or PAM)");
    }
    if start.get(128..132) == Some(b"DICM") {
        return Some("a DICOM");
    }
    // Texts: in 16 bits, too.
    let text: String = start.iter().filter(|&&byte| byte != 0).map(|&byte| byte as char).collect();
    let text = text.to_ascii_lowercase();
    let text = text.trim_start_matches(|char: char| char.is_whitespace() || !char.is_ascii());
    match text {
        _ if !text.starts_with('<') => None,
        _ if text.contains("<svg") => Some("an SVG, a drawing"),
        _ if text.contains("<html") || text.contains("<!doctype html") => Some("a web page"),
        _ => Some("an XML document"),
    }
}

/// Whether this may be the header of a TGA, which has no signature: the kinds of palette and coding, a size, and
/// bits for each pixel.
fn tga(start: &[u8]) -> bool {
    match start {
        [_, 0 | 1, 1..=3 | 9..=11, _, _, _, _, _, _, _, _, _, w, width, h, height, bits, _, ..] => {
            [w, width] != [&0; 2] && [h, height] != [&0; 2] && [8, 15, 16, 24, 32].contains(bits)
        }
        _ => false,
    }
}

/// The last bytes of a file, where it has as many.
fn footer(source: &mut (impl Read + Seek)) -> Result<[u8; 18]> {
    let mut footer = [0; 18];
    if source.seek(SeekFrom::End(0))? >= 18 {
        source.seek(SeekFrom::End(-18))?;
        source.read_exact(&mut footer)?;
    }
    Ok(footer)
}

//! `involution run` on images of which some are broken.

use super::*;

/// Ten of a hundred images cannot be read: each says why, and the ninety are classified.
#[test]
fn bad_images_among_good_ones_end_nothing() {
    let folder = folder("bad images");
    let pictures = repository("tests/images");
    let half = |name: &str| {
        let whole = std::fs::read(pictures.join(name)).unwrap();
        whole[..whole.len() / 2].to_vec()
    };
    // 100000x100000 pixels.
    let mut claims = half("rgb.png");
    claims[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
    claims[29..33].copy_from_slice(&[0x27, 0x30, 0x9c, 0x9f]);
    let mut fault = std::fs::read(pictures.join("animated.webp")).unwrap();
    let frame = fault.windows(3).position(|code| code == b"\x9d\x01\x2a").unwrap();
    fault[frame + 3] += 1;
    let bad: [(Vec<u8>, &str); 10] = [
        (half("rgb.png"), "cut short"),
        (half("progressive.jpg"), "cut short"),
        (half("rgb.bmp"), "cut short"),
        (half("lossy.webp"), "cut short"),
        (claims, "above the limit"),
        (fault, "another size"),
        (Vec::new(), "empty"),
        (b"GIF89a\x01\0\x01\0".to_vec(), "GIF"),
        (b"<svg/>".to_vec(), "SVG"),
        (b"no picture".to_vec(), "PNG, JPEG, WebP and BMP"),
    ];
    let mut paths = Vec::new();
    for (index, (bytes, _)) in bad.iter().enumerate() {
        for digit in 0..9 {
            paths.push(digits(&format!("{digit}.png")));
        }
        let path = folder.join(format!("{index}.png"));
        std::fs::write(&path, bytes).unwrap();
        paths.push(path);
    }
    let mut call = vec!["run".into(), "--json".into(), "--batch".into(), "7".into()];
    call.extend(paths.into_iter().map(PathBuf::into_os_string));
    let ran = involution(&call);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let json = ran.json();
    let rows = json["images"].as_array().unwrap();
    assert_eq!(rows.len(), 100);
    for (index, row) in rows.iter().enumerate() {
        if index % 10 < 9 {
            assert_eq!(row["predictions"][0]["label"], (index % 10).to_string(), "{row}");
            assert!(row["error"].is_null(), "{row}");
        } else {
            let word = bad[index / 10].1;
            assert!(row["error"].as_str().unwrap().contains(word), "{word}: {row}");
            assert_eq!(row["predictions"], serde_json::json!([]));
        }
    }
}

//! `involution compare attention`: what it counts, checks and draws.

use super::{folder, involution, misused};

#[test]
fn both_layers_are_timed_checked_and_drawn() {
    let picture = folder("compare").join("kernels.png");
    let file = picture.to_str().unwrap();
    let small = ["compare", "attention", "--channels", "32", "--size", "11", "--kernel-size", "5"];
    let ran = involution(&[&small[..], &["--draw", file, "--json"]].concat());
    if ran.code == 2 && ran.stderr.contains("needs a GPU") {
        return;
    }
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let json = ran.json();
    let layers = json["layers"].as_array().unwrap();
    // C*C/4, its normalisation, C/4 * 25 * groups and as many biases; and 3*C*C.
    let parameters = [32 * 8 + 16 + 8 * 50 + 50, 3 * 32 * 32, 3 * 32 * 32];
    // The weights once a pixel, and each tap of each channel once, or twice.
    let macs = [32 * 8 + 8 * 50 + 25 * 32, 3 * 1024 + 2 * 25 * 32, 3 * 1024 + 2 * 121 * 32];
    for (layer, (parameters, macs)) in layers.iter().zip(parameters.into_iter().zip(macs)) {
        assert_eq!(layer["parameters"], parameters, "{layer}");
        assert_eq!(layer["macs_per_pixel"], macs, "{layer}");
        assert_eq!(layer["checked"], true, "{layer}");
        assert!(layer["median_ms"].as_f64().unwrap() > 0.0, "{layer}");
    }
    let drawn = image::open(&picture).unwrap().to_rgb8();
    assert_eq!(drawn.dimensions(), (3 * 396 + 16, 396));
    // Windows that would go over the edge are left black: 11 pixels have two of five.
    let black = |x: u32| drawn.get_pixel(396 + 8 + x, 100).0 == [0; 3];
    assert!(black(395) && !(0..360).all(black));
}

#[test]
fn what_cannot_be_compared_is_said() {
    for (arguments, said) in [
        (["--channels", "40"], "no multiple of 16"),
        (["--kernel-size", "4"], "is even"),
        (["--draw", "nowhere/at/all.png"], "there is no folder"),
    ] {
        let ran = involution(&[&["compare", "attention"], &arguments[..]].concat());
        misused(&ran, &[said]);
    }
}

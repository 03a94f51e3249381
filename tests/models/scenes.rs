//! The detector and the segmenter that ship with the crate, on the scenes that do.

use involution::image;
use involution::models::detect::Detector;
use involution::models::detect::boxes::iou;
use involution::models::segment::Segmenter;
use involution::models::{Channels, Images, Model};
use involution::{Layer, StateDict, Tensor, weights};
use serde_json::Value;

use crate::adapters;
use crate::files::directory;

fn scenes() -> std::path::PathBuf {
    directory().parent().unwrap().join("examples/scenes")
}

fn weights_of(name: &str) -> StateDict {
    let loaded = weights::load(&scenes().join(name)).unwrap();
    weights::strip_wrappers(loaded.tensors).unwrap()
}

/// The corners and the class of a digit.
type Digit = ([f32; 4], usize);

/// The names of the scenes, and the digits of each.
fn annotated() -> Vec<(String, Vec<Digit>)> {
    let text = std::fs::read_to_string(scenes().join("test/annotations.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let digits = all["annotations"].as_array().unwrap();
    let names = all["images"].as_array().unwrap().iter();
    names
        .map(|image| {
            let own = digits.iter().filter(|digit| digit["image_id"] == image["id"]);
            let digits = own.map(|digit| {
                let side = |at: usize| digit["bbox"][at].as_f64().unwrap() as f32;
                let [x, y, w, h] = [0, 1, 2, 3].map(side);
                let label = digit["category_id"].as_u64().unwrap() as usize - 1;
                ([x, y, x + w, y + h], label)
            });
            (image["file_name"].as_str().unwrap().to_owned(), digits.collect())
        })
        .collect()
}

/// Nearly all digits are found, each in its box and by its name, and what is found besides is told with less certainty.
#[test]
fn the_detector_finds_the_digits() {
    adapters::each(|gpu| {
        let weights = weights_of("mask_rcnn_digits.safetensors");
        let detector = Detector::from_weights(&weights).unwrap();
        assert_eq!(
            (&*detector.name(), detector.classes()),
            ("mask_rcnn_rednet_neck_fpn_head", Some(10))
        );
        let network =
            detector.load(weights, |layer, weights| gpu.load_shared(layer, weights)).unwrap();
        let (mut all, mut right, mut wrong) = (0, 0, 0);
        for (name, digits) in annotated() {
            let picture = image::open(&scenes().join("test").join(name), Channels::Rgb).unwrap();
            let images = image::fit(&[picture], &detector.preprocessing()).unwrap();
            let found = network.detect(&images).unwrap().remove(0);
            let of = |corners: [f32; 4], label: usize| {
                move |other: [f32; 4], as_label: usize| {
                    as_label == label && iou(corners, other) >= 0.5
                }
            };
            let sure = found.iter().filter(|object| object.score >= 0.5);
            all += digits.len();
            right += digits
                .iter()
                .filter(|&&(corners, label)| {
                    let is = of(corners, label);
                    sure.clone().any(|object| is(object.corners, object.label))
                })
                .count();
            wrong += sure
                .filter(|object| {
                    let is = of(object.corners, object.label);
                    !digits.iter().any(|&(corners, label)| is(corners, label))
                })
                .count();
            // Masks cover a good part of the boxes of objects that are sure.
            for object in found.iter().filter(|object| object.score >= 0.9) {
                let [x1, y1, x2, y2] = object.corners;
                let covered = object.mask.iter().flatten().filter(|is| **is).count();
                let part = covered as f32 / ((x2 - x1) * (y2 - y1));
                assert!((0.15..1.05).contains(&part), "{part} of {:?}", object.corners);
            }
        }
        assert!(all >= 20 && right * 100 >= all * 85, "{right} of {all}");
        assert!(wrong * 100 <= all * 35, "{wrong} besides {all}");
    });
}

/// Nearly all pixels are said to be what they are.
#[test]
fn the_segmenter_names_the_pixels() {
    adapters::each(|gpu| {
        let weights = weights_of("semantic_fpn_digits.safetensors");
        let segmenter = Segmenter::from_weights(&weights).unwrap();
        assert_eq!((&*segmenter.name(), segmenter.classes()), ("fpn_rednet_neck", Some(11)));
        let network =
            segmenter.load(weights, |layer, weights| gpu.load_shared(layer, weights)).unwrap();
        let (mut inked, mut right, mut ground, mut as_ground) = (0, 0, 0, 0);
        for (name, _) in annotated() {
            let open = |name: &str, channels| {
                image::open(&scenes().join("test").join(name), channels).unwrap()
            };
            let labels = open(&name.replace(".png", "_labels.png"), Channels::Grey);
            let picture = open(&name, Channels::Rgb);
            let images = image::fit(&[picture], &segmenter.preprocessing()).unwrap();
            let found = network.segment(&images).unwrap().remove(0);
            assert_eq!(found.size, labels.size);
            for (&found, &label) in found.labels.iter().zip(&labels.data) {
                let (all, same) = match label {
                    0 => (&mut ground, &mut as_ground),
                    _ => (&mut inked, &mut right),
                };
                *all += 1;
                *same += usize::from(found == u16::from(label));
            }
        }
        assert!(inked > 10_000 && right * 100 >= inked * 80, "{right} of {inked} on digits");
        assert!(as_ground * 100 >= ground * 97, "{as_ground} of {ground} between them");
    });
}

/// The part of a scene that `goldens/make_scenes.py` takes for the image; the rest is padding. Originals are twice as large or
/// half.
const VALID: [usize; 2] = [180, 250];

fn padded(name: &str, recipe: &involution::models::Preprocessing, original: [usize; 2]) -> Images {
    let picture = scenes().join("test").join(format!("{name}.png"));
    let picture = image::open(&picture, Channels::Rgb).unwrap();
    let mut images = image::fit(&[picture], recipe).unwrap();
    for (at, value) in images.x.data_mut().iter_mut().enumerate() {
        let (row, column) = (at / 256 % 192, at % 256);
        if row >= VALID[0] || column >= VALID[1] {
            *value = 0.0;
        }
    }
    images.valid = vec![VALID];
    images.original = vec![original];
    images
}

/// What PyTorch finds in double precision: the same boxes by the same names, with the same scores and masks of the same size.
#[test]
fn what_is_found_is_what_pytorch_finds() {
    let goldens = weights::load(&directory().join("goldens/scenes.safetensors")).unwrap().tensors;
    let of =
        |name: &str, what: &str| -> &Tensor { goldens.get(&format!("{name}.{what}")).unwrap() };
    adapters::each(|gpu| {
        let weights = weights_of("mask_rcnn_digits.safetensors");
        let detector = Detector::from_weights(&weights).unwrap();
        let detecting =
            detector.load(weights, |layer, weights| gpu.load_shared(layer, weights)).unwrap();
        let weights = weights_of("semantic_fpn_digits.safetensors");
        let segmenter = Segmenter::from_weights(&weights).unwrap();
        let segmenting =
            segmenter.load(weights, |layer, weights| gpu.load_shared(layer, weights)).unwrap();
        let (mut all, mut alike) = (0, 0);
        for name in ["000", "001", "002", "003"] {
            let images = padded(name, &detector.preprocessing(), VALID.map(|side| 2 * side));
            let found = detecting.detect(&images).unwrap().remove(0);
            let boxes = of(name, "det_boxes").data().as_chunks::<4>().0;
            let rest = of(name, "det_scores").data().iter().zip(of(name, "det_labels").data());
            let rest = rest.zip(of(name, "areas").data());
            assert!(found.len().abs_diff(boxes.len()) <= 1, "{} {}", found.len(), boxes.len());
            // Proposals outside of the image are empty, look all alike, and share nothing with any box.
            let whole = |corners: &[f32; 4]| corners[2] > corners[0] && corners[3] > corners[1];
            let boxes = boxes.iter().zip(rest).filter(|(corners, _)| whole(corners));
            for (corners, ((&score, &label), &area)) in boxes {
                all += 1;
                alike += usize::from(found.iter().any(|object| {
                    let covered = object.mask.iter().flatten().filter(|is| **is).count() as f32;
                    object.label as f32 == label
                        && (object.score - score).abs() < 1e-3
                        && iou(object.corners, *corners) > 0.99
                        && (covered - area).abs() <= 2.0 + 0.01 * area
                }));
            }
            let images = padded(name, &segmenter.preprocessing(), VALID.map(|side| side / 2));
            let map = segmenting.segment(&images).unwrap().remove(0);
            let want = of(name, "seg_map").data();
            let same = map.labels.iter().zip(want).filter(|(a, b)| f32::from(**a) == **b).count();
            assert_eq!(map.labels.len(), want.len());
            assert!(same * 1000 >= want.len() * 999, "{name}: {same} of {}", want.len());
        }
        assert!(all > 40 && alike * 100 >= all * 99, "{alike} of {all}");
    });
}

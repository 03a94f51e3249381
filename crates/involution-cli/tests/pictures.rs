//! `involution detect` and `involution segment`: what they print of images, what they draw, and what is wrong with a call.

use image::{GenericImageView, RgbImage};
use involution::models::Model;
use involution::models::detect::Detector;
use involution::models::segment::Segmenter;

use super::*;

/// The tensors that tell the widths of a narrow network on a RedNet.
fn hints(head: &[(&str, &[usize])]) -> StateDict {
    let mut hints = StateDict::new();
    let mut hint = |name: &str, dims: &[usize]| {
        hints.insert(name, Tensor::filled(involution::Shape::new(dims), 0.0).unwrap());
    };
    hint("stem.4.conv.weight", &[32, 16, 3, 3]);
    for (layer, width) in [(1, 64), (2, 64), (3, 128), (4, 128)] {
        hint(&format!("layer{layer}.0.conv3.weight"), &[width, width / 4, 1, 1]);
    }
    hint("neck.lateral_convs.0.conv.weight", &[32, 64, 1, 1]);
    for (name, dims) in head {
        hint(name, dims);
    }
    hints
}

/// A file of random weights with the names of their classes.
fn store(model: &dyn Model, classes: &[&str], file: &Path) {
    let plans = model.plans(&involution::Shape::from([1, 3, 64, 64])).unwrap();
    let weights: StateDict =
        plans.iter().zip(3..).flat_map(|(plan, seed)| state_of(plan, seed)).collect();
    let classes = serde_json::to_string(classes).unwrap();
    let metadata = BTreeMap::from([("CLASSES".to_owned(), classes)]);
    std::fs::write(file, weights::to_safetensors(&weights, &metadata).unwrap()).unwrap();
}

/// A Mask R-CNN for cats, dogs and newts, which says something of every picture.
fn detector(folder: &Path) -> PathBuf {
    let head: [(&str, &[usize]); 6] = [
        ("rpn_head.rpn_conv.weight", &[32, 32, 3, 3]),
        ("roi_head.bbox_head.fc_cls.weight", &[4, 48]),
        ("roi_head.bbox_head.shared_fcs.0.weight", &[48, 32 * 49]),
        ("roi_head.mask_head.upsample.weight", &[32, 24, 2, 2]),
        ("roi_head.mask_head.conv_logits.weight", &[3, 24, 1, 1]),
        ("roi_head.mask_head.convs.0.0.weight", &[32, 32, 3, 3]),
    ];
    let file = folder.join("detector.safetensors");
    let model = Detector::from_weights(&hints(&head)).unwrap();
    store(&model, &["cat", "dog", "newt"], &file);
    file
}

/// A Semantic FPN for four classes.
fn segmenter(folder: &Path) -> PathBuf {
    let head: [(&str, &[usize]); 2] = [
        ("decode_head.scale_heads.0.0.conv.weight", &[16, 32, 3, 3]),
        ("decode_head.conv_seg.weight", &[4, 16, 1, 1]),
    ];
    let file = folder.join("segmenter.safetensors");
    let model = Segmenter::from_weights(&hints(&head)).unwrap();
    store(&model, &["background", "lawn", "pond", "sky"], &file);
    file
}

/// Two pictures of different sizes, and between them one that is broken.
fn pictures(folder: &Path) -> [PathBuf; 3] {
    let whole = repository("tests/images/rgb.png");
    let tall = RgbImage::from_fn(33, 70, |x, y| image::Rgb([(7 * x) as u8, (3 * y) as u8, 90]));
    let paths = ["wide.png", "broken.png", "tall.png"].map(|name| folder.join(name));
    std::fs::copy(&whole, &paths[0]).unwrap();
    std::fs::write(&paths[1], &std::fs::read(&whole).unwrap()[..50]).unwrap();
    tall.save(&paths[2]).unwrap();
    paths
}

/// The pixels of a mask as COCO compresses it, row by row.
fn decoded(segmentation: &Value) -> (Vec<bool>, [usize; 2]) {
    let size = [0, 1].map(|axis| segmentation["size"][axis].as_u64().unwrap() as usize);
    let (mut runs, mut bits, mut value) = (Vec::<i64>::new(), 0, 0_i64);
    for letter in segmentation["counts"].as_str().unwrap().bytes().map(|it| i64::from(it) - 48) {
        value |= (letter & 0x1f) << bits;
        bits += 5;
        if letter & 0x20 == 0 {
            value -= if letter & 0x10 == 0 { 0 } else { 1 << bits };
            let before = if runs.len() > 2 { runs[runs.len() - 2] } else { 0 };
            runs.push(value + before);
            (bits, value) = (0, 0);
        }
    }
    let [height, width] = size;
    let columns = runs.iter().enumerate().flat_map(|(index, &run)| {
        std::iter::repeat_n(index % 2 == 1, usize::try_from(run).unwrap())
    });
    let columns: Vec<bool> = columns.collect();
    assert_eq!(columns.len(), height * width);
    let at = |index: usize| columns[index % width * height + index / width];
    ((0..height * width).map(at).collect(), size)
}

#[test]
fn detect_finds_draws_and_goes_on_after_a_broken_image() {
    let folder = folder("detect");
    let weights = detector(&folder);
    let [wide, broken, tall] = pictures(&folder);
    let drawn = folder.join("drawn");
    for batch in ["1", "3"] {
        let ran = involution(&arguments![
            "detect",
            "--json",
            "--weights",
            weights,
            "--batch",
            batch,
            "--score",
            "0.1",
            "--draw",
            drawn,
            wide,
            broken,
            tall
        ]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let json = ran.json();
        let names = ["cat", "dog", "newt"];
        for (index, category) in json["categories"].as_array().unwrap().iter().enumerate() {
            assert_eq!(*category, serde_json::json!({ "id": index + 1, "name": names[index] }));
        }
        let images = json["images"].as_array().unwrap();
        assert_eq!(images.len(), 3);
        assert!(images[1]["error"].as_str().unwrap().contains("cut short"), "{}", images[1]);
        let results = json["results"].as_array().unwrap();
        for (image, [height, width]) in [(0, [13, 21]), (2, [70, 33])] {
            let row = &images[image];
            assert_eq!((&row["height"], &row["width"]), (&height.into(), &width.into()));
            let own: Vec<&Value> =
                results.iter().filter(|it| it["image_id"] == row["id"]).collect();
            assert_eq!((row["objects"].as_u64(), !own.is_empty()), (Some(own.len() as u64), true));
            let mut last = 1.0;
            for result in own {
                let bbox = result["bbox"].as_array().unwrap();
                let bbox: Vec<f64> = bbox.iter().map(|it| it.as_f64().unwrap()).collect();
                assert!(bbox.iter().all(|&it| it >= 0.0), "{bbox:?}");
                assert!(bbox[0] + bbox[2] <= width as f64 + 1e-3, "{bbox:?}");
                assert!(bbox[1] + bbox[3] <= height as f64 + 1e-3, "{bbox:?}");
                let score = result["score"].as_f64().unwrap();
                assert!((0.1..=last).contains(&score), "{score} after {last}");
                last = score;
                assert!((1..=3).contains(&result["category_id"].as_u64().unwrap()));
                let (mask, size) = decoded(&result["segmentation"]);
                assert_eq!((size, mask.len()), ([height, width], height * width));
            }
            // A small picture is enlarged, and the legend is below it.
            let picture = image::open(row["drawn"].as_str().unwrap()).unwrap();
            let factor = 640_usize.div_ceil(height.max(width)).min(16);
            assert_eq!(picture.width() as usize, factor * width);
            assert!(picture.height() as usize > factor * height);
        }
        let mut files: Vec<_> = drawn
            .read_dir()
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files, ["tall_objects.png", "wide_objects.png"]);
    }
    // For people: one line for each object. One image is drawn to the file of that name.
    let file = folder.join("one.png");
    let ran = involution(&arguments![
        "detect",
        "--weights",
        weights,
        "--score",
        "0",
        wide,
        "--draw",
        file
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines = |text: &str| text.lines().filter(|line| line.starts_with("   0.")).count();
    assert!(lines(&ran.stdout) > 0 && ran.stdout.contains("newt"), "{}", ran.stdout);
    assert_eq!(image::open(&file).unwrap().width(), 16 * 21);
    let ran = involution(&arguments!["detect", "--weights", weights, "--score", "1", wide]);
    assert!(ran.code == 0 && ran.stdout.contains("0 objects with a score of at least 1"));
}

#[test]
fn segment_names_every_pixel() {
    let folder = folder("segment");
    let weights = segmenter(&folder);
    let [wide, broken, tall] = pictures(&folder);
    let [maps, drawn] = ["maps", "drawn"].map(|name| folder.join(name));
    for slide in [&[][..], &["--slide"]] {
        let mut call = vec!["segment", "--json", "--batch", "2"];
        call.extend(slide);
        let call = call.iter().map(|it| std::ffi::OsStr::new(*it));
        let files =
            arguments!["--weights", weights, "--output", maps, "--draw", drawn, wide, broken, tall];
        let ran = involution(&call.chain(files).collect::<Vec<_>>());
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let json = ran.json();
        let images = json["images"].as_array().unwrap();
        assert!(images[1]["error"].as_str().unwrap().contains("cut short"), "{}", images[1]);
        for (image, [height, width]) in [(0, [13, 21]), (2, [70, 33])] {
            let row = &images[image];
            let map = image::open(row["labels"].as_str().unwrap()).unwrap();
            assert_eq!(map.color(), image::ColorType::L8);
            assert_eq!((map.height(), map.width()), (height, width));
            let map = map.to_luma8();
            let mut covered = 0;
            for class in row["classes"].as_array().unwrap() {
                let index = class["index"].as_u64().unwrap();
                assert_eq!(class["label"], ["background", "lawn", "pond", "sky"][index as usize]);
                let pixels = map.pixels().filter(|it| u64::from(it.0[0]) == index).count();
                assert_eq!(class["pixels"], pixels);
                covered += pixels;
                let own = json["results"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|it| it["image_id"] == row["id"] && it["category_id"] == index + 1);
                let (mask, _) = decoded(&own.unwrap()["segmentation"]);
                assert!(
                    mask.iter()
                        .zip(map.pixels())
                        .all(|(&on, it)| on == (u64::from(it.0[0]) == index))
                );
            }
            assert_eq!(covered, (height * width) as usize);
            let picture = image::open(row["drawn"].as_str().unwrap()).unwrap();
            assert!(picture.width() > width && picture.height() > height);
        }
    }
    let ran = involution(&arguments!["segment", "--weights", weights, tall]);
    assert!(ran.code == 0 && ran.stdout.contains(" % "), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn wrong_calls_are_refused_before_anything_runs() {
    let folder = folder("refused pictures");
    let [detector, segmenter] = [detector(&folder), segmenter(&folder)];
    let [wide, _, tall] = pictures(&folder);
    let detect = |rest: &[&std::ffi::OsStr]| {
        let call = arguments!["detect", "--weights", detector].into_iter();
        involution(&call.chain(rest.iter().copied()).collect::<Vec<_>>())
    };
    misused(&detect(&arguments!["--score", "1.5", wide]), &["--score", "between 0 and 1"]);
    misused(&detect(&arguments!["--batch", "0", wide]), &["--batch"]);
    misused(&detect(&arguments![]), &["IMAGE"]);
    misused(&detect(&arguments!["--draw", wide, wide]), &["is the image itself"]);
    misused(&detect(&arguments!["--draw", segmenter, wide, tall]), &["need a folder"]);
    misused(&detect(&arguments!["--draw", "-", wide, tall]), &["need a folder"]);
    let nowhere = folder.join("none").join("out.png");
    misused(&detect(&arguments!["--draw", nowhere, wide]), &["no folder"]);
    let names = folder.join("names.txt");
    std::fs::write(&names, "one\ntwo\n").unwrap();
    misused(&detect(&arguments!["--labels", names, wide]), &["2 names", "3 classes"]);
    // Weights of another kind of network.
    let ran = involution(&arguments!["detect", "--weights", segmenter, wide]);
    misused(&ran, &["segmenter.safetensors", "mmdetection"]);
    let ran = involution(&arguments!["segment", "--weights", detector, wide]);
    misused(&ran, &["detector.safetensors", "mmsegmentation"]);
    let ran = involution(&arguments![
        "segment",
        "--weights",
        segmenter,
        "--output",
        "-",
        "--draw",
        "-",
        wide
    ]);
    misused(&ran, &["--draw and --output", "stdout"]);
}

/// A picture of that name may stand in several folders.
#[test]
fn what_is_drawn_overwrites_nothing() {
    let folder = folder("same names");
    let weights = detector(&folder);
    let [wide, _, tall] = pictures(&folder);
    let other = folder.join("other");
    std::fs::create_dir(&other).unwrap();
    let second = other.join("wide.png");
    std::fs::copy(&tall, &second).unwrap();
    let before = std::fs::read(&wide).unwrap();
    let ran = involution(&arguments![
        "detect",
        "--json",
        "--weights",
        weights,
        "--draw",
        folder,
        wide,
        second
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(std::fs::read(&wide).unwrap(), before);
    let json = ran.json();
    let drawn: Vec<PathBuf> = json["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| PathBuf::from(row["drawn"].as_str().unwrap()))
        .collect();
    assert_eq!(drawn, ["wide_objects.png", "wide_2_objects.png"].map(|name| folder.join(name)));
    let sizes = drawn.iter().map(|path| image::open(path).unwrap().dimensions().0);
    assert_eq!(sizes.collect::<Vec<_>>(), [16 * 21, 10 * 33]);
}

/// What both commands find where nothing is given, beside what is drawn on the scene.
#[test]
fn the_shipped_networks_know_their_scene() {
    let test = repository("examples/scenes/test");
    let truth = std::fs::read_to_string(test.join("annotations.json")).unwrap();
    let truth: Value = serde_json::from_str(&truth).unwrap();
    let bbox = |value: &Value| [0, 1, 2, 3].map(|at| value["bbox"][at].as_f64().unwrap());
    let iou = |[ax, ay, aw, ah]: [f64; 4], [bx, by, bw, bh]: [f64; 4]| {
        let width = (ax + aw).min(bx + bw) - ax.max(bx);
        let height = (ay + ah).min(by + bh) - ay.max(by);
        let both = width.max(0.0) * height.max(0.0);
        both / (aw * ah + bw * bh - both)
    };
    let ran = involution(&["detect", "--json", "--score", "0.5"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let json = ran.json();
    assert_eq!(json["images"][0]["image"], "examples/scenes/test/003.png");
    let found = json["results"].as_array().unwrap();
    let images = truth["images"].as_array().unwrap();
    let image = images.iter().find(|it| it["file_name"] == "003.png").unwrap();
    let digits = truth["annotations"].as_array().unwrap().iter();
    let digits: Vec<&Value> = digits.filter(|it| it["image_id"] == image["id"]).collect();
    let seen = digits.iter().filter(|digit| {
        found
            .iter()
            .any(|it| it["category_id"] == digit["category_id"] && iou(bbox(it), bbox(digit)) > 0.5)
    });
    let seen = seen.count();
    assert!(4 * seen >= 3 * digits.len() && digits.len() >= 4, "{seen} of {}", digits.len());
    assert!(found.len() <= 2 * digits.len(), "{} objects", found.len());

    let map = folder("shipped").join("map.png");
    let ran = involution(&arguments!["segment", "--output", map]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let [map, truth] =
        [map, test.join("003_labels.png")].map(|it| image::open(it).unwrap().to_luma8());
    assert_eq!(map.dimensions(), truth.dimensions());
    let pairs = map.pixels().zip(truth.pixels()).filter(|(_, truth)| truth.0[0] > 0);
    let right: Vec<bool> = pairs.map(|(map, truth)| map == truth).collect();
    let hits = right.iter().filter(|hit| **hit).count();
    assert!(10 * hits >= 7 * right.len(), "{hits} of {} pixels", right.len());
}

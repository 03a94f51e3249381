//! Images against OpenCV, and batches of images of several sizes: `images/make_resized.py` wrote the pictures.

use involution::image::{Pixels, fit, prepare};
use involution::models::{Channels, Preprocessing, Resize};
use safetensors::SafeTensors;

use super::{bytes_of, picture};

#[test]
fn pictures_fit_as_opencv_resizes_them() {
    let bytes = std::fs::read(picture("resized.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let names = tensors.names().into_iter().filter_map(|name| name.strip_prefix("from/"));
    let mut cases = 0;
    for name in names {
        let [_, long, short] =
            name.split('_').map(|it| it.parse().unwrap()).collect::<Vec<_>>()[..]
        else {
            panic!("{name}")
        };
        let [from, to] =
            ["from", "to"].map(|side| tensors.tensor(&format!("{side}/{name}")).unwrap());
        let &[height, width, channels] = from.shape() else { panic!("{name}") };
        let channels = if channels == 3 { Channels::Rgb } else { Channels::Grey };
        let pixels = Pixels { size: [height, width], channels, data: from.data().to_vec() };
        let recipe = Preprocessing::COCO.size_divisor(1).resize(Resize::Within { long, short });
        let images = fit(&[pixels], &recipe).unwrap();
        assert_eq!(images.valid[0], to.shape()[..2], "{name}");
        assert_eq!(images.original[0], [height, width], "{name}");
        let found = bytes_of(&images.x, &recipe);
        let (most, mean) = super::apart(&found, to.data());
        assert_eq!(most, 0, "{name}, {height}x{width} to {:?}: {mean}", to.shape());
        cases += 1;
    }
    assert_eq!(cases, 48);
}

#[test]
fn sizes_are_those_of_detectors_and_segmenters() {
    let sizes = [
        (Preprocessing::COCO, [480, 640], [800, 1067], [800, 1088]),
        (Preprocessing::COCO, [640, 427], [1199, 800], [1216, 800]),
        (Preprocessing::COCO, [200, 1000], [267, 1333], [288, 1344]),
        (Preprocessing::COCO, [1, 4000], [1, 1333], [32, 1344]),
        (Preprocessing::CITYSCAPES, [1024, 2048], [1024, 2048], [1024, 2048]),
        (Preprocessing::CITYSCAPES, [1080, 1920], [1024, 1820], [1024, 1824]),
        (Preprocessing::COCO.resize(Resize::None), [192, 250], [192, 250], [192, 256]),
    ];
    for (recipe, from, to, padded) in sizes {
        assert_eq!(recipe.resize.target(from), Some(to), "{from:?}");
        assert_eq!(recipe.padded(to), padded, "{from:?}");
    }
    assert_eq!(Preprocessing::COCO.input(2).dims(), [2, 3, 800, 1344]);
    assert_eq!(Preprocessing::CITYSCAPES.input(1).dims(), [1, 3, 1024, 2048]);
    assert_eq!(Preprocessing::COCO.size(), None);
    assert_eq!(Preprocessing::COCO.resize.target([0, 5]), None);
}

/// A grey level at each pixel, no two neighbours alike.
fn ramp(size: [usize; 2], channels: Channels) -> Pixels {
    let bytes = size[0] * size[1] * channels.count();
    Pixels { size, channels, data: (0..bytes).map(|index| (index % 251) as u8 + 1).collect() }
}

/// Each image of a batch lies in its corner, as it does alone, and zeros are around it.
#[test]
fn a_batch_is_padded_to_the_largest() {
    let recipe = Preprocessing::COCO.resize(Resize::None);
    let sizes = [[33, 40], [64, 17], [1, 1]];
    let pictures = sizes.map(|size| ramp(size, Channels::Rgb));
    let images = fit(&pictures, &recipe).unwrap();
    assert_eq!(images.x.shape().dims(), [3, 3, 64, 64]);
    assert_eq!((&images.valid[..], &images.original[..]), (&sizes[..], &sizes[..]));
    let plane = |x: &involution::Tensor, image: usize, channel: usize, [y, w]: [usize; 2]| {
        let dims = x.shape().dims().to_vec();
        let row = ((image * 3 + channel) * dims[2] + y) * dims[3];
        x.data()[row..row + dims[3]].iter().take(w).copied().collect::<Vec<f32>>()
    };
    for (index, (picture, [height, width])) in pictures.iter().zip(sizes).enumerate() {
        let alone = prepare(picture, &recipe.size_divisor(1)).unwrap();
        for channel in 0..3 {
            for y in 0..64 {
                let row = plane(&images.x, index, channel, [y, 64]);
                let inside = if y < height { width } else { 0 };
                assert!(row[inside..].iter().all(|&value| value == 0.0), "{index}, row {y}");
                if y < height {
                    assert_eq!(row[..width], plane(&alone, 0, channel, [y, width]));
                }
            }
        }
    }
    // A byte that is the mean would be zero: none is.
    assert!(images.x.data()[..40].iter().all(|&value| value != 0.0));
}

#[test]
fn what_is_no_batch_is_refused() {
    let recipe = Preprocessing::COCO;
    let said = |pictures: &[Pixels], recipe| fit(pictures, recipe).unwrap_err().to_string();
    let [colour, grey] = [Channels::Rgb, Channels::Grey].map(|channels| ramp([2, 3], channels));
    assert!(said(&[], &recipe).contains("no images"));
    assert!(said(&[colour.clone(), grey], &recipe).contains("grey"));
    assert!(said(std::slice::from_ref(&colour), &Preprocessing::IMAGENET).contains("cut off"));
    let short = Pixels { size: [2, 4], ..colour.clone() };
    assert!(said(&[short], &recipe).contains("18 bytes"));
    let huge = recipe.resize(Resize::Within { long: usize::MAX, short: usize::MAX });
    assert!(fit(&[colour], &huge).is_err());
}

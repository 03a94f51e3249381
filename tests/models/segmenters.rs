//! Segmenters: their published figures, which network weights belong to, and their results on a device beside the reference.

use involution::gpu::Network;
use involution::models::segment::{SEGMENTERS, Segmenter, Segmenting};
use involution::models::{self, Images, Model, Task};
use involution::{Gpu, Layer, Plan, Shape, StateDict, Tensor, reference};

use crate::adapters;
use crate::networks::{assert_close, input, state_of, zeros_of};

/// Parameters, and multiply-adds in units of 10^9 of an image of 1024x2048.
const FIGURES: [(&str, u64, &str); 3] = [
    ("fpn_red50", 18_463_169, "292.9"),
    ("fpn_red50_neck", 16_372_737, "204.0"),
    ("upernet_red50", 56_380_500, "1824.5"),
];

#[test]
fn segmenters_have_the_published_figures() {
    let x = Shape::from([1, 3, 1024, 2048]);
    assert_eq!(FIGURES.map(|(name, ..)| name), *SEGMENTERS);
    for (name, parameters, macs) in FIGURES {
        let model = models::by_name(name, None).unwrap();
        assert_eq!(
            (&*model.name(), model.task(), model.classes()),
            (name, Task::Segment, Some(19))
        );
        let plan = model.plan(&x).unwrap();
        assert_eq!(plan.parameters(), parameters, "{name}");
        let counted = plan.keep(&["logits_s4"]).unwrap().macs().unwrap();
        assert_eq!(format!("{:.1}", counted as f64 / 1e9), macs, "{name}");
        let weights = zeros_of(&model.plan(&Shape::from([1, 3, 64, 64])).unwrap());
        let found = models::recognise(&weights).unwrap();
        assert_eq!((&*found.name(), found.labels().map(|it| it[0])), (name, Some("road")));
    }
}

/// A narrow network of some kind with random weights, for five classes.
fn narrow(kind: &str) -> (Segmenter, StateDict) {
    let mut hints = StateDict::new();
    let mut hint = |name: &str, dims: &[usize]| {
        hints.insert(name, Tensor::filled(Shape::new(dims), 0.0).unwrap());
    };
    hint("stem.4.conv.weight", &[32, 16, 3, 3]);
    for (layer, width) in [(1, 64), (2, 64), (3, 128), (4, 128)] {
        hint(&format!("layer{layer}.0.conv3.weight"), &[width, width / 4, 1, 1]);
    }
    hint("decode_head.conv_seg.weight", &[5, 24, 1, 1]);
    if kind == "upernet" {
        hint("decode_head.psp_modules.0.1.conv.weight", &[24, 128, 1, 1]);
    } else {
        hint("decode_head.scale_heads.0.0.conv.weight", &[24, 32, 3, 3]);
        hint("neck.lateral_convs.0.conv.weight", &[32, 64, 1, 1]);
    }
    if kind == "fpn_neck" {
        hint("neck.fpn_convs.0.conv1.conv.weight", &[8, 32, 1, 1]);
    }
    let segmenter = Segmenter::from_weights(&hints).unwrap();
    let mut weights = state_of(&plan(&segmenter), 6);
    // So that no class is the largest everywhere: features are positive.
    let name = "decode_head.conv_seg.weight";
    let mut head = weights.get(name).unwrap().clone();
    for row in head.data_mut().chunks_mut(24) {
        let mean = row.iter().sum::<f32>() / 24.0;
        row.iter_mut().for_each(|value| *value -= mean);
    }
    weights.insert(name, head);
    weights.insert("decode_head.conv_seg.bias", Tensor::filled([5], 0.0).unwrap());
    (segmenter, weights)
}

fn plan(segmenter: &Segmenter) -> Plan {
    segmenter.plan(&Shape::from([1, 3, 64, 64])).unwrap()
}

fn on_gpu(gpu: &Gpu, kind: &str) -> Segmenting<Network> {
    let (segmenter, weights) = narrow(kind);
    segmenter.load(weights, |layer, weights| gpu.load_shared(layer, weights)).unwrap()
}

fn images(valid: &[[usize; 2]]) -> Images {
    let x = input(&[valid.len(), 3, 64, 96], 8);
    let original = valid.iter().map(|[h, w]| [h * 3 / 2, w * 2 / 3]).collect();
    Images { x, valid: valid.to_vec(), original }
}

#[test]
fn every_result_is_that_of_the_reference() {
    adapters::each(|gpu| {
        for kind in ["fpn", "fpn_neck", "upernet"] {
            let (segmenter, weights) = narrow(kind);
            let (names, images) = (segmenter.results(), images(&[[59, 90]]));
            let found = on_gpu(gpu, kind).forward(&images, &names).unwrap();
            let by_reference = segmenter.load(weights, reference::Network::new).unwrap();
            let want = by_reference.forward(&images, &names).unwrap();
            let listed: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(listed, names, "{kind}");
            for ((name, found), (_, want)) in found.iter().zip(&want) {
                if name != "seg_map" {
                    assert_close(&format!("{kind}: {name}"), found, want, 1e-4);
                    continue;
                }
                assert_eq!(found.shape().dims(), [1, 1, 88, 60]);
                let same = found.data().iter().zip(want.data()).filter(|(a, b)| a == b).count();
                assert!(same * 1000 >= found.data().len() * 999, "{kind}: {same}");
                let first = found.data()[0];
                assert!(found.data().iter().any(|&label| label != first), "{kind}: one label");
            }
        }
    });
}

/// What is seen in an image is the same whatever lies beside it in the batch, and in one window that covers all of it.
#[test]
fn a_batch_is_its_images_and_a_window_is_its_image() {
    adapters::each(|gpu| {
        let network = on_gpu(gpu, "fpn_neck");
        let both = images(&[[64, 96], [50, 70]]);
        let found = network.segment(&both).unwrap();
        let slid = network.slide(&both, [999, 999], [1, 1]).unwrap();
        for (sample, (found, slid)) in found.iter().zip(&slid).enumerate() {
            let data = both.x.data().chunks(3 * 64 * 96).nth(sample).unwrap().to_vec();
            let alone = Images {
                x: Tensor::new([1, 3, 64, 96], data).unwrap(),
                valid: vec![both.valid[sample]],
                original: vec![both.original[sample]],
            };
            let want = network.segment(&alone).unwrap().remove(0);
            assert_eq!(found.size, both.original[sample]);
            for other in [found, slid] {
                let same = other.labels.iter().zip(&want.labels).filter(|(a, b)| a == b).count();
                assert!(same * 1000 >= want.labels.len() * 999, "{same} of {}", want.labels.len());
            }
        }
    });
}

/// Windows by the definition: their logits at their size are added up and divided by how many there are.
#[test]
fn windows_are_averaged() {
    adapters::each(|gpu| {
        let network = on_gpu(gpu, "fpn");
        let (segmenter, weights) = narrow("fpn");
        let x = input(&[1, 3, 64, 96], 8);
        let images = Images { x, valid: vec![[64, 96]], original: vec![[64, 96]] };
        let found = network.slide(&images, [64, 64], [64, 32]).unwrap().remove(0);
        // Columns 0 to 63 and 32 to 95: those in the middle are seen twice.
        let mut sums = vec![[0f64; 5]; 64 * 96];
        for left in [0, 32] {
            let cut = images.x.data().chunks(96).flat_map(|row| row[left..left + 64].to_vec());
            let cut = Images::whole(Tensor::new([1, 3, 64, 64], cut.collect()).unwrap()).unwrap();
            let by_reference = segmenter.load(weights.clone(), reference::Network::new).unwrap();
            let logits = by_reference.forward(&cut, &["seg_logits"]).unwrap().remove(0).1;
            for (at, &logit) in logits.data().iter().enumerate() {
                let (class, row, column) = (at / (64 * 64), at / 64 % 64, at % 64);
                let count = if (32..64).contains(&(left + column)) { 2.0 } else { 1.0 };
                sums[row * 96 + left + column][class] += f64::from(logit) / count;
            }
        }
        let largest =
            |of: &[f64; 5]| (1..5).fold(0, |most, at| if of[at] > of[most] { at } else { most });
        let want = sums.iter().map(largest);
        let same = found.labels.iter().zip(want).filter(|(a, b)| usize::from(**a) == *b).count();
        assert!(same * 1000 >= found.labels.len() * 998, "{same} of {}", found.labels.len());
        assert!(network.slide(&images, [0, 64], [64, 32]).is_err());
    });
}

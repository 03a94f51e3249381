//! The network that comes with the crate, on the images that it was tested with.

use involution::models::{self, RedNet};
use involution::weights;
use involution::{Layer, Shape, StateDict, Tensor};

use crate::files::directory;
use crate::networks::assert_close;
use crate::{adapters, digits_example};

/// The test images, their labels, and what PyTorch computes in double precision.
pub fn test_set() -> (Tensor, Vec<usize>, Tensor) {
    let file = directory().parent().unwrap().join("examples/digits/test.safetensors");
    let tensors = weights::load(&file).unwrap().tensors;
    let get = |name: &str| tensors.get(name).unwrap().clone();
    let labels = get("labels").data().iter().map(|&label| label as usize).collect();
    (get("x"), labels, get("logits"))
}

/// The samples from `start` on, `count` of them.
pub fn samples(x: &Tensor, start: usize, count: usize) -> Tensor {
    let mut dims = x.shape().dims().to_vec();
    let size = x.data().len() / dims[0];
    dims[0] = count;
    Tensor::new(Shape::new(dims), x.data()[start * size..(start + count) * size].to_vec()).unwrap()
}

/// The class with the largest logit, for each image.
pub fn classes(logits: &Tensor) -> Vec<usize> {
    let largest = |row: &[f32]| (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    logits.data().chunks(10).map(largest).collect()
}

#[test]
fn the_network_reads_digits_as_pytorch_does() {
    let (x, labels, stored) = test_set();
    assert_eq!((x.shape().dims(), labels.len()), (&[360, 1, 8, 8][..], 360));
    let answers = classes(&stored);
    let right = answers.iter().zip(&labels).filter(|(answer, label)| answer == label).count();
    assert_eq!(right, 358, "the README says 2 of 360 are wrong");
    adapters::each(|gpu| {
        let network = gpu.load(RedNet::digits(), models::digits_weights().unwrap()).unwrap();
        // All at once, and in batches that do not come out even.
        for batch in [360, 77] {
            for start in (0..360).step_by(batch) {
                let count = batch.min(360 - start);
                let logits = network.run(&samples(&x, start, count)).unwrap();
                let want = samples(&stored, start, count);
                assert_close(&format!("{batch} at {start}"), &logits, &want, 1e-4);
                let found = classes(&logits);
                assert_eq!(found, answers[start..start + count]);
                let right = found.iter().zip(&labels[start..]).filter(|(a, b)| a == b).count();
                assert!(right as f64 >= 0.97 * count as f64, "{right} of {count}");
            }
        }
        adapters::count(1);
    });
    // The reference, on a few.
    let (layer, weights) = (RedNet::digits(), models::digits_weights().unwrap());
    let few = samples(&x, 100, 3);
    let plan = layer.plan(few.shape()).unwrap().keep(&["logits"]).unwrap();
    let found = involution::reference::run_plan(&plan, &weights, &[&few]).unwrap().remove(0).1;
    assert_close("reference", &found, &samples(&stored, 100, 3), 1e-5);
}

/// The file as it lies there, by its own names, is recognised; what it says of itself is there, too.
#[test]
fn the_files_weights_are_the_networks() {
    let file = directory().parent().unwrap().join("examples/digits/rednet_digits.safetensors");
    let loaded = weights::load(&file).unwrap();
    assert!(
        loaded.skipped.is_empty() || loaded.skipped.iter().all(|s| s.name.contains("num_batches"))
    );
    assert!(loaded.tensors.has_prefix("backbone.stem.") && loaded.tensors.has_prefix("head.fc."));
    assert!(loaded.metadata.contains_key("config"));
    let stripped: StateDict = weights::strip_wrappers(loaded.tensors).unwrap();
    assert_eq!(stripped, models::digits_weights().unwrap());
    let model = models::recognise(&stripped).unwrap();
    assert_eq!((&*model.name(), model.classes()), ("rednet_digits", Some(10)));
    assert_eq!(model.labels().unwrap(), models::DIGITS);
    assert_eq!(model.results(), ["logits", "c2", "c3"]);
    assert_eq!(model.preprocessing().input(1).dims(), [1, 1, 8, 8]);
}

/// What `cargo run --example digits` prints, on every adapter: its README's table.
#[test]
fn the_example_counts_what_its_readme_says() {
    adapters::each(|gpu| {
        let summary = digits_example::read(&digits_example::on(gpu).unwrap()).unwrap();
        assert_eq!((summary.images(), summary.right(), summary.same), (360, 358, 360));
        assert!(summary.distance < 1e-3, "{}", summary.distance);
        assert_eq!((summary.confusion[8][3], summary.confusion[9][3]), (1, 1));
        let rows: Vec<usize> = summary.confusion.iter().map(|row| row.iter().sum()).collect();
        assert_eq!(rows, [36, 36, 35, 37, 36, 37, 36, 36, 35, 36]);
    });
    // The reference answers by itself where there is no adapter.
    let (x, _, logits) = test_set();
    let run = digits_example::on_reference().unwrap();
    assert_close("reference", &run(&samples(&x, 7, 2)).unwrap(), &samples(&logits, 7, 2), 1e-5);
}

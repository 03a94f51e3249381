//! Names without what wrappers put before them.

use involution::weights::{load, strip_wrappers};
use involution::{StateDict, Tensor, WeightsError};

fn named(names: &[&str]) -> StateDict {
    let value = |index: usize| Tensor::filled([1], index as f32).unwrap();
    names.iter().enumerate().map(|(index, name)| ((*name).to_owned(), value(index))).collect()
}

fn stripped(names: &[&str]) -> Vec<String> {
    strip_wrappers(named(names)).unwrap().names().map(str::to_owned).collect()
}

#[test]
fn wrappers_are_taken_away() {
    for (name, bare) in [
        ("module.conv1.weight", "conv1.weight"),
        ("module.module.conv1.weight", "conv1.weight"),
        ("_orig_mod.conv1.weight", "conv1.weight"),
        ("module._orig_mod.conv1.weight", "conv1.weight"),
        ("_orig_mod.module.backbone.conv1.weight", "conv1.weight"),
        ("backbone.stem.0.conv.weight", "stem.0.conv.weight"),
        ("backbone.layer1.0.conv2.conv2.conv.bias", "layer1.0.conv2.conv2.conv.bias"),
        ("head.fc.weight", "fc.weight"),
        ("module.head.fc.bias", "fc.bias"),
    ] {
        assert_eq!(stripped(&[name]), [bare]);
    }
}

#[test]
fn names_of_networks_stay() {
    for name in [
        "fc.weight",
        "layer1.0.downsample.0.weight",
        "features.0.0.weight",
        "features.1.conv.0.0.weight",
        "classifier.1.bias",
        "stem.1.conv2.conv.weight",
        "neck.module.weight",
        "head.fcs.weight",
        "my_backbone.weight",
        "module.",
        "head.fc.",
    ] {
        assert_eq!(stripped(&[name]), [name]);
    }
}

#[test]
fn a_network_is_the_same_however_it_was_saved() {
    let bare = stripped(&["stem.0.conv.weight", "layer4.1.bn3.bias", "fc.weight"]);
    for saved in [
        ["backbone.stem.0.conv.weight", "backbone.layer4.1.bn3.bias", "head.fc.weight"],
        ["module.stem.0.conv.weight", "module.layer4.1.bn3.bias", "module.fc.weight"],
        ["stem.0.conv.weight", "layer4.1.bn3.bias", "head.fc.weight"],
    ] {
        assert_eq!(stripped(&saved), bare);
    }
    let file = |name: &str| load(&super::files().join(name)).unwrap().tensors;
    assert_eq!(
        strip_wrappers(file("parallel.pth")).unwrap(),
        strip_wrappers(file("checkpoint.pth")).unwrap()
    );
}

#[test]
fn two_tensors_of_one_name_are_an_error() {
    let error = strip_wrappers(named(&["fc.weight", "module.fc.weight"])).unwrap_err();
    assert_eq!(
        error,
        WeightsError::NameCollision {
            name: "fc.weight".to_owned(),
            first: "fc.weight".to_owned(),
            second: "module.fc.weight".to_owned(),
        }
    );
    assert!(strip_wrappers(named(&["fc.bias", "head.fc.bias"])).is_err());
}

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
        ("model.conv1.weight", "conv1.weight"),
        ("_module.conv1.weight", "conv1.weight"),
        ("_orig_mod.module.model.conv1.weight", "conv1.weight"),
        ("model._orig_mod._module.module.model.conv1.weight", "conv1.weight"),
        ("_fsdp_wrapped_module._checkpoint_wrapped_module.conv1.weight", "conv1.weight"),
        // Of a part of a network.
        (
            "layer1._fsdp_wrapped_module.0._checkpoint_wrapped_module.conv1.weight",
            "layer1.0.conv1.weight",
        ),
        ("layer1._orig_mod.0.conv1.weight", "layer1.0.conv1.weight"),
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
        "model.",
        "_orig_mod.",
        "head.fc.",
        "remodel.weight",
        "layer1._orig_model.weight",
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

/// What only some names begin with is part of these names.
#[test]
fn prefixes_of_some_names_stay() {
    for names in [
        &["fc.weight", "module.fc.weight"][..],
        &["criterion.weight", "model.fc.weight"],
        &["model.fc.weight", "module.fc.weight"],
        &["model.", "model.fc.weight"],
    ] {
        assert_eq!(stripped(names), names);
    }
    // What all share in front of that goes.
    assert_eq!(stripped(&["module.a.w", "module.model.w"]), ["a.w", "model.w"]);
    assert_eq!(stripped(&["_orig_mod.model.a", "model._orig_mod.b"]), ["a", "b"]);
}

#[test]
fn two_tensors_of_one_name_are_an_error() {
    let error = strip_wrappers(named(&["backbone.fc.weight", "fc.weight"])).unwrap_err();
    assert_eq!(
        error,
        WeightsError::NameCollision {
            name: "fc.weight".to_owned(),
            first: "backbone.fc.weight".to_owned(),
            second: "fc.weight".to_owned(),
        }
    );
    assert!(strip_wrappers(named(&["fc.bias", "head.fc.bias"])).is_err());
    assert!(strip_wrappers(named(&["_orig_mod.fc.bias", "fc.bias"])).is_err());
}

/// Where no name is right, what all begin with is named.
#[test]
fn a_mismatch_names_the_prefix() {
    let shape = involution::Shape::from([1]);
    for (expected, found, prefix) in [
        (
            &["conv.weight", "fc.weight"][..],
            &["net.conv.weight", "net.fc.weight"][..],
            Some("net."),
        ),
        (&["conv.weight", "fc.weight"], &["a.b.conv.weight", "a.b.fc.weight"], Some("a.b.")),
        (&["conv.weight"], &["net.x.weight", "net.y.weight"], Some("net.")),
        (&["conv.weight"], &["x.weight", "y.weight"], None),
        (&["conv.weight"], &["x"], None),
        (&["conv.weight", "conv.bias"], &["conv.weight", "conv.gamma"], None),
        (&["conv.weight", "conv.bias"], &["conv.weight", "conv.bias", "conv.gamma"], None),
    ] {
        let error = named(found).check("net", expected.iter().map(|&name| (name, &shape)));
        let Err(error) = error else { panic!("{found:?}") };
        let message = error.to_string();
        let WeightsError::Mismatch { prefix: named, .. } = error else { panic!("{message}") };
        assert_eq!(named.as_deref(), prefix, "{expected:?} {found:?}");
        let said = prefix.map(|prefix| message.contains(&format!("begin with '{prefix}'")));
        assert!(said.unwrap_or(!message.contains("begin with")), "{message}");
    }
}

#[test]
fn what_all_names_begin_with() {
    for (names, prefix) in [
        (&["a.b.c", "a.b.d"][..], Some("a.b.")),
        (&["a.bc", "a.bd"], Some("a.")),
        (&["a.b", "a.b.c"], Some("a.")),
        (&["ab", "ac"], None),
        (&["a.b"], None),
        (&[], None),
    ] {
        assert_eq!(named(names).common_prefix(), prefix, "{names:?}");
    }
}

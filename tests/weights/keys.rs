//! Where in a file the tensors of a network are: under which keys, and what is said where that is unclear.

use involution::WeightsError;
use involution::weights::Loaded;

use super::craft::{Pickle, archive};
use super::{measured, refused};

/// What a pickle has under a key.
#[derive(Clone, Copy)]
enum Part {
    /// A dictionary.
    Of(&'static [(&'static str, Part)]),
    /// A tensor of this many values, of the four of the storage; a single number where it is none.
    Floats(i64),
    /// A tensor of an integer for each.
    Integers,
    /// A number.
    Number(u8),
    /// A dictionary whose keys are numbers.
    Numbered,
    /// A sparse tensor.
    Sparse,
}
use Part::{Floats, Integers, Number, Numbered, Of, Sparse};

fn push(pickle: Pickle, part: Part) -> Pickle {
    let storage = |kind| move |pickle: Pickle| pickle.storage(kind, "0", 4);
    match part {
        Of(parts) => parts
            .iter()
            .fold(pickle.op(b"}"), |pickle, (key, part)| push(pickle.text(key), *part).op(b"s")),
        Floats(0) => pickle.tensor(storage("FloatStorage"), 0, &[], &[]),
        Floats(count) => pickle.tensor(storage("FloatStorage"), 0, &[count], &[1]),
        Integers => pickle.tensor(storage("IntStorage"), 0, &[4], &[1]),
        Number(value) => pickle.op([b'K', value]),
        Numbered => {
            let pickle = pickle.op(b"}K\0");
            pickle.tensor(storage("FloatStorage"), 0, &[4], &[1]).op(b"sK\x01Ns")
        }
        Sparse => pickle.global("torch._utils", "_rebuild_sparse_tensor").op(b")R"),
    }
}

fn file(parts: &'static [(&'static str, Part)]) -> Vec<u8> {
    archive(push(Pickle::new(), Of(parts)).stop())
}

const W: Part = Of(&[("w", Floats(4))]);
const V: Part = Of(&[("v", Floats(4)), ("n", Number(3))]);

/// Files, the keys that lead to their tensors, and the names of these.
type Row = (&'static [(&'static str, Part)], &'static [&'static str], &'static [&'static str]);

const READ: &[Row] = &[
    (&[("w", Floats(4))], &[], &["w"]),
    (&[("w", Floats(4)), ("n", Number(1))], &[], &["w"]),
    // Keys that are known, in their order, whatever else there is.
    (&[("model", W), ("generator", V)], &["model"], &["w"]),
    (&[("ema", V), ("state_dict", W), ("model", V)], &["state_dict"], &["w"]),
    (&[("params_ema", V), ("params", W)], &["params"], &["w"]),
    (&[("model", V), ("other", W)], &["model"], &["v"]),
    (&[("loss", Floats(4)), ("model", W)], &["model"], &["w"]),
    (
        &[("state_dict", Of(&[("model", Of(&[("net", W), ("other", V)]))]))],
        &["state_dict", "model", "net"],
        &["w"],
    ),
    // Any other key, where there is no choice.
    (&[("params_ema", W)], &["params_ema"], &["w"]),
    (&[("ema_model", W), ("step", Number(3))], &["ema_model"], &["w"]),
    (&[("generator", W)], &["generator"], &["w"]),
    (&[("weights", W)], &["weights"], &["w"]),
    (&[("checkpoint", Of(&[("a", Of(&[("b", W)]))]))], &["checkpoint", "a", "b"], &["w"]),
    (&[("checkpoint", Of(&[("model", Of(&[("x", W)]))]))], &["checkpoint", "model", "x"], &["w"]),
    // What training keeps beside a network is none.
    (&[("student", W), ("optimizer", Of(&[("state", V)]))], &["student"], &["w"]),
    (&[("student", W), ("lr_scheduler", V), ("rng_states", V)], &["student"], &["w"]),
    (
        &[("student", W), ("scores", Of(&[("best", Floats(0)), ("at", Integers)]))],
        &["student"],
        &["w"],
    ),
    (&[("best", Floats(0)), ("student", W)], &["student"], &["w"]),
    (&[("student", W), ("state", Numbered)], &["student"], &["w"]),
    (&[("state_dict", Numbered), ("student", W)], &["student"], &["w"]),
    // Without weights, what there is.
    (&[("best", Floats(0)), ("step", Number(1))], &[], &["best"]),
    (&[("best", Floats(0)), ("scores", Of(&[("a", Floats(0))]))], &[], &["best"]),
    (&[("counts", Integers)], &[], &[]),
    (&[("w", Sparse)], &[], &[]),
    (&[("meta", V)], &["meta"], &["v"]),
];

#[test]
fn where_it_is_clear() {
    for (parts, wrapper, names) in READ {
        let loaded: Loaded = measured(&file(parts)).unwrap();
        assert_eq!(loaded.wrapper, *wrapper);
        assert_eq!(loaded.tensors.names().collect::<Vec<_>>(), *names, "{wrapper:?}");
        // What is beside the tensors themselves says nothing about the file.
        assert!(!loaded.metadata.contains_key("meta.n"), "{:?}", loaded.metadata);
    }
}

#[test]
fn where_there_are_several() {
    let several = |parts, keys: &[&str]| {
        let error = refused(&file(parts));
        let message = error.to_string();
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(error, WeightsError::SeveralStateDicts { count: keys.len(), keys });
        message
    };
    let message =
        several(&[("generator", W), ("discriminator", V)], &["['generator']", "['discriminator']"]);
    assert!(message.contains("torch.load(FILE)['generator']"), "{message}");
    several(
        &[("state_dict", Of(&[("g", W), ("d", V)])), ("optimizer", W)],
        &["['state_dict']['g']", "['state_dict']['d']"],
    );
    several(
        &[("losses", Of(&[("a", Floats(0))])), ("scores", Of(&[("a", Floats(0))]))],
        &["['losses']", "['scores']"],
    );
}

/// Many networks are counted, and the first are named.
#[test]
fn where_there_are_too_many_to_list() {
    let many = (0..40).fold(Pickle::new().op(b"}"), |pickle, index| {
        push(pickle.text(&format!("net{index}")), W).op(b"s")
    });
    let error = refused(&archive(many.stop()));
    assert!(
        matches!(&error, WeightsError::SeveralStateDicts { keys, count: 40 } if keys.len() == 12),
        "{error:?}"
    );
    assert!(error.to_string().contains("['net11'] and more"), "{error}");
}

#[test]
fn where_there_are_none() {
    let none = |parts, expected: &str| {
        let found = expected.to_owned();
        assert_eq!(refused(&file(parts)), WeightsError::NoStateDict { found });
    };
    none(
        &[("optimizer", Of(&[("state", W)])), ("epoch", Number(3))],
        "a dictionary with no tensors, with the keys 'optimizer', 'epoch',",
    );
    none(&[("optimizer", W)], "a dictionary with no tensors, with the key 'optimizer',");
    // Too deep, also under keys that are known.
    let deep: &[(&str, Part)] = &[("model", Of(&[("module", Of(&[("net", Of(&[("ema", W)]))]))]))];
    none(deep, "a dictionary with no tensors, with the key 'model',");
    let numbered = archive(push(Pickle::new(), Numbered).stop());
    let found = "a dictionary with tensors that have no names, with the keys 0, 1,".to_owned();
    assert_eq!(refused(&numbered), WeightsError::NoStateDict { found });
    let odd = Pickle::new().op(b"}NNs\x88NsG\x40\x04\0\0\0\0\0\0NsC\x02abNs)Ns\x8a\x09");
    let odd = archive(odd.op([1; 9]).op(b"Ns").stop());
    let found =
        "a dictionary with no tensors, with the keys None, True, 2.5, b'ab', (), ...,".to_owned();
    assert_eq!(refused(&odd), WeightsError::NoStateDict { found });
}

/// As in Python, the last of equal keys counts.
#[test]
fn equal_keys() {
    let storage = |pickle: Pickle| pickle.storage("FloatStorage", "0", 4);
    let first = Pickle::new().op(b"}").text("w").tensor(storage, 0, &[4], &[1]).op(b"s");
    let both = first.text("w").tensor(storage, 0, &[2], &[1]).op(b"s").stop();
    assert_eq!(measured(&archive(both)).unwrap().tensors.get("w").unwrap().shape().dims(), [2]);
}

/// Keys that are no texts are left out under what Python would print.
#[test]
fn keys_that_are_no_texts() {
    let storage = |pickle: Pickle| pickle.storage("FloatStorage", "0", 4);
    let pickle = Pickle::new().op(b"}").text("w").tensor(storage, 0, &[4], &[1]).op(b"s");
    let pickle = pickle.op(b"K\x05NsNNs(").text("a").op(b"K\x01tNs(K\x01K\x02K\x03K\x04K\x05tNs");
    let loaded = measured(&archive(pickle.stop())).unwrap();
    let skipped: Vec<_> = loaded.skipped.iter().map(|it| (it.name.as_str(), it.reason)).collect();
    let reason = "its key is not a text";
    let names = ["5", "None", "('a', 1)", "(1, 2, 3, 4, ...)"];
    assert_eq!(skipped, names.map(|name| (name, reason)));
}

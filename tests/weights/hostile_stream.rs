//! Streams that lie, and files that are something else.

use involution::WeightsError;
use involution::error::BadView;

use super::craft::{Pickle, ones, sound, stream, stream_parts};
use super::{file, refused};

/// The sound stream with another part.
fn changed(index: usize, part: Vec<u8>) -> Vec<u8> {
    let mut parts = stream_parts(sound());
    parts[index] = part;
    stream(&parts)
}

#[track_caller]
fn unsupported(bytes: &[u8], expected: &str) {
    match refused(bytes) {
        WeightsError::Unsupported { what, .. } => assert_eq!(what, expected),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn unsound(bytes: &[u8], expected: &str) {
    match refused(bytes) {
        WeightsError::Pickle { reason, .. } => assert_eq!(reason, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn cut_short_at_every_sixteenth() {
    for name in ["stream.pth", "types_stream.pth"] {
        let bytes = file(name);
        for part in 1..16 {
            let error = refused(&bytes[..bytes.len() * part / 16]);
            assert!(matches!(error, WeightsError::Truncated { .. }), "{part}/16: {error:?}");
        }
    }
}

#[test]
fn storages_that_lie_about_their_size() {
    for count in [0u64, 3, 5, 1 << 61, u64::MAX] {
        let mut bytes = stream_parts(sound()).concat();
        bytes.extend(count.to_le_bytes());
        bytes.extend(ones(4));
        let expected = WeightsError::View { name: "0".to_owned(), problem: BadView::StorageSize };
        assert_eq!(refused(&bytes), expected);
    }
}

/// Pickle and block agree on a size that is not there.
#[test]
fn storages_that_are_not_there() {
    let object = |count: i64| {
        let storage = |pickle: Pickle| pickle.storage("FloatStorage", "0", count);
        Pickle::new().dict("w", |pickle| pickle.tensor(storage, 0, &[1], &[1])).stop()
    };
    let bytes = |count: i64| {
        let mut bytes = stream_parts(object(count)).concat();
        bytes.extend(count.to_le_bytes());
        bytes.extend(ones(4));
        bytes
    };
    let expected = WeightsError::Truncated { what: "a storage", needed: 4 << 40, present: 16 };
    assert_eq!(refused(&bytes(1 << 40)), expected);
    let expected = WeightsError::View { name: "0".to_owned(), problem: BadView::Overflow };
    assert_eq!(refused(&bytes(1 << 62)), expected);
}

#[test]
fn keys_that_are_wrong() {
    let keys = |pickle: Pickle| changed(4, pickle.stop());
    unsound(&keys(Pickle::new().op(b"N")), "the keys of the storages are not a list");
    unsound(&keys(Pickle::new().op(b"]Na")), "the key of a storage is no text");
    let other = Pickle::new().op(b"]").text("9").op(b"a");
    unsound(&keys(other), "a storage has a key that no tensor refers to");
    let none = WeightsError::View { name: "w".to_owned(), problem: BadView::MissingStorage };
    assert_eq!(refused(&keys(Pickle::new().op(b"]"))), none);

    let twice = Pickle::new().op(b"](").text("0").text("0").op(b"e").stop();
    let mut bytes = changed(4, twice);
    bytes.extend(4u64.to_le_bytes());
    bytes.extend(ones(4));
    unsound(&bytes, "two storages have the same key");
}

/// Two storages of one key, of which only one can have the size of the block.
#[test]
fn a_key_with_two_counts() {
    let of = |count: i64| move |pickle: Pickle| pickle.storage("FloatStorage", "0", count);
    let both = Pickle::new().op(b"}").text("a").tensor(of(8), 0, &[4], &[1]).op(b"s");
    let both = both.text("b").tensor(of(4), 0, &[4], &[1]).op(b"s").stop();
    let expected = WeightsError::View { name: "a".to_owned(), problem: BadView::StorageSize };
    assert_eq!(refused(&changed(3, both)), expected);
}

#[test]
fn other_magic_numbers() {
    let not_torch = "a pickle that torch.save did not write";
    unsupported(&changed(0, Pickle::new().op(b"}").stop()), not_torch);
    let magic = Pickle::new().op(b"\x8a\x0a").op([0; 10]).stop();
    unsupported(&changed(0, magic), not_torch);
    let other = changed(1, Pickle::new().int(1002).stop());
    unsupported(&other, "a stream of another version than 1001");
}

#[test]
fn machines_with_another_byte_order() {
    let big = Pickle::new().dict("little_endian", |pickle| pickle.op(b"\x89")).stop();
    let expected = WeightsError::ByteOrder { found: "big-endian".to_owned() };
    assert_eq!(refused(&changed(2, big)), expected);
}

#[test]
fn views_of_storages() {
    let storage = |pickle: Pickle| {
        let id = pickle.op(b"(").text("storage").global("torch", "FloatStorage").text("0");
        id.text("cpu").int(4).text("view").int(0).int(2).op(b"\x87tQ")
    };
    let object = Pickle::new().dict("w", |pickle| pickle.tensor(storage, 0, &[1], &[1])).stop();
    let what = "a view of a storage, as PyTorch before 0.4 wrote it,";
    unsupported(&changed(3, object), what);
}

#[test]
fn a_shell_in_each_part() {
    let name = "os.system".to_owned();
    let expected = WeightsError::RefusedGlobal { name };
    for index in 0..5 {
        let call = Pickle::new().global("os", "system").text("id").op(b"\x85R").stop();
        assert_eq!(refused(&changed(index, call)), expected, "part {index}");
    }
}

//! Tensors that do not lie within their storage.

use involution::WeightsError;
use involution::error::{BadView, WeightsLimit};

use super::craft::{Pickle, archive, stream, stream_parts};
use super::{measured, refused};

const MAX: i64 = i64::MAX;

/// `{"w": ...}` with a tensor on a storage that is said to have `count` values, and has four.
fn view(count: i64, offset: i64, sizes: &[i64], strides: &[i64]) -> Vec<u8> {
    let storage = |pickle: Pickle| pickle.storage("FloatStorage", "0", count);
    Pickle::new().dict("w", |pickle| pickle.tensor(storage, offset, sizes, strides)).stop()
}

#[track_caller]
fn bad(pickle: Vec<u8>, problem: BadView) {
    let expected = WeightsError::View { name: "w".to_owned(), problem };
    assert_eq!(refused(&archive(pickle.clone())), expected);
    if problem != BadView::StorageSize {
        assert_eq!(refused(&stream(&stream_parts(pickle))), expected);
    }
}

#[test]
fn past_the_storage() {
    bad(view(4, 0, &[5], &[1]), BadView::OutOfRange);
    bad(view(4, 1, &[4], &[1]), BadView::OutOfRange);
    bad(view(4, 4, &[1], &[1]), BadView::OutOfRange);
    bad(view(4, 4, &[], &[]), BadView::OutOfRange);
    bad(view(4, 0, &[2, 2], &[3, 1]), BadView::OutOfRange);
    bad(view(4, MAX, &[1], &[1]), BadView::OutOfRange);
}

#[test]
fn strides_past_what_can_be_counted() {
    bad(view(4, 0, &[3], &[MAX]), BadView::OutOfRange);
    bad(view(4, 0, &[4], &[MAX]), BadView::Overflow);
    bad(view(4, 2, &[3], &[MAX]), BadView::Overflow);
    bad(view(4, 0, &[2, 3], &[3, MAX]), BadView::Overflow);
}

#[test]
fn sizes_past_what_can_be_counted() {
    bad(view(4, 0, &[MAX, 3], &[1, 1]), BadView::Overflow);
    bad(view(4, 0, &[1 << 32, 1 << 32], &[1 << 32, 1]), BadView::Overflow);
    bad(view(4, 0, &[1 << 32, 1 << 32, 0], &[0, 0, 1]), BadView::Overflow);
    bad(view(4, 0, &[1 << 40], &[1]), BadView::OutOfRange);
}

#[test]
fn below_zero() {
    bad(view(4, -1, &[1], &[1]), BadView::Negative);
    bad(view(4, 3, &[4], &[-1]), BadView::Negative);
    bad(view(4, 0, &[-4], &[1]), BadView::Negative);
    bad(view(4, 0, &[0, i64::MIN], &[1, 1]), BadView::Negative);
}

#[test]
fn sizes_without_strides() {
    bad(view(4, 0, &[2, 2], &[1]), BadView::Rank);
    bad(view(4, 0, &[], &[1]), BadView::Rank);
}

#[test]
fn elements_that_overlap() {
    bad(view(4, 0, &[1 << 20], &[0]), BadView::Overlapping);
    bad(view(4, 0, &[3, 2], &[1, 1]), BadView::Overlapping);
    bad(view(4, 0, &[2, 2], &[1, 1]), BadView::Overlapping);
}

#[test]
fn steps_that_are_never_taken_may_be_any() {
    let bytes = archive(view(4, 3, &[1, 1], &[0, MAX]));
    assert_eq!(measured(&bytes).unwrap().tensors.get("w").unwrap().data(), [1.0]);
    let bytes = archive(view(4, 0, &[0, 7], &[MAX, MAX]));
    assert_eq!(measured(&bytes).unwrap().tensors.get("w").unwrap().shape().dims(), [0, 7]);
}

#[test]
fn storages_of_another_size() {
    for count in [0, 3, 5, 1 << 40, 1 << 61, MAX] {
        bad(view(count, 0, &[1], &[1]), BadView::StorageSize);
    }
    let double = |pickle: Pickle| pickle.storage("DoubleStorage", "0", 4);
    let double = Pickle::new().dict("w", |pickle| pickle.tensor(double, 0, &[1], &[1]));
    bad(double.stop(), BadView::StorageSize);
}

#[test]
fn storages_that_are_not_there() {
    for key in ["1", "", "../data.pkl", "0/"] {
        let storage = |pickle: Pickle| pickle.storage("FloatStorage", key, 4);
        let pickle = Pickle::new().dict("w", |pickle| pickle.tensor(storage, 0, &[4], &[1]));
        let expected =
            WeightsError::View { name: "w".to_owned(), problem: BadView::MissingStorage };
        assert_eq!(refused(&archive(pickle.stop())), expected);
    }
}

#[track_caller]
fn exceeds(pickle: Vec<u8>, expected: WeightsLimit) {
    match refused(&archive(pickle)) {
        WeightsError::Limit { limit, .. } => assert_eq!(limit, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn dimensions_without_end() {
    exceeds(view(4, 0, &[1; 17], &[1; 17]), WeightsLimit::Dimensions);
    exceeds(view(4, 0, &[1; 60_000], &[1; 60_000]), WeightsLimit::Dimensions);
}

/// A storage of half a mebibyte, in thousands of tensors.
#[test]
fn one_storage_for_all() {
    let count = 1 << 17;
    let storage = |pickle: Pickle| pickle.storage("FloatStorage", "0", count);
    let tensor = Pickle::new().tensor(storage, 0, &[count], &[1]).op(b"q\0");
    let names = (0..5000)
        .fold(tensor.op(b"}"), |pickle, index| pickle.text(&index.to_string()).op(b"h\0s"));
    let mut entries = super::craft::entries(names.stop());
    entries[2] = super::craft::Entry::new("top/data/0", super::craft::ones(count as usize));
    match refused(&super::craft::zip(&entries)) {
        WeightsError::Limit { limit, .. } => assert_eq!(limit, WeightsLimit::Growth),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_without_end() {
    let storage = |pickle: Pickle| pickle.storage("FloatStorage", "0", 4);
    let name = "n".repeat(513);
    let long = Pickle::new().dict(&name, |pickle| pickle.tensor(storage, 0, &[4], &[1]));
    exceeds(long.stop(), WeightsLimit::NameBytes);
    let tensor = Pickle::new().tensor(storage, 0, &[4], &[1]).op(b"q\0");
    let many = (0..70_000u32)
        .fold(tensor.op(b"}"), |pickle, index| pickle.text(&index.to_string()).op(b"h\0s"));
    exceeds(many.stop(), WeightsLimit::Tensors);
}

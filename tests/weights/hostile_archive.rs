//! Archives that lie about their entries.

use involution::WeightsError;
use involution::error::{BadView, WeightsLimit};

use super::craft::{Entry, archive, entries, ones, sound, zip, zip_parts};
use super::{file, measured, refused};

#[track_caller]
fn unsound(bytes: &[u8], expected: &str) {
    match refused(bytes) {
        WeightsError::Archive { reason, .. } => assert_eq!(reason, expected),
        other => panic!("{other:?}"),
    }
}

/// The sound entries, one of them changed.
fn changed(index: usize, change: impl FnOnce(&mut Entry)) -> Vec<u8> {
    let mut entries = entries(sound());
    change(&mut entries[index]);
    zip(&entries)
}

/// The sound archive with other numbers in its end record.
fn end(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = archive(sound());
    let at = bytes.len() - 22;
    change(&mut bytes[at..]);
    bytes
}

/// The sound archive with a 64-bit end of these numbers: entries, bytes and offset of the directory.
fn end64(change: impl FnOnce(&mut [u64; 3])) -> Vec<u8> {
    let (mut bytes, start) = zip_parts(&entries(sound()));
    bytes.truncate(bytes.len() - 22);
    let mut numbers = [4, (bytes.len() - start) as u64, start as u64];
    change(&mut numbers);
    let at = bytes.len() as u64;
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44u64.to_le_bytes());
    bytes.extend([0; 12]);
    bytes.extend(numbers[0].to_le_bytes());
    numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(at.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
    bytes
}

#[test]
fn cut_short_at_every_sixteenth() {
    let bytes = file("archive.pth");
    for part in 0..16 {
        let error = refused(&bytes[..bytes.len() * part / 16]);
        match part {
            0 => assert_eq!(error, WeightsError::UnknownFormat { looks_like: "the file is empty" }),
            _ => assert!(matches!(error, WeightsError::Truncated { .. }), "{part}/16: {error:?}"),
        }
    }
}

#[test]
fn compressed_entries() {
    // A thousand to one, if anybody unpacked it.
    for method in [8, 9, 12, 14, 93, 99] {
        let bytes = changed(2, |entry| entry.method = method);
        let entry = "top/data/0".to_owned();
        assert_eq!(refused(&bytes), WeightsError::Compressed { entry, method });
    }
}

#[test]
fn sizes_that_are_not_there() {
    let outside = "it reaches outside the archive";
    unsound(&changed(2, |entry| entry.size = u32::MAX - 1), outside);
    unsound(&changed(2, |entry| entry.size = 1 << 20), outside);
    let huge = |size: u64| {
        changed(2, |entry| {
            entry.size = u32::MAX;
            entry.extra = [&b"\x01\0\x10\0"[..], &size.to_le_bytes(), &size.to_le_bytes()].concat();
        })
    };
    unsound(&huge(1 << 40), outside);
    unsound(&huge(u64::MAX), outside);
    // The right size in 64 bits is fine.
    assert!(measured(&huge(16)).is_ok());
    unsound(&changed(2, |entry| entry.size = u32::MAX), "its 64-bit part is missing");
}

#[test]
fn places_that_are_not_there() {
    let error = refused(&changed(2, |entry| entry.offset = Some(u32::MAX - 1)));
    assert!(matches!(error, WeightsError::Truncated { .. }), "{error:?}");
    unsound(&changed(2, |entry| entry.offset = Some(1)), "it is not where the directory says");
    unsound(
        &changed(2, |entry| entry.offset = Some(0)),
        "it differs from what the directory says of it",
    );
}

#[test]
fn entries_that_overlap() {
    // The second entry lies within the bytes of the first.
    let inner = zip(&[Entry::new("top/b", ones(1))]);
    let mut outer = vec![Entry::new("top/data.pkl", inner), Entry::new("top/b", ones(1))];
    outer[1].offset = Some(30 + 12);
    unsound(&zip(&outer), "it overlaps another entry");
}

#[test]
fn two_entries_of_one_name() {
    let mut twice = entries(sound());
    twice.push(Entry::new("top/data.pkl", sound()));
    unsound(&zip(&twice), "there are two entries of this name");
    let mut two = entries(sound());
    two.push(Entry::new("other/data.pkl", sound()));
    unsound(&zip(&two), "there are two such entries");
}

#[test]
fn names_that_differ() {
    let differs = "it differs from what the directory says of it";
    unsound(&changed(2, |entry| entry.local_name = Some("top/data/1".to_owned())), differs);
    unsound(&changed(2, |entry| entry.flags = 1), "it is encrypted");
}

#[test]
fn names_without_end() {
    let bytes = changed(3, |entry| entry.name = "n".repeat(60_000));
    match refused(&bytes) {
        WeightsError::Limit { limit, .. } => assert_eq!(limit, WeightsLimit::NameBytes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn archives_without_a_pickle() {
    let none = "there is no such entry, torch.save writes one";
    unsound(&zip(&[]), none);
    unsound(&zip(&[Entry::new("a/b/data.pkl", sound())]), none);
    unsound(&zip(&[Entry::new("notdata.pkl", sound())]), none);
    let unknown = refused(&zip(&entries(sound())[1..]));
    assert!(matches!(unknown, WeightsError::UnknownFormat { .. }), "{unknown:?}");
}

#[test]
fn directories_that_are_not_there() {
    let larger = "its directory is larger than the space for it";
    unsound(&end(|end| end[12..16].copy_from_slice(&[0xff, 0, 0, 0])), larger);
    unsound(&end(|end| end[16..20].copy_from_slice(&[0xff; 4])), "its 64-bit part is missing");
    unsound(&end(|end| end[16..20].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff])), larger);
    unsound(&end(|end| end[8..12].copy_from_slice(&[0xfe; 4])), larger);
    unsound(&end(|end| end[8] = 3), "it is one of several parts");
    unsound(&end(|end| end[4] = 1), "it is one of several parts");
    unsound(
        &end(|end| end[16] = end[16].wrapping_add(1)),
        "its directory is larger than the space for it",
    );
    unsound(
        &end(|end| end[16] = end[16].wrapping_sub(1)),
        "its directory has something that is no entry",
    );
    match refused(&end(|end| end[12..16].copy_from_slice(&[0xff; 4]))) {
        WeightsError::Archive { reason, .. } => assert_eq!(reason, "its 64-bit part is missing"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn directories_in_64_bits() {
    assert!(measured(&end64(|_| ())).is_ok());
    let larger = "its directory is larger than the space for it";
    unsound(&end64(|numbers| numbers[2] = u64::MAX), larger);
    unsound(&end64(|numbers| numbers[0] = 1000), larger);
    for (index, limit) in [(0, WeightsLimit::Entries), (1, WeightsLimit::HeaderBytes)] {
        match refused(&end64(|numbers| numbers[index] = 1 << 62)) {
            WeightsError::Limit { limit: found, .. } => assert_eq!(found, limit),
            other => panic!("{other:?}"),
        }
    }
    let mut bytes = end64(|_| ());
    let at = bytes.len() - 22 - 12;
    bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    unsound(&bytes, "its 64-bit part is not where it should be");
}

#[test]
fn comments_are_passed_over() {
    let mut bytes = archive(sound());
    let at = bytes.len() - 2;
    bytes[at..].copy_from_slice(&300u16.to_le_bytes());
    bytes.extend([b'c'; 300]);
    assert!(measured(&bytes).is_ok());
    bytes.push(0);
    assert!(matches!(refused(&bytes), WeightsError::Truncated { .. }));
}

#[test]
fn programs_are_not_weights() {
    let with = |name: &str, method| {
        let mut script = entries(sound());
        script.push(Entry { method, ..Entry::new(name, sound()) });
        zip(&script)
    };
    for script in [with("top/constants.pkl", 0), with("top/code/__torch__.py", 8)] {
        let error = refused(&script);
        assert!(
            matches!(error, WeightsError::Unsupported { what: "a TorchScript program", .. }),
            "{error:?}"
        );
    }
}

#[test]
fn byte_orders() {
    let big = changed(1, |entry| {
        entry.data = b"big".to_vec();
        entry.size = 3;
    });
    let tensors = measured(&big).unwrap().tensors;
    let swapped = f32::from_be_bytes(1f32.to_le_bytes());
    assert_eq!(tensors.get("w").unwrap().data(), [swapped; 4]);
    let middle = changed(1, |entry| {
        entry.data = b"middle".to_vec();
        entry.size = 6;
    });
    assert_eq!(refused(&middle), WeightsError::ByteOrder { found: "middle".to_owned() });
}

#[test]
fn storages_that_are_cut_short() {
    let short = changed(2, |entry| {
        entry.data.truncate(15);
        entry.size = 15;
    });
    let expected = WeightsError::View { name: "w".to_owned(), problem: BadView::StorageSize };
    assert_eq!(refused(&short), expected);
}

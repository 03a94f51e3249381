//! Each field of an archive with another value: what is read, and what is refused for which reason.

use involution::WeightsError;

use super::craft::{Entry, entries, sound, zip, zip_parts};
use super::measured;

/// The records of an archive.
#[derive(Debug, Clone, Copy)]
enum Record {
    /// What stands before the bytes of an entry.
    Local,
    /// What the directory says of an entry.
    Directory,
    /// The end of the archive.
    End,
    /// Where the 64-bit end is.
    Locator,
    /// The 64-bit end.
    End64,
}
use Record::{Directory, End, End64, Local, Locator};

/// The sound archive, and where the records of its third entry and its end are.
fn parts() -> (Vec<u8>, [usize; 3]) {
    let (bytes, start) = zip_parts(&entries(sound()));
    let find = |from: usize, magic: &[u8]| {
        let place = |at: &usize| bytes[*at..].starts_with(magic);
        (from..bytes.len()).filter(place).nth(2).unwrap()
    };
    let places = [find(0, b"PK\x03\x04"), find(start, b"PK\x01\x02"), bytes.len() - 22];
    (bytes, places)
}

/// The sound archive with a 64-bit end, and where its records are: locator and 64-bit end.
fn parts64() -> (Vec<u8>, [usize; 2]) {
    let (mut bytes, start) = zip_parts(&entries(sound()));
    let at = bytes.len() - 22;
    bytes.truncate(at);
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44u64.to_le_bytes());
    bytes.extend([0; 12]);
    for number in [4, 4, at - start, start] {
        bytes.extend((number as u64).to_le_bytes());
    }
    let locator = bytes.len();
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend((at as u64).to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([0xff; 12]);
    bytes.extend([0; 2]);
    (bytes, [locator, at])
}

/// What is said of an archive: nothing where it is read, or why it is refused.
#[track_caller]
fn verdict(bytes: &[u8]) -> String {
    match measured(bytes) {
        Ok(loaded) => {
            assert_eq!(loaded.tensors.get("w").unwrap().data(), [1.0; 4]);
            String::new()
        }
        Err(WeightsError::Archive { reason, .. }) => reason.to_owned(),
        Err(WeightsError::Compressed { method, .. }) => format!("method {method}"),
        Err(WeightsError::Truncated { what, .. }) => format!("{what} is cut short"),
        Err(other) => panic!("{other:?}"),
    }
}

const DIFFERS: &str = "it differs from what the directory says of it";
const MISPLACED: &str = "it is not where the directory says";
const NO_ENTRY: &str = "its directory has something that is no entry";
const TWO_SIZES: &str = "it is stored, but has two different sizes";
const OVERLAPS: &str = "it overlaps another entry";
const PARTS: &str = "it is one of several parts";
const LARGER: &str = "its directory is larger than the space for it";
const NOT_THERE: &str = "its 64-bit part is not where it should be";
const MISSING: &str = "its 64-bit part is missing";

/// A record, its field, where the field is, its new bytes, and what is then said.
type Row = (Record, &'static str, usize, &'static [u8], &'static str);

const FIELDS: &[Row] = &[
    (Local, "signature", 0, b"PK\x03\x05", MISPLACED),
    (Local, "version", 4, &[45], ""),
    (Local, "flags", 6, &[0, 8], DIFFERS),
    (Local, "method", 8, &[8], DIFFERS),
    (Local, "time and checksum", 10, &[1; 8], ""),
    (Local, "packed size", 18, &[15], DIFFERS),
    (Local, "size", 22, &[15], DIFFERS),
    (Local, "packed size in 64 bits", 18, &[0xff; 4], ""),
    (Local, "size in 64 bits", 22, &[0xff; 4], ""),
    (Local, "length of the name", 26, &[9], DIFFERS),
    (Local, "length of the name", 26, &[0xff, 0xff], "an entry of the archive is cut short"),
    (Local, "length of what is added", 28, &[1], OVERLAPS),
    (Local, "name", 30, b"t0p", DIFFERS),
    (Directory, "signature", 0, b"PK\x01\x03", NO_ENTRY),
    (Directory, "versions", 4, &[45, 3, 45], ""),
    (Directory, "flags: encrypted", 8, &[1], "it is encrypted"),
    (Directory, "flags: names in UTF-8", 8, &[0, 8], DIFFERS),
    (Directory, "method", 10, &[8], "method 8"),
    (Directory, "time and checksum", 12, &[1; 8], ""),
    (Directory, "packed size", 20, &[15], TWO_SIZES),
    (Directory, "size", 24, &[15], TWO_SIZES),
    (Directory, "packed size in 64 bits", 20, &[0xff; 4], MISSING),
    (Directory, "size in 64 bits", 24, &[0xff; 4], MISSING),
    (Directory, "both sizes", 20, &[15, 0, 0, 0, 15], DIFFERS),
    (Directory, "length of the name", 28, &[9], DIFFERS),
    (Directory, "length of what is added", 30, &[1], NO_ENTRY),
    (Directory, "length of the comment", 32, &[1], NO_ENTRY),
    (Directory, "disk and attributes", 34, &[1; 8], ""),
    (Directory, "offset", 42, &[1], MISPLACED),
    (Directory, "offset in 64 bits", 42, &[0xff; 4], MISSING),
    (Directory, "name", 46, b"t0p", DIFFERS),
    (Directory, "name", 46, &[0xff], "a name is not UTF-8"),
    (End, "signature", 0, b"PK\x05\x07", "the end of the archive is cut short"),
    (End, "disk", 4, &[1], PARTS),
    (End, "disk of the directory", 6, &[1], PARTS),
    (End, "entries here", 8, &[3], PARTS),
    (End, "entries", 10, &[3], PARTS),
    (End, "both numbers of entries", 8, &[5, 0, 5], NO_ENTRY),
    (End, "both numbers of entries", 8, &[6, 0, 6], LARGER),
    (End, "both numbers of entries in 64 bits", 8, &[0xff; 4], MISSING),
    (End, "size in 64 bits", 12, &[0xff; 4], MISSING),
    (End, "offset in 64 bits", 16, &[0xff; 4], MISSING),
    (End, "length of the comment", 20, &[1], "the end of the archive is cut short"),
    (Locator, "signature", 0, b"PK\x06\x08", MISSING),
    (Locator, "disk", 4, &[1], NOT_THERE),
    (Locator, "place", 8, &[0xff; 8], NOT_THERE),
    (Locator, "disks", 16, &[2], NOT_THERE),
    (Locator, "disks", 16, &[0], ""),
    (End64, "signature", 0, b"PK\x06\x05", NOT_THERE),
    (End64, "size and versions", 4, &[9; 12], ""),
    (End64, "disk", 16, &[1], PARTS),
    (End64, "disk of the directory", 20, &[1], PARTS),
    (End64, "entries here", 24, &[3], PARTS),
    (End64, "entries", 32, &[3], PARTS),
];

#[test]
fn each_with_another_value() {
    for (record, field, at, value, expected) in FIELDS.iter().copied() {
        let (mut bytes, place) = match record {
            Local | Directory | End => {
                let (bytes, [local, directory, end]) = parts();
                let place = match record {
                    Local => local,
                    Directory => directory,
                    _ => end,
                };
                (bytes, place)
            }
            Locator | End64 => {
                let (bytes, [locator, end]) = parts64();
                (bytes, if matches!(record, Locator) { locator } else { end })
            }
        };
        assert_eq!(verdict(&bytes), "");
        let field_bytes = &mut bytes[place + at..place + at + value.len()];
        assert_ne!(field_bytes, value, "{record:?}: {field}");
        field_bytes.copy_from_slice(value);
        assert_eq!(verdict(&bytes), expected, "{record:?}: {field} {value:?}");
    }
}

/// Sizes that stand behind the bytes are not in front of them.
#[test]
fn sizes_behind_the_bytes() {
    let mut list = entries(sound());
    list[2].flags = 8;
    let mut bytes = zip(&list);
    let (_, [local, ..]) = parts();
    bytes[local + 18..local + 26].copy_from_slice(&[0; 8]);
    assert_eq!(verdict(&bytes), "");
}

#[test]
fn an_entry_that_reaches_into_the_directory() {
    let mut list = entries(sound());
    list[3].size += 1;
    assert_eq!(verdict(&zip(&list)), "it reaches outside the archive");
}

/// Other fields may stand before the one of 64 bits.
#[test]
fn what_is_added_to_an_entry() {
    let with = |extra: &[u8]| {
        let mut list = entries(sound());
        list[2] = Entry { size: u32::MAX, extra: extra.to_vec(), ..list[2].clone() };
        zip(&list)
    };
    let sizes = [&b"\x01\0\x10\0"[..], &16u64.to_le_bytes(), &16u64.to_le_bytes()].concat();
    assert_eq!(verdict(&with(&sizes)), "");
    let other = [&b"\x75\x70\x04\0name"[..], &sizes].concat();
    assert_eq!(verdict(&with(&other)), "");
    assert_eq!(verdict(&with(b"\x75\x70\x10\0................")), MISSING);
    assert_eq!(verdict(&with(&sizes[..sizes.len() - 1])), MISSING);
}

/// A comment that looks like another end of the archive.
#[test]
fn an_end_within_a_comment() {
    let (mut bytes, [.., end]) = parts();
    let comment = [&b"PK\x05\x06"[..], &[b'c'; 40]].concat();
    bytes[end + 20] = comment.len() as u8;
    bytes.extend(comment);
    assert_eq!(verdict(&bytes), "");
}

/// The 64-bit end stands before its locator, though one behind it would say the same.
#[test]
fn a_64_bit_end_behind_its_locator() {
    let (mut bytes, [locator, end]) = parts64();
    let record = bytes[end..locator].to_vec();
    let behind = bytes.len() as u64;
    bytes[locator + 8..locator + 16].copy_from_slice(&behind.to_le_bytes());
    let comment = bytes.len() - 2;
    bytes[comment] = record.len() as u8;
    bytes.extend(record);
    assert_eq!(verdict(&bytes), NOT_THERE);
}

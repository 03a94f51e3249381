//! Sound files with something changed: whatever it was, nothing panics and nothing is too much.

use proptest::prelude::*;

use super::craft::archive;
use super::{file, files, measured};

/// Files of every format, and the pickles of archives alone.
fn sound() -> Vec<Vec<u8>> {
    let mut names: Vec<String> = std::fs::read_dir(files())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.contains("expected"))
        .collect();
    names.sort();
    assert!(names.len() >= 16);
    names.iter().map(|name| file(name)).collect()
}

/// One change: where, as a part of the whole, and what.
#[derive(Debug, Clone)]
enum Change {
    Flip(u32, u8),
    Set(u32, Vec<u8>),
    Insert(u32, Vec<u8>),
    Cut(u32, u16),
    Copy(u32, u32, u16),
}

fn change() -> impl Strategy<Value = Change> {
    let bytes = || {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 1..9),
            Just(vec![0xff; 4]),
            Just(vec![0xff; 8]),
            Just(vec![0, 0, 0, 0, 0, 0, 0, 0x80]),
            Just(b"cos\nsystem\n".to_vec()),
            Just(b"tR".to_vec()),
        ]
    };
    prop_oneof![
        4 => (any::<u32>(), 0..8u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        3 => (any::<u32>(), bytes()).prop_map(|(at, bytes)| Change::Set(at, bytes)),
        1 => (any::<u32>(), bytes()).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (any::<u32>(), 1..64u16).prop_map(|(at, count)| Change::Cut(at, count)),
        1 => (any::<u32>(), any::<u32>(), 1..64u16)
            .prop_map(|(from, to, count)| Change::Copy(from, to, count)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let place = |at: u32, bytes: &[u8]| {
        usize::try_from((u64::from(at) * (bytes.len() as u64 + 1)) >> 32).unwrap()
    };
    match change {
        Change::Flip(at, bit) => {
            let at = place(*at, bytes);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        Change::Set(at, new) => {
            let at = place(*at, bytes);
            bytes.iter_mut().skip(at).zip(new).for_each(|(byte, &new)| *byte = new);
        }
        Change::Insert(at, new) => {
            let at = place(*at, bytes);
            bytes.splice(at..at, new.iter().copied());
        }
        Change::Cut(at, count) => {
            let at = place(*at, bytes);
            let end = (at + usize::from(*count)).min(bytes.len());
            bytes.drain(at..end);
        }
        Change::Copy(from, to, count) => {
            let (from, to) = (place(*from, bytes), place(*to, bytes));
            let end = (from + usize::from(*count)).min(bytes.len());
            let copied = bytes[from..end].to_vec();
            bytes.splice(to..to, copied);
        }
    }
}

/// The pickle of an archive: the entry that the first header is of.
fn pickle_of(archive: &[u8]) -> Option<Vec<u8>> {
    let start = archive.windows(2).position(|pair| pair == [0x80, 2])?;
    let end = archive[start..].windows(5).position(|end| end == b".PK\x07\x08")?;
    Some(archive[start..=start + end].to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn of_files(index in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..6)) {
        let mut bytes = index.get(&sound()).clone();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        let _ = measured(&bytes);
    }

    /// Changes of the length would mostly make an archive unreadable before its pickle is looked at.
    #[test]
    fn of_pickles(index in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..6)) {
        let pickles: Vec<_> = sound().iter().filter_map(|bytes| pickle_of(bytes)).collect();
        prop_assert!(pickles.len() >= 8);
        let mut pickle = index.get(&pickles).clone();
        changes.iter().for_each(|change| apply(&mut pickle, change));
        let _ = measured(&archive(pickle));
    }

    #[test]
    fn of_nothing(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = measured(&bytes);
        let _ = measured(&archive(bytes.clone()));
        let _ = measured(&super::craft::safetensors(&String::from_utf8_lossy(&bytes), &[]));
    }
}

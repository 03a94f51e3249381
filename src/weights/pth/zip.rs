//! The archives of `torch.save`: zip with stored entries.
//!
//! A reader of its own, because so little of zip is needed: the directory at the end is the only authority,
//! each entry is a slice of the file, and nothing is unpacked. Checksums are not looked at, as PyTorch can be
//! told not to write them and does not read them itself.

use std::collections::BTreeMap;

use super::reader::Reader;
use crate::error::{WeightsError, WeightsLimit};
use crate::weights::limits::{Limits, Result, check, clip};

const ENTRY: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const END: [u8; 4] = *b"PK\x05\x06";
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;

/// Bytes of the fixed part of each record.
const END_BYTES: usize = 22;
const ENTRY_BYTES: u64 = 46;
const LOCATOR64_BYTES: usize = 20;

/// What stands for a number that is in the 64-bit part instead.
const MOVED16: u16 = u16::MAX;
const MOVED32: u32 = u32::MAX;

/// The entries of an archive.
pub(super) struct Archive<'a>(BTreeMap<&'a str, &'a [u8]>);

/// Where the directory is.
struct Directory {
    entries: u64,
    bytes: u64,
    offset: u64,
    /// Where what stands behind the directory starts.
    end: usize,
}

/// One record of the directory.
struct Record<'a> {
    flags: u16,
    method: u16,
    packed: u32,
    size: u32,
    offset: u32,
    name: &'a [u8],
    extra: &'a [u8],
}

/// What the directory says of an entry.
struct Entry<'a> {
    name: &'a str,
    flags: u16,
    size: u64,
    offset: u64,
}

impl<'a> Archive<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        let directory = Directory::find(bytes)?;
        check("the archive", WeightsLimit::Entries, directory.entries, limits.entries)?;
        check("the directory", WeightsLimit::HeaderBytes, directory.bytes, limits.header_bytes)?;
        let inside = directory.offset.checked_add(directory.bytes);
        if inside.is_none_or(|end| end > directory.end as u64)
            || directory.entries.saturating_mul(ENTRY_BYTES) > directory.bytes
        {
            return Err(whole("its directory is larger than the space for it"));
        }
        let start = usize::try_from(directory.offset).unwrap_or(directory.end);
        let mut input = Reader::new(bytes, start, "the directory of the archive");
        let mut entries = BTreeMap::new();
        let mut spans = Vec::new();
        for _ in 0..directory.entries {
            let entry = Entry::of(Record::read(&mut input)?, limits)?;
            let (at, data) = entry.data(bytes, directory.offset)?;
            spans.push((entry.offset, at.saturating_add(data.len() as u64), entry.name));
            if entries.insert(entry.name, data).is_some() {
                return Err(archive(entry.name, "there are two entries of this name"));
            }
        }
        spans.sort_unstable();
        for (before, after) in spans.iter().zip(spans.iter().skip(1)) {
            if before.1 > after.0 {
                return Err(archive(after.2, "it overlaps another entry"));
            }
        }
        Ok(Archive(entries))
    }

    /// The entry of this name in a folder.
    pub(super) fn get(&self, top: &str, name: &str) -> Option<&'a [u8]> {
        self.0.get(format!("{top}{name}").as_str()).copied()
    }

    /// The entries whose names start with this, without it.
    pub(super) fn below(&self, prefix: &str) -> BTreeMap<&'a str, &'a [u8]> {
        let entries = self.0.iter();
        entries.filter_map(|(name, &data)| Some((name.strip_prefix(prefix)?, data))).collect()
    }

    /// The folder that everything is in, with its slash, and the pickle in it.
    pub(super) fn pickle(&self) -> Result<(&'a str, &'a [u8])> {
        let mut pickles = self.0.iter().filter_map(|(name, &data)| {
            let top = name.strip_suffix("data.pkl")?;
            let folders = top.matches('/').count();
            let is_folder = top.is_empty() || (top.ends_with('/') && folders == 1);
            is_folder.then_some((top, data))
        });
        match (pickles.next(), pickles.next()) {
            (Some(pickle), None) => Ok(pickle),
            (None, _) => Err(archive("data.pkl", "there is no such entry, torch.save writes one")),
            (Some(_), Some(_)) => Err(archive("data.pkl", "there are two such entries")),
        }
    }
}

/// The names of the entries, as far as the directory can be read, whatever is said of the entries.
pub(super) fn names<'a>(bytes: &'a [u8], limits: &Limits) -> Vec<&'a str> {
    let mut names = Vec::new();
    let Ok(directory) = Directory::find(bytes) else { return names };
    let start = usize::try_from(directory.offset).unwrap_or(bytes.len());
    let mut input = Reader::new(bytes, start, "the directory of the archive");
    while names.len() as u64 <= directory.entries.min(limits.entries) {
        let Ok(record) = Record::read(&mut input) else { break };
        names.push(std::str::from_utf8(record.name).unwrap_or_default());
    }
    names
}

impl Directory {
    /// Finds the end record, which a comment of up to 64 KiB may follow.
    fn find(bytes: &[u8]) -> Result<Self> {
        let cut = || WeightsError::Truncated {
            what: "the end of the archive",
            needed: END_BYTES as u64,
            present: 0,
        };
        let last = bytes.len().checked_sub(END_BYTES).ok_or_else(cut)?;
        let first = last.saturating_sub(usize::from(u16::MAX));
        let at = (first..=last).rev().find(|&at| {
            let comment = bytes.get(at + 20..at + 22).and_then(<[u8]>::first_chunk);
            let comment = comment.map(|&length| usize::from(u16::from_le_bytes(length)));
            bytes.get(at..at + 4) == Some(&END) && comment == Some(last - at)
        });
        let at = at.ok_or_else(cut)?;

        let mut input = Reader::new(bytes, at, "the end of the archive");
        input.u32()?;
        let (disk, directory_disk, here, entries) =
            (input.u16()?, input.u16()?, input.u16()?, input.u16()?);
        let (size, offset) = (input.u32()?, input.u32()?);
        let locator = at.checked_sub(LOCATOR64_BYTES);
        if let Some(directory) = locator.and_then(|at| Directory::find64(bytes, at).transpose()) {
            return directory;
        }
        if [disk, directory_disk] != [0, 0] || here != entries {
            return Err(whole("it is one of several parts"));
        }
        if entries == MOVED16 || size == MOVED32 || offset == MOVED32 {
            return Err(whole("its 64-bit part is missing"));
        }
        Ok(Directory {
            entries: entries.into(),
            bytes: size.into(),
            offset: offset.into(),
            end: at,
        })
    }

    /// The 64-bit part of the end, where there is a locator of one at this byte.
    fn find64(bytes: &[u8], locator: usize) -> Result<Option<Self>> {
        let mut input = Reader::new(bytes, locator, "the 64-bit end of the archive");
        if input.u32()? != LOCATOR64 {
            return Ok(None);
        }
        let (disk, at, disks) = (input.u32()?, input.u64()?, input.u32()?);
        let outside = || whole("its 64-bit part is not where it should be");
        let at = usize::try_from(at).map_err(|_| outside())?;
        if at >= locator || disk != 0 || disks > 1 {
            return Err(outside());
        }
        let mut input = Reader::new(bytes, at, "the 64-bit end of the archive");
        if input.u32()? != END64 {
            return Err(outside());
        }
        let (_, _, _) = (input.u64()?, input.u16()?, input.u16()?);
        let (disk, directory_disk) = (input.u32()?, input.u32()?);
        let (here, entries) = (input.u64()?, input.u64()?);
        let (size, offset) = (input.u64()?, input.u64()?);
        // Miniz gives these as what they are in 32 bits, others leave them at 0.
        if [disk, directory_disk] != [0, 0] || here != entries {
            return Err(whole("it is one of several parts"));
        }
        Ok(Some(Directory { entries, bytes: size, offset, end: at }))
    }
}

impl<'a> Record<'a> {
    /// The next record of the directory.
    fn read(input: &mut Reader<'a>) -> Result<Self> {
        if input.u32()? != ENTRY {
            return Err(whole("its directory has something that is no entry"));
        }
        let (_, _, flags, method) = (input.u16()?, input.u16()?, input.u16()?, input.u16()?);
        let (_, _) = (input.u32()?, input.u32()?); // time and checksum
        let (packed, size) = (input.u32()?, input.u32()?);
        let (name, extra, comment) = (input.u16()?, input.u16()?, input.u16()?);
        let (_, _, _) = (input.u16()?, input.u16()?, input.u32()?); // disk and attributes
        let offset = input.u32()?;
        let (name, extra) = (input.take(name.into())?, input.take(extra.into())?);
        input.take(comment.into())?;
        Ok(Record { flags, method, packed, size, offset, name, extra })
    }
}

impl<'a> Entry<'a> {
    /// What a record of the directory says, where it can be read.
    fn of(record: Record<'a>, limits: &Limits) -> Result<Self> {
        let Record { flags, method, packed, size, offset, name, extra } = record;
        let name = std::str::from_utf8(name).map_err(|_| whole("a name is not UTF-8"))?;
        check(name, WeightsLimit::NameBytes, name.len() as u64, limits.name_bytes)?;
        if flags & 1 != 0 {
            return Err(archive(name, "it is encrypted"));
        }
        // Its text is the only thing that PyTorch compresses.
        if method != 0 && name.contains("/code/") {
            return Err(torch_script());
        }
        if method != 0 {
            return Err(WeightsError::Compressed { entry: clip(name), method });
        }
        let mut moved = Moved::find(extra);
        let size = moved.resolve(size, name)?;
        let packed = moved.resolve(packed, name)?;
        let offset = moved.resolve(offset, name)?;
        if packed != size {
            return Err(archive(name, "it is stored, but has two different sizes"));
        }
        Ok(Entry { name, flags, size, offset })
    }

    /// Where its bytes start, and the bytes, which end before the directory.
    fn data(&self, bytes: &'a [u8], directory: u64) -> Result<(u64, &'a [u8])> {
        let outside = || archive(self.name, "it reaches outside the archive");
        let start = usize::try_from(self.offset).map_err(|_| outside())?;
        let mut input = Reader::new(bytes, start, "an entry of the archive");
        if input.u32()? != LOCAL {
            return Err(archive(self.name, "it is not where the directory says"));
        }
        let (_, flags, method) = (input.u16()?, input.u16()?, input.u16()?);
        let (_, _) = (input.u32()?, input.u32()?); // time and checksum
        let (packed, size) = (input.u32()?, input.u32()?);
        let (name, extra) = (input.u16()?, input.u16()?);
        let name = input.take(name.into())?;
        input.take(extra.into())?;
        // Sizes may stand behind the bytes, or in a 64-bit part, instead.
        let elsewhere = self.flags & 8 != 0 || size == MOVED32 || packed == MOVED32;
        let same_size = elsewhere || [packed, size].map(u64::from) == [self.size; 2];
        if name != self.name.as_bytes() || flags != self.flags || method != 0 || !same_size {
            return Err(archive(self.name, "it differs from what the directory says of it"));
        }
        let at = input.at() as u64;
        if at.checked_add(self.size).is_none_or(|end| end > directory) {
            return Err(outside());
        }
        Ok((at, input.take(self.size)?))
    }
}

/// The 64-bit numbers of an entry, in the order in which their 32-bit places are given up.
struct Moved<'a>(Reader<'a>);

impl<'a> Moved<'a> {
    fn find(extra: &'a [u8]) -> Self {
        let mut input = Reader::new(extra, 0, "the 64-bit part of an entry");
        while let (Ok(kind), Ok(length)) = (input.u16(), input.u16()) {
            let Ok(body) = input.take(length.into()) else { break };
            if kind == 1 {
                return Moved(Reader::new(body, 0, "the 64-bit part of an entry"));
            }
        }
        Moved(Reader::new(&[], 0, "the 64-bit part of an entry"))
    }

    fn resolve(&mut self, short: u32, name: &str) -> Result<u64> {
        if short != MOVED32 {
            return Ok(short.into());
        }
        self.0.u64().map_err(|_| archive(name, "its 64-bit part is missing"))
    }
}

fn archive(entry: &str, reason: &'static str) -> WeightsError {
    WeightsError::Archive { entry: clip(entry), reason }
}

fn whole(reason: &'static str) -> WeightsError {
    archive("the archive", reason)
}

/// The error for an archive that is a program.
pub(super) fn torch_script() -> WeightsError {
    WeightsError::Unsupported {
        what: "a TorchScript program",
        cure: "load it with torch.jit.load and save its state_dict() with torch.save",
    }
}

//! Bytes that are taken one after the other.

use crate::error::{WeightsError, WeightsLimit};
use crate::weights::limits::{Result, check};

/// Bytes, and how far they are read.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Starts at a byte; `what` names the whole in errors.
    pub(super) fn new(bytes: &'a [u8], at: usize, what: &'static str) -> Self {
        Reader { bytes, at, what }
    }

    /// How many bytes are read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8]> {
        let rest = self.rest();
        let taken = usize::try_from(count).ok().and_then(|count| rest.get(..count));
        let taken = taken.ok_or(WeightsError::Truncated {
            what: self.what,
            needed: count,
            present: rest.len() as u64,
        })?;
        self.at += taken.len();
        Ok(taken)
    }

    /// So many bytes of a string, once their number is known to be allowed.
    pub(super) fn take_string(&mut self, count: u64, allowed: u64) -> Result<&'a [u8]> {
        check(self.what, WeightsLimit::StringBytes, count, allowed)?;
        self.take(count)
    }

    /// The bytes up to the end of the line, which is taken too.
    pub(super) fn line(&mut self, allowed: u64) -> Result<&'a [u8]> {
        let rest = self.rest();
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or({
            let present = rest.len() as u64;
            WeightsError::Truncated { what: self.what, needed: present.saturating_add(1), present }
        })?;
        let line = self.take_string(length as u64, allowed)?;
        self.take(1)?;
        Ok(line)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let array = self.rest().first_chunk().ok_or(WeightsError::Truncated {
            what: self.what,
            needed: N as u64,
            present: self.rest().len() as u64,
        })?;
        self.at += N;
        Ok(*array)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_le_bytes)
    }

    /// A double with its most significant byte first.
    pub(super) fn f64_be(&mut self) -> Result<f64> {
        self.array().map(f64::from_be_bytes)
    }
}

//! A machine for pickles that can make tensors and plain values, and nothing else.
//!
//! A pickle is a program for a machine with a stack, a memo and a way to call whatever Python can import.
//! Here a name is looked up in the list of [`super::globals`], and a call of one puts its arguments
//! together as data. Strings are slices of the file, containers lie on a heap that the limits bound, and
//! no step depends on the size of what lies there, so the time is that of reading the opcodes.

use super::reader::Reader;
use super::value::{Heap, Object, Value};
use super::{calls, globals};
use crate::error::{WeightsError, WeightsLimit};
use crate::weights::limits::{Limits, Result, check, clip};

/// Runs the pickle that starts at this byte; what it leaves, and where it ends.
pub(super) fn run<'a>(
    bytes: &'a [u8],
    start: usize,
    limits: &Limits,
) -> Result<(Value<'a>, Heap<'a>, usize)> {
    let input = Reader::new(bytes, start, "a pickle");
    let mut machine = Machine {
        limits,
        input,
        at: start,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        heap: Heap::default(),
    };
    let mut opcodes = 0u64;
    loop {
        opcodes += 1;
        check("the pickle", WeightsLimit::Opcodes, opcodes, limits.opcodes)?;
        machine.at = machine.input.at();
        match machine.input.u8()? {
            b'.' => {
                let result = machine.pop()?;
                return Ok((result, machine.heap, machine.input.at()));
            }
            opcode => machine.step(opcode)?,
        }
    }
}

struct Machine<'a, 'l> {
    limits: &'l Limits,
    input: Reader<'a>,
    /// Where the present opcode is.
    at: usize,
    stack: Vec<Value<'a>>,
    /// Heights of the stack that lists of arguments start from.
    marks: Vec<usize>,
    memo: Vec<Option<Value<'a>>>,
    heap: Heap<'a>,
}

impl<'a> Machine<'a, '_> {
    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            // What says something about the pickle alone.
            0x80 => {
                if self.number(opcode)? > 5 {
                    return Err(self.unsound("the protocol is newer than 5"));
                }
            }
            0x95 => {
                self.number(opcode)?;
            }
            // Plain values.
            b'N' => self.push(Value::None)?,
            0x88 | 0x89 => self.push(Value::Bool(opcode == 0x88))?,
            b'J' => {
                let value = self.input.i32()?;
                self.push(Value::Int(value.into()))?;
            }
            b'K' | b'M' => {
                let value = self.number(opcode)?;
                self.push(Value::Int(value as i64))?;
            }
            b'I' | b'L' => self.decimal(opcode)?,
            0x8a | 0x8b => {
                let length = self.number(opcode)?;
                self.long(length)?;
            }
            b'G' => {
                let value = self.input.f64_be()?;
                self.push(Value::Float(value))?;
            }
            b'F' => {
                let line = self.line()?;
                let value = line.parse().map_err(|_| self.unsound("not a number"))?;
                self.push(Value::Float(value))?;
            }
            // Texts and bytes.
            0x8c | b'X' | 0x8d => {
                let length = self.number(opcode)?;
                self.text(length)?;
            }
            b'U' | b'T' | b'C' | b'B' | 0x8e | 0x96 => {
                let length = self.number(opcode)?;
                self.bytes(length, matches!(opcode, b'U' | b'T'))?;
            }
            b'S' | b'V' => self.line_of_text(opcode)?,
            // The stack.
            b'(' => {
                let depth = self.marks.len() as u64 + 1;
                check("the pickle", WeightsLimit::StackDepth, depth, self.limits.stack_depth)?;
                self.marks.push(self.stack.len());
            }
            b'0' => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => {
                self.pop_to_mark()?;
            }
            b'2' => {
                let top = self.top()?;
                self.push(top)?;
            }
            // The memo.
            b'q' | b'r' | b'p' => {
                let index = self.number(opcode)?;
                self.remember(index)?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'h' | b'j' | b'g' => {
                let index = self.number(opcode)?;
                self.recall(index)?;
            }
            _ => self.step_object(opcode)?,
        }
        Ok(())
    }

    /// The number behind an opcode: a value, a length or an index.
    fn number(&mut self, opcode: u8) -> Result<u64> {
        Ok(match opcode {
            0x80 | b'K' | 0x8a | 0x8c | b'U' | b'C' | b'q' | b'h' => self.input.u8()?.into(),
            b'M' => self.input.u16()?.into(),
            b'X' | b'B' | b'r' | b'j' => self.input.u32()?.into(),
            b'T' | 0x8b => {
                let length = self.input.i32()?;
                u64::try_from(length).map_err(|_| self.unsound("a negative length"))?
            }
            b'p' | b'g' => self.line()?.parse().map_err(|_| self.unsound("not an index"))?,
            _ => self.input.u64()?,
        })
    }

    /// Opcodes that make or change objects.
    fn step_object(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            b')' => self.make(Object::Tuple(Vec::new()))?,
            b'}' => self.make(Object::Dict(Vec::new()))?,
            b']' => self.make(Object::List(Vec::new()))?,
            0x85..=0x87 => {
                let items = (0x85..=opcode).map(|_| self.pop());
                let mut items = items.collect::<Result<Vec<_>>>()?;
                items.reverse();
                self.make(Object::Tuple(items))?;
            }
            b't' => {
                let items = self.pop_to_mark()?;
                self.make(Object::Tuple(items))?;
            }
            b'l' => {
                let items = self.pop_to_mark()?;
                self.make(Object::List(items))?;
            }
            b'd' => {
                let items = self.pop_to_mark()?;
                let pairs = self.pairs(items)?;
                self.make(Object::Dict(pairs))?;
            }
            b'a' | b'e' => {
                let items = if opcode == b'a' { vec![self.pop()?] } else { self.pop_to_mark()? };
                self.append(items)?;
            }
            b's' | b'u' => {
                let items = if opcode == b's' {
                    let value = self.pop()?;
                    vec![self.pop()?, value]
                } else {
                    self.pop_to_mark()?
                };
                let pairs = self.pairs(items)?;
                self.set(pairs)?;
            }
            // Sets have no place among weights.
            0x8f => self.push(Value::Opaque)?,
            0x90 => {
                self.pop_to_mark()?;
                if self.top()? != Value::Opaque {
                    return Err(self.unsound("items are added to something that is no set"));
                }
            }
            0x91 => {
                self.pop_to_mark()?;
                self.push(Value::Opaque)?;
            }
            // Names and calls.
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err(self.unsound("a name is not a text"));
                };
                self.global(module, name)?;
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
                return Err(self.refused(opcode));
            }
            b'R' | 0x81 => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                let result = calls::call(&mut self.heap, callee, arguments, self.at, self.limits)?;
                self.push(result)?;
            }
            b'b' => {
                let state = self.pop()?;
                let target = self.top()?;
                if self.heap.tensor(target).is_some() {
                    calls::set_state(&mut self.heap, target, state);
                    return Ok(());
                }
                // The state of a state dict is its `_metadata`.
                if target != Value::Opaque && self.heap.dict(target).is_none() {
                    return Err(self.unsound("a state is given to something that has none"));
                }
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = calls::storage(&self.heap, id, self.at, self.limits)?;
                self.make(Object::Storage(storage))?;
            }
            _ => return Err(self.refused(opcode)),
        }
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        match globals::find(module, name) {
            Some(global) => self.push(Value::Global(global)),
            None => Err(WeightsError::RefusedGlobal {
                name: format!("{}.{}", clip(module), clip(name)),
            }),
        }
    }

    fn append(&mut self, items: Vec<Value<'a>>) -> Result<()> {
        let target = self.top()?;
        match self.heap.get_mut(target) {
            Some(Object::List(list)) => list.extend(items),
            None if target == Value::Opaque => {}
            _ => return Err(self.unsound("items are added to something that is no list")),
        }
        Ok(())
    }

    fn set(&mut self, new: Vec<(Value<'a>, Value<'a>)>) -> Result<()> {
        let target = self.top()?;
        match self.heap.get_mut(target) {
            Some(Object::Dict(pairs)) => pairs.extend(new),
            None if target == Value::Opaque => {}
            _ => return Err(self.unsound("keys are set in something that is no dictionary")),
        }
        Ok(())
    }

    fn pairs(&self, items: Vec<Value<'a>>) -> Result<Vec<(Value<'a>, Value<'a>)>> {
        let (pairs, []) = items.as_chunks() else {
            return Err(self.unsound("a key without a value"));
        };
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    fn make(&mut self, object: Object<'a>) -> Result<()> {
        let value = self.heap.add(object, self.limits.objects)?;
        self.push(value)
    }

    fn push(&mut self, value: Value<'a>) -> Result<()> {
        let depth = self.stack.len() as u64 + 1;
        check("the pickle", WeightsLimit::StackDepth, depth, self.limits.stack_depth)?;
        self.stack.push(value);
        Ok(())
    }

    /// The top of the stack, which ends at the last mark.
    fn top(&self) -> Result<Value<'a>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = self.stack.get(floor..).and_then(<[_]>::last);
        top.copied().ok_or_else(|| self.unsound("the stack is empty"))
    }

    fn pop(&mut self) -> Result<Value<'a>> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>> {
        let mark = self.marks.pop().ok_or_else(|| self.unsound("there is no mark"))?;
        Ok(self.stack.drain(mark.min(self.stack.len())..).collect())
    }

    fn remember(&mut self, index: u64) -> Result<()> {
        let top = self.top()?;
        let needed = index.saturating_add(1);
        check("the pickle", WeightsLimit::MemoEntries, needed, self.limits.memo_entries)?;
        let index = usize::try_from(index).map_err(|_| self.unsound("not an index"))?;
        if index >= self.memo.len() {
            self.memo.resize(index.saturating_add(1), None);
        }
        if let Some(entry) = self.memo.get_mut(index) {
            *entry = Some(top);
        }
        Ok(())
    }

    fn recall(&mut self, index: u64) -> Result<()> {
        let entry = usize::try_from(index).ok().and_then(|index| self.memo.get(index));
        match entry.copied().flatten() {
            Some(value) => self.push(value),
            None => Err(self.unsound("nothing was remembered under this index")),
        }
    }

    fn long(&mut self, length: u64) -> Result<()> {
        let bytes = self.input.take_string(length, self.limits.string_bytes)?;
        if bytes.len() > 8 {
            return self.push(Value::Long(bytes));
        }
        // Two's complement, the least significant byte first.
        let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let mut raw = [if negative { 0xff } else { 0 }; 8];
        raw.iter_mut().zip(bytes).for_each(|(to, &from)| *to = from);
        self.push(Value::Int(i64::from_le_bytes(raw)))
    }

    fn decimal(&mut self, opcode: u8) -> Result<()> {
        let line = self.line()?;
        let value = match (opcode, line) {
            (b'I', "00") => Value::Bool(false),
            (b'I', "01") => Value::Bool(true),
            _ => {
                let digits = line.strip_suffix('L').unwrap_or(line);
                Value::Int(digits.parse().map_err(|_| self.unsound("not a number"))?)
            }
        };
        self.push(value)
    }

    fn text(&mut self, length: u64) -> Result<()> {
        let bytes = self.input.take_string(length, self.limits.string_bytes)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.unsound("not UTF-8"))?;
        self.push(Value::Text(text))
    }

    /// Bytes, or the text of a Python that did not know them apart.
    fn bytes(&mut self, length: u64, text: bool) -> Result<()> {
        let bytes = self.input.take_string(length, self.limits.string_bytes)?;
        self.push(match std::str::from_utf8(bytes) {
            Ok(string) if text => Value::Text(string),
            _ => Value::Bytes(bytes),
        })
    }

    fn line_of_text(&mut self, opcode: u8) -> Result<()> {
        let line = self.line()?;
        let text = match opcode {
            b'V' => Some(line),
            _ => {
                ['\'', '"'].iter().find_map(|&quote| line.strip_prefix(quote)?.strip_suffix(quote))
            }
        };
        let text = text.filter(|text| !text.contains('\\'));
        let text = text.ok_or_else(|| self.unsound("a text with escapes or without quotes"))?;
        self.push(Value::Text(text))
    }

    fn line(&mut self) -> Result<&'a str> {
        let line = self.input.line(self.limits.string_bytes)?;
        std::str::from_utf8(line).map_err(|_| self.unsound("not UTF-8"))
    }

    fn unsound(&self, reason: &'static str) -> WeightsError {
        calls::unsound(self.at, reason)
    }

    fn refused(&self, opcode: u8) -> WeightsError {
        let opcode = match opcode {
            b'P' => "PERSID".to_owned(),
            b'i' => "INST".to_owned(),
            b'o' => "OBJ".to_owned(),
            0x82 => "EXT1".to_owned(),
            0x83 => "EXT2".to_owned(),
            0x84 => "EXT4".to_owned(),
            0x92 => "NEWOBJ_EX".to_owned(),
            0x97 => "NEXT_BUFFER".to_owned(),
            0x98 => "READONLY_BUFFER".to_owned(),
            _ => format!("0x{opcode:02x}"),
        };
        WeightsError::RefusedOpcode { opcode, at: self.at as u64 }
    }
}

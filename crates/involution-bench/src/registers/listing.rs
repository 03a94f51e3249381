//! What the hottest loop of a compiled kernel consists of, read from the listing that a driver for AMD GPUs gives.
//!
//! A listing has labels (`BB7:`) and instructions, one a line. A branch back to a label is a loop. The hottest loop has
//! the most multiply-adds outside of loops in it. Where a loop around it holds the barriers, that one is counted: staging,
//! barriers and addresses are part of what a multiply-add costs.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The hottest loop.
    Loop,
    /// The loop around the hottest one, with the barriers.
    Step,
    /// All of it, as it has no loop.
    Kernel,
}

/// Instructions of a stretch of code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All, waits included.
    pub instructions: u64,
    /// Multiply-adds that a lane does; those of matrix instructions are shared out among the lanes.
    pub multiply_adds: u64,
    /// Vector instructions; a pair that is issued together is one.
    pub vector: u64,
    /// Reads and writes of workgroup memory.
    pub shared: u64,
    /// Reads and writes of memory by lanes; what a whole subgroup reads into scalar registers is not among them.
    pub memory: u64,
    /// Matrix instructions.
    pub matrix: u64,
}

impl Counts {
    /// Counts an instruction so many times.
    fn add(&mut self, line: &str, times: u64) {
        let name = line.split_whitespace().next().unwrap_or_default();
        let is = |beginnings: &[&str]| beginnings.iter().any(|start| name.starts_with(start));
        let multiply_adds = match name {
            _ if is(&["v_dual_"]) => line.matches("v_dual_fma").count() as u64,
            _ if is(&["v_pk_fma", "v_pk_mad_f16", "v_dot2"]) => 2,
            _ => u64::from(is_multiply_add(name)),
        };
        self.instructions += times;
        self.multiply_adds += times * multiply_adds;
        for (count, is) in [
            (&mut self.vector, is(&["v_"])),
            (&mut self.shared, is(&["ds_"])),
            (&mut self.memory, is(&["buffer_", "global_", "flat_", "image_", "scratch_"])),
            (&mut self.matrix, is(&["v_wmma", "v_mfma", "v_swmmac"])),
        ] {
            *count += times * u64::from(is);
        }
    }
}

/// Multiply-adds of a matrix instruction over a subgroup: 16 by 16 by 16.
const OF_A_MATRIX: u64 = 16 * 16 * 16;

/// The counts of a listing for subgroups of so many lanes; nothing where it has no label or no instruction.
pub fn hottest(listing: &str, subgroup: u64) -> Option<(Scope, Counts)> {
    let code = Code::read(listing)?;
    let (scope, mut counts) = code.hottest();
    if counts.matrix > 0 {
        // Multiply-adds beside them are conversions and addresses.
        counts.multiply_adds = counts.matrix * OF_A_MATRIX / subgroup.max(1);
    }
    Some((scope, counts))
}

/// The first and the last line of a loop.
type Loop = (usize, usize);

struct Code<'a> {
    lines: Vec<&'a str>,
    loops: Vec<Loop>,
}

impl<'a> Code<'a> {
    fn read(listing: &'a str) -> Option<Self> {
        let (mut lines, mut labels) = (Vec::new(), HashMap::new());
        for line in listing.lines() {
            // What follows is the encoding.
            let line = line.split(';').next().unwrap_or_default().trim();
            match line.strip_suffix(':') {
                Some(label) => drop(labels.insert(label, lines.len())),
                None if !line.is_empty() && !labels.is_empty() => lines.push(line),
                None => {}
            }
        }
        // Several branches to one label are one loop.
        let mut ends = BTreeMap::new();
        for (at, line) in lines.iter().enumerate() {
            let branches = line.starts_with("s_branch") || line.starts_with("s_cbranch");
            let target = line.split_whitespace().last().and_then(|label| labels.get(label));
            if let Some(&start) = target.filter(|&&start| branches && start <= at) {
                ends.insert(start, at);
            }
        }
        (!lines.is_empty()).then(|| Code { lines, loops: ends.into_iter().collect() })
    }

    fn hottest(&self) -> (Scope, Counts) {
        // A matrix instruction is worth many others.
        let hot = |&&each: &&Loop| {
            let own = self.count(each, |_| 0);
            own.multiply_adds + own.matrix * 64
        };
        // Of equals the first.
        let Some(&hottest) = self.loops.iter().rev().max_by_key(hot) else {
            return (Scope::Kernel, self.count((0, self.lines.len() - 1), |_| 1));
        };
        let barrier = |(from, to): Loop| {
            self.lines[from..=to].iter().any(|line| line.starts_with("s_barrier"))
        };
        let mut scope = hottest;
        while !barrier(scope) {
            let around = self.loops.iter().filter(|&&other| inside(scope, other));
            match around.min_by_key(|(from, to)| to - from) {
                // Without its iterations nothing can be said of what is around it.
                Some(&next) if self.trips(scope).is_some() => scope = next,
                _ => {
                    scope = hottest;
                    break;
                }
            }
        }
        let counts = self.count(scope, |inner| self.trips(inner).unwrap_or(1));
        (if scope == hottest { Scope::Loop } else { Scope::Step }, counts)
    }

    /// One iteration of a loop, with those within it as often as is said.
    fn count(&self, scope: Loop, times: impl Fn(Loop) -> u64) -> Counts {
        let mut counts = Counts::default();
        for at in scope.0..=scope.1 {
            counts.add(self.lines[at], self.around(at, scope).map(&times).product());
        }
        counts
    }

    /// The loops within another that hold a line.
    fn around(&self, at: usize, scope: Loop) -> impl Iterator<Item = Loop> {
        let holds = move |each: &Loop| inside(*each, scope) && (each.0..=each.1).contains(&at);
        self.loops.iter().copied().filter(holds)
    }

    /// Iterations of a loop that counts from 0 by a constant to a constant.
    fn trips(&self, each: Loop) -> Option<u64> {
        let (mut steps, mut limit) = (HashMap::new(), None);
        for at in (each.0..=each.1).filter(|&at| self.around(at, each).next().is_none()) {
            let words = self.lines[at].split([' ', ',']).filter(|word| !word.is_empty());
            match words.collect::<Vec<_>>()[..] {
                [name, to, from, step] if name.starts_with("s_add_") && to == from => {
                    steps.extend(number(step).map(|step| (to, step)));
                }
                ["s_addk_i32", to, step] => steps.extend(number(step).map(|step| (to, step))),
                [name, register, value] if name.starts_with("s_cmp") => {
                    limit = number(value).map(|value| (register, value)).or(limit);
                }
                _ => {}
            }
        }
        let (register, limit) = limit?;
        let step = *steps.get(register)?;
        (step > 0 && (1..=4096).contains(&limit)).then(|| limit.div_ceil(step))
    }
}

/// Whether a loop lies within another.
fn inside(inner: Loop, outer: Loop) -> bool {
    inner != outer && inner.0 >= outer.0 && inner.1 <= outer.1
}

/// A number of a listing: `16` or `0x80`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Whether it multiplies and adds floats of one lane: not `v_mad_u32_u24`, an address.
fn is_multiply_add(name: &str) -> bool {
    let rest = ["fma_", "fmac_", "fmaak_", "fmamk_", "mac_", "mad_"]
        .iter()
        .find_map(|operation| name.strip_prefix("v_")?.strip_prefix(operation));
    rest.is_some_and(|ty| ["f32", "f16", "legacy", "mix"].iter().any(|float| ty.starts_with(float)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loop over tiles with barriers around one of 8 iterations over what is staged; each line once more as it is written
    /// by drivers for other generations.
    const STAGED: &str = "\
        BB0:
            s_mov_b32 s4, 0                          ; be840380
            v_fma_f32 v9, v9, v9, v9                 ; 00000000
        BB1:
            s_cmp_ge_u32 s4, s5                      ; bf090504
            s_cbranch_scc1 BB4                       ; bf850009
            buffer_load_b128 v[0:3], v4, s[0:3], 0   ; e05c1000 80000004
            ds_store_b128 v5, v[0:3]                 ; dbfc0000 00000005
            s_barrier                                ; bf8a0000
            s_mov_b32 s6, 0                          ; be860380
        BB2:
            ds_load_b128 v[0:3], v5                  ; d9fc0000 00000005
            v_fmac_f32_e32 v6, v0, v1                ; 560c0300
            v_dual_fmac_f32 v6, v0, v1 :: v_dual_fmac_f32 v7, v2, v3 ; c8000300
            v_dual_fmac_f32 v6, v0, v1 :: v_dual_mov_b32 v7, v2 ; c8000300
            v_mad_u32_u24 v5, v5, v5, v5             ; d70b0005
            s_add_u32 s6, s6, 2                      ; 80068206
            s_cmp_lt_u32 s6, 0x10                    ; bf0a9006
            s_cbranch_scc1 BB2                       ; bf85fff8
        BB3:
            s_barrier                                ; bf8a0000
            s_add_u32 s4, s4, 1                      ; 80048104
            s_branch BB1                             ; bf82fff0
        BB4:
            s_endpgm                                 ; bf810000
        ";

    #[test]
    fn the_step_with_the_barriers_holds_its_loop_as_often_as_it_runs() {
        let (scope, counts) = hottest(STAGED, 64).unwrap_or((Scope::Kernel, Counts::default()));
        assert_eq!(scope, Scope::Step);
        let expected = Counts {
            instructions: 9 + 8 * 8,
            multiply_adds: 4 * 8,
            vector: 4 * 8,
            shared: 1 + 8,
            memory: 1,
            matrix: 0,
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_loop_whose_iterations_nobody_knows_and_one_without_barriers_are_counted_by_themselves() {
        let unknown = STAGED.replace("s_cmp_lt_u32 s6, 0x10", "s_cmp_lt_u32 s6, s7");
        let free = STAGED.replace("s_barrier", "s_nop 0");
        for text in [unknown, free] {
            let (scope, counts) = hottest(&text, 64).unwrap_or((Scope::Kernel, Counts::default()));
            assert_eq!((scope, counts.instructions, counts.multiply_adds), (Scope::Loop, 8, 4));
        }
    }

    #[test]
    fn matrix_instructions_and_pairs_of_halves_are_counted_by_what_they_do() {
        let packed =
            "BB0:\n v_pk_fma_f16 v0, v1, v2, v0\n v_fma_mixlo_f16 v0, v1, v2, v0\n s_endpgm";
        let (scope, counts) = hottest(packed, 64).unwrap_or((Scope::Loop, Counts::default()));
        assert_eq!((scope, counts.multiply_adds, counts.instructions), (Scope::Kernel, 3, 3));
        let matrix = "BB0:\n v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]\n v_fma_f32 v0, v1, v2, v0";
        let of = |subgroup| hottest(matrix, subgroup).map(|(_, counts)| counts.multiply_adds);
        assert_eq!([of(64), of(32)], [Some(64), Some(128)]);
        assert_eq!(hottest("no label\n v_fma_f32 v0, v1, v2, v0", 64), None);
    }
}

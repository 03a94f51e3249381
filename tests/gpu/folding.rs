//! Grids that fold over two dimensions, on devices that launch few workgroups along each.

use std::collections::{BTreeMap, BTreeSet};

use involution::gpu::shader;
use involution::kernels::{Candidate, Grid, KernelCall};
use involution::ops::NAMES;
use involution::shaders::Variant;
use involution::{Error, Gpu, Limit};
use involution_check::check_candidate;
use involution_check::{Case, expected, fixed};

use crate::{adapters, harness};

/// Workgroups along a dimension, at most. With the fewest, nearly every grid folds, and its last row overhangs; where that
/// is too few for a call of a candidate, the others have room.
const MOST: [u64; 4] = [3, 7, 10, 25];

/// A kernel and a variant of it.
type Key = (&'static str, Variant);

fn key(call: &KernelCall) -> Key {
    (call.kernel.name, call.variant)
}

/// What ran so far.
#[derive(Default)]
struct Folding {
    /// Invocations of a workgroup.
    sizes: BTreeMap<Key, u64>,
    /// Those that cases call.
    called: BTreeSet<Key>,
    /// Those of whose grids a kernel would have missed a part if it took rows for columns.
    told_apart: BTreeSet<Key>,
}

impl Folding {
    fn workgroups(&mut self, call: &KernelCall) -> u64 {
        let count = match call.grid {
            Grid::Workgroups(count) => return count as u64,
            Grid::Invocations(count) => count as u64,
        };
        let size = self.sizes.entry(key(call)).or_insert_with(|| {
            let shader = shader::load(call.kernel, call.variant, &[]).unwrap();
            u64::from(shader.workgroup_size)
        });
        count.div_ceil(*size)
    }

    /// Whether a grid of a candidate folds, and the variants that would not do for taking rows for columns.
    fn folds(&mut self, candidate: &Candidate, most: u64) -> (bool, Vec<Key>) {
        let calls: Vec<(Key, u64)> =
            candidate.calls.iter().map(|call| (key(call), self.workgroups(call))).collect();
        self.called.extend(calls.iter().map(|(variant, _)| variant));
        let largest = calls.iter().map(|&(_, workgroups)| workgroups).max().unwrap();
        let apart = calls.into_iter().filter(|&(_, workgroups)| {
            let rows = workgroups.div_ceil(most).max(1);
            let columns = workgroups.div_ceil(rows);
            rows > 1 && columns + (rows - 1) * rows < workgroups
        });
        let apart = apart.map(|(variant, _)| variant).collect();
        // Where a grid is too large, the batch is cut, and nothing is known of the grids of its parts.
        (largest > most, if largest > most * most { Vec::new() } else { apart })
    }

    /// Runs the candidates of a case whose grids fold, all of them with the fewest workgroups, otherwise those that have
    /// more to tell apart.
    fn run(&mut self, small: &Gpu, case: &Case, most: u64) {
        let shapes: Vec<_> = case.shapes.iter().collect();
        let mut prepared = None;
        for candidate in small.candidates(&case.operator, &shapes).unwrap() {
            let (folds, apart) = self.folds(&candidate, most);
            if apart.iter().all(|variant| self.told_apart.contains(variant))
                && !(folds && most == MOST[0])
            {
                continue;
            }
            let (inputs, want) = prepared.get_or_insert_with(|| {
                let inputs = case.inputs();
                let want = expected(&case.operator, &harness::views(&inputs)).unwrap();
                (inputs, want)
            });
            let (inputs, name) = (harness::views(inputs), &candidate.name);
            match check_candidate(small, &case.operator, &inputs, want, name) {
                Ok(Ok(comparison)) if comparison.passed() => {
                    adapters::count(1);
                    self.told_apart.extend(apart);
                }
                Ok(failed) => panic!("{name}: {case}: {failed:?}"),
                Err(Error::Limit { limit: Limit::Workgroups, needed, allowed, .. }) => {
                    assert!(needed > allowed, "{name}: {case}");
                }
                // A kernel that is for the whole need not be for the parts that it is cut into.
                Err(Error::UnknownKernel { kernel, .. }) if apart.is_empty() => {
                    assert_eq!(kernel, *name, "{case}");
                }
                Err(error) => panic!("{name}: {case}: {error}"),
            }
        }
    }
}

/// Every kernel with each of its tiles is right where its grid folds, those of which several make a candidate, too.
#[test]
fn grids_fold_over_two_dimensions() {
    adapters::each(|gpu| {
        let mut folding = Folding::default();
        for most in MOST {
            let small = adapters::fresh(gpu, |options| options.max_workgroups = Some(most as u32));
            for name in NAMES {
                for case in [fixed(name), harness::sample(name, 15)].concat() {
                    folding.run(&small, &case, most);
                }
            }
            assert_eq!(small.pool_stats().in_use, 0);
        }
        let missing: Vec<_> = folding.called.difference(&folding.told_apart).collect();
        assert!(missing.is_empty(), "never ran with a grid that folds: {missing:?}");
    });
}

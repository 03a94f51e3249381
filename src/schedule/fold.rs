//! Grids: workgroups over x and y.

use crate::error::{Error, Limit, Result};
use crate::kernels::{Grid, KernelCall};

/// Workgroups over x and y, as near to even as it goes, so that few are launched in vain.
pub(crate) fn fold(
    call: &KernelCall,
    workgroup_size: u32,
    max_workgroups: u32,
) -> Result<[u32; 3]> {
    let groups = match call.grid {
        Grid::Invocations(count) => count.div_ceil(workgroup_size as usize),
        Grid::Workgroups(count) => count,
    } as u64;
    let limit = u64::from(max_workgroups);
    let rows = groups.div_ceil(limit).max(1);
    let columns = groups.div_ceil(rows);
    // Kernels count invocations in u32, the last row's surplus included.
    let countable = u64::from(u32::MAX) / u64::from(workgroup_size);
    if rows > limit || rows * columns > countable {
        return Err(Error::Limit {
            op: call.kernel.name,
            what: "the grid".to_owned(),
            limit: Limit::Workgroups,
            needed: groups,
            allowed: (limit * limit).min(countable),
            cure: "use a smaller batch or image",
        });
    }
    Ok([columns as u32, rows as u32, 1])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::kernels::general;
    use crate::ops::Activate;
    use crate::shape::Shape;

    /// What `fold` makes of so many workgroups of a size.
    fn folded(groups: usize, workgroup_size: u32) -> Result<[u32; 3]> {
        let op = Activate::default().into();
        let general = general(&op, &[&Shape::from([1])]).unwrap().unwrap();
        let call = KernelCall { grid: Grid::Workgroups(groups), ..general.calls[0].clone() };
        fold(&call, workgroup_size, 65_535)
    }

    fn allowed(error: Error) -> u64 {
        let Error::Limit { limit: Limit::Workgroups, allowed, .. } = error else {
            panic!("{error}")
        };
        allowed
    }

    /// A dimension has 65,535 workgroups at the most.
    #[test]
    fn grids_fold_where_one_dimension_is_too_short() {
        assert_eq!(folded(1, 64), Ok([1, 1, 1]));
        assert_eq!(folded(65_535, 64), Ok([65_535, 1, 1]));
        assert_eq!(folded(65_536, 64), Ok([32_768, 2, 1]));
        assert_eq!(folded(65_537, 64), Ok([32_769, 2, 1]));
        assert_eq!(folded(65_535 * 65_535, 1), Ok([65_535, 65_535, 1]));
        assert_eq!(allowed(folded(65_535 * 65_535 + 1, 1).unwrap_err()), 65_535 * 65_535);
    }

    /// Kernels count invocations in 32 bits, also those of the last row that have nothing to do.
    #[test]
    fn no_more_invocations_are_launched_than_can_be_counted() {
        let most = u64::from(u32::MAX / 256);
        assert_eq!(folded(256 * 65_535, 256), Ok([65_535, 256, 1]));
        // One more makes 257 rows of 65,281, which are too many.
        assert_eq!(allowed(folded(256 * 65_535 + 1, 256).unwrap_err()), most);
        assert_eq!(allowed(folded(1 << 32, 256).unwrap_err()), most);
    }
}

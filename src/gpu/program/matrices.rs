//! Whether matrix units multiply as kernels expect: they are new, and how an interface passes them on is, too.

use std::sync::{Mutex, PoisonError};

use super::super::device::adapter::AdapterInfo;
use super::super::device::context::Context;
use super::super::device::driver::Waiting;
use super::super::device::transfer::{download, upload};
use super::binder::Binder;
use super::dispatch::record;
use super::pipelines::Pipelines;
use crate::error::{Error, Result};
use crate::kernels::{Grid, KernelCall, MatrixUnits, Operand, Params};
use crate::shaders::Variant;
use crate::shaders::probe::MATRICES;
use crate::shape::Shape;
use crate::tensor::{AsView, DType, Tensor};

/// Names the test in errors.
const MATRIX_UNITS: &str = "matrix units";

/// Products that are tried, each by a subgroup of its own.
const PRODUCTS: usize = 2;

/// The variant of the probe for these units; nothing where no kernel knows them.
fn variant(units: MatrixUnits) -> Option<Variant> {
    let of = |variant: &&Variant| {
        let side = if variant.defines("MATRIX16") { 16 } else { 8 };
        (side, variant.get("LANES")) == (units.side, Some(units.lanes))
    };
    MATRICES.variants.iter().find(of).copied()
}

/// Whether two products of an adapter's matrix units are right. Found out once for each adapter and process.
pub(crate) async fn agree(
    context: &Context,
    pipelines: &Pipelines,
    units: MatrixUnits,
    waiting: Waiting,
) -> Result<bool> {
    static KNOWN: Mutex<Vec<(AdapterInfo, bool)>> = Mutex::new(Vec::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let adapter = &context.driver.info;
    let faulty = context.options.testing.faults.iter().any(|it| it.kernel == MATRICES.name);
    let found = known().iter().find(|(info, _)| info == adapter).map(|(_, right)| *right);
    if let Some(right) = found.filter(|_| !faulty) {
        return Ok(right);
    }
    let Some(variant) = variant(units) else { return Ok(false) };
    let right = match products(context, pipelines, (units.side as usize, variant), waiting).await {
        // What does not compile is not right.
        Err(Error::Kernel { .. } | Error::Device { .. }) => false,
        products => products?,
    };
    if !faulty {
        known().push((adapter.clone(), right));
    }
    Ok(right)
}

async fn products(
    context: &Context,
    pipelines: &Pipelines,
    (side, variant): (usize, Variant),
    waiting: Waiting,
) -> Result<bool> {
    let k = 2 * side;
    let factors = factors(side);
    let at = Error::at(MATRIX_UNITS);
    let factors = Tensor::new([PRODUCTS, 2, side, k], factors).map_err(&at)?;
    let x = upload(context, &factors.view(), DType::F16)?;
    let shape = Shape::from([PRODUCTS, side, side]);
    let out = context.window(&shape, DType::F32, [0, 0], MATRIX_UNITS, "the products")?;
    let mut binder = Binder::new(context, pipelines, MATRIX_UNITS)?;
    let call = KernelCall {
        kernel: &MATRICES,
        variant,
        params: Params::sizes(&[("k", k)]).map_err(&at)?,
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid: Grid::Workgroups(1),
        trips: k,
    };
    binder.push_once(&call, &x, &(out.lease.clone(), out.bytes()))?;
    let bound = binder.finish()?;
    record(context, MATRIX_UNITS, &bound.dispatches, None)?;
    let made = download(context, &out, waiting).await?;
    Ok(made.data() == expected(side, factors.data()))
}

/// Rows of one factor and columns of the other, for each product: small whole numbers, and in each row and each column one
/// from each half whose products are 4096 and -4096. Half precision would lose the others beside it.
fn factors(side: usize) -> Vec<f32> {
    let k = 2 * side;
    let factor = |at: usize| {
        let (is_row, place) = ((at / (side * k)).is_multiple_of(2), at % k);
        match place % side {
            0 if is_row && place == 0 => -64.0,
            0 => 64.0,
            _ => ((at * 7 + at / k * 5 + at / 11) % 9) as f32 - 4.0,
        }
    };
    (0..PRODUCTS * 2 * side * k).map(factor).collect()
}

/// The products, in which no sum is rounded.
fn expected(side: usize, factors: &[f32]) -> Vec<f32> {
    let k = 2 * side;
    let product = |at: usize| {
        let (number, row, column) = (at / (side * side), at / side % side, at % side);
        let rows = &factors[(2 * number * side + row) * k..][..k];
        let columns = &factors[((2 * number + 1) * side + column) * k..][..k];
        rows.iter().zip(columns).map(|(a, b)| a * b).sum()
    };
    (0..PRODUCTS * side * side).map(product).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_has_a_variant_for_every_size_of_tiles() {
        for (side, lanes) in [(16, 64), (16, 32), (8, 32), (8, 8)] {
            assert!(variant(MatrixUnits { side, lanes }).is_some(), "{side} {lanes}");
        }
        assert_eq!(variant(MatrixUnits { side: 16, lanes: 8 }), None);
    }

    /// A transposed factor or product, or sums of half precision, would be seen.
    #[test]
    fn the_products_tell_layouts_apart() {
        for side in [8, 16] {
            let factors = factors(side);
            let right = expected(side, &factors);
            let transposed: Vec<f32> =
                (0..side * side).map(|at| right[at % side * side + at / side]).collect();
            assert_ne!(right[..side * side], transposed);
            assert_ne!(right[..side * side], right[side * side..]);
            // Beside 4096, half precision knows multiples of 4.
            assert!(right.iter().any(|sum| sum % 2.0 != 0.0));
        }
    }
}

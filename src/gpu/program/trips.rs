//! Whether an adapter ends loops by force, and after how many iterations.

use std::sync::{Mutex, PoisonError};

use super::super::device::adapter::AdapterInfo;
use super::super::device::context::Context;
use super::super::device::driver::Waiting;
use super::super::device::transfer::{download, upload};
use super::binder::Binder;
use super::dispatch::record;
use super::pipelines::Pipelines;
use crate::error::{Error, Result};
use crate::kernels::{Grid, KernelCall, Operand, Params};
use crate::shaders::probe::TRIPS;
use crate::shape::Shape;
use crate::tensor::{AsView, DType, Tensor};

/// Names the test in errors.
const LIMITS: &str = "limits";

/// Iterations that an invocation is asked for to see whether they are all made: more than operators ask for at usual
/// sizes, and few enough to take milliseconds. Their sum is a whole number in single precision.
const ASKED: usize = 1 << 20;

/// Iterations by which a call may exceed its [`trips`](KernelCall::trips): of loops whose length is fixed in the shader.
const FIXED: usize = 1024;

/// How many iterations of its loops an adapter gives an invocation; `None` where it sets no limit. Found out once for each
/// adapter and process.
pub(crate) async fn trips(
    context: &Context,
    pipelines: &Pipelines,
    waiting: Waiting,
) -> Result<Option<usize>> {
    static KNOWN: Mutex<Vec<(AdapterInfo, Option<usize>)>> = Mutex::new(Vec::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let adapter = &context.driver.info;
    let found = known().iter().find(|(info, _)| info == adapter).map(|(_, trips)| *trips);
    if let Some(trips) = found {
        return Ok(trips);
    }
    let ones = Tensor::filled([8], 1.0).map_err(Error::at(LIMITS))?;
    let x = upload(context, &ones.view(), DType::F32)?;
    let out = context.window(&Shape::from([1]), DType::F32, [0, 0], LIMITS, "the count")?;
    let mut binder = Binder::new(context, pipelines, LIMITS)?;
    let call = KernelCall {
        kernel: &TRIPS,
        variant: TRIPS.variants[0],
        params: Params::sizes(&[("trips", ASKED)]).map_err(Error::at(LIMITS))?,
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid: Grid::Invocations(1),
        trips: ASKED,
    };
    binder.push_once(&call, &x, &(out.lease.clone(), out.bytes()))?;
    let bound = binder.finish()?;
    record(context, LIMITS, &bound.dispatches, None)?;
    let made =
        download(context, &out, waiting).await?.data().first().map_or(0, |&made| made as usize);
    let trips = (made < ASKED).then(|| made.saturating_sub(FIXED));
    known().push((adapter.clone(), trips));
    Ok(trips)
}

//! What the suites of networks time: an operator or a layer, its inputs, and how it is checked.

use std::sync::Arc;

use involution::{Gpu, Layer, Operator, Result, Shape, StateDict, Tensor};

use super::random;

/// What a row runs.
#[derive(Debug, Clone)]
pub enum Work {
    /// An operator; every input is given at each run.
    Operator(Operator),
    /// A layer or network with weights that are brought to the device once.
    Layer(Arc<dyn Layer>),
}

/// What a row is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    /// The definition, in double precision.
    Reference,
    /// The kernels of the same device that take any shape, one operator at a time, nothing fused: for what the
    /// reference would take minutes for.
    GeneralKernels,
}

/// One row of a suite.
#[derive(Debug, Clone)]
pub struct Workload {
    pub name: String,
    /// The name without its batch and whether it is fused: rows that share it differ in nothing else.
    pub base: String,
    pub work: Work,
    /// Whether the plan of a layer is fused, as it always is but for comparison.
    pub fused: bool,
    /// The shapes of the inputs.
    pub shapes: Vec<Shape>,
    /// What it is compared with.
    pub trusted: Trusted,
    /// What it may be off, in parts of the largest value, where no bound follows from the arithmetic.
    pub tolerance: f64,
}

impl Workload {
    /// Where the name begins: `W1`. Networks are one family.
    pub fn family(&self) -> &str {
        self.name.split_once('/').map_or("networks", |(family, _)| family)
    }

    /// Batches whose samples do not depend on how many there are.
    pub fn inputs(&self) -> Result<Vec<Tensor>> {
        let seed = random::seed(&self.base);
        let inputs = self.shapes.iter().zip(1..);
        inputs.map(|(shape, place)| random::tensor(shape, seed.wrapping_mul(place))).collect()
    }

    /// The weights of its layer; none for an operator.
    pub fn weights(&self, gpu: &Gpu) -> Result<StateDict> {
        match &self.work {
            Work::Operator(_) => Ok(StateDict::new()),
            Work::Layer(layer) => {
                let seed = random::seed(&self.base);
                let run = |op: &Operator, inputs: &[&Tensor]| gpu.run(op.clone(), inputs);
                random::weights(layer.as_ref(), &self.shapes[0], seed, &run)
            }
        }
    }
}

//! What networks have in common.

use std::collections::HashMap;

use super::assets::imagenet_labels;
use super::preprocessing::Preprocessing;
use crate::error::Result;
use crate::plan::{Layer, Plan};
use crate::shape::Shape;
use crate::tensor::StateDict;

/// What a network does with images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Says what an image shows.
    Classify,
    /// Finds the objects in it: a [`Detector`](super::detect::Detector).
    Detect,
    /// Says of each pixel what it belongs to: a [`Segmenter`](super::segment::Segmenter).
    Segment,
}

/// What every network says of itself.
pub trait Model: Layer {
    /// How images are made ready for it.
    fn preprocessing(&self) -> Preprocessing;

    /// The number of classes; nothing where there is no head.
    fn classes(&self) -> Option<usize>;

    /// The network for images of any size, where this one is bound to some; see
    /// [`PoolTo`](crate::nn::PoolTo). The others take any as they are.
    fn any_size(self: Box<Self>) -> Box<dyn Model>;

    /// The names of its results that are not of one layer: `logits`, and feature maps such as `c2` to `c5`.
    fn results(&self) -> Vec<&'static str>;

    /// The plans that it runs by for images of this shape: one, but for a detector, which decides between its stages.
    fn plans(&self, x: &Shape) -> Result<Vec<Plan>> {
        Ok(vec![self.plan(x)?])
    }

    /// Those of its [plans](Model::plans), in their order, without the results that nobody reads when it runs: of a
    /// detector's first, what the others read and what boxes are made of.
    fn kept_plans(&self, x: &Shape) -> Result<Vec<Plan>> {
        let plans = self.plans(x)?;
        let read: Vec<String> =
            plans.iter().skip(1).flat_map(Plan::inputs).map(|(name, _)| name.clone()).collect();
        let several = plans.len() > 1 || self.task() == Task::Detect;
        let own = self.outputs();
        let wanted = |index: usize, name: &str| match index {
            0 if several => own.contains(&name) || read.iter().any(|it| it == name),
            0 => own.first() == Some(&name),
            _ => true,
        };
        let keep = |(index, plan): (usize, Plan)| {
            let names: Vec<String> = plan.outputs().iter().map(|(name, _)| name.clone()).collect();
            let names = names.iter().map(String::as_str).filter(|name| wanted(index, name));
            plan.keep(&names.collect::<Vec<_>>())
        };
        plans.into_iter().enumerate().map(keep).collect()
    }

    /// Whether these are its weights, all of them; one error lists all that differs.
    fn check_weights(&self, weights: &StateDict) -> Result<()> {
        check_weights(&self.name(), &self.plans(&self.preprocessing().input(1))?, weights)
    }

    /// What it does with images.
    fn task(&self) -> Task {
        Task::Classify
    }

    /// Where its authors publish weights that load as they are, if they do.
    fn published(&self) -> Option<&'static str> {
        None
    }

    /// The names of its classes, where it was made for known ones.
    fn labels(&self) -> Option<Vec<&'static str>> {
        match self.classes() {
            Some(1000) => Some(imagenet_labels()),
            _ => None,
        }
    }
}

/// Whether these are exactly the tensors that the plans of a network are made of.
fn check_weights(network: &str, plans: &[Plan], weights: &StateDict) -> Result<()> {
    let expected = plans.iter().flat_map(Plan::weights);
    Ok(weights.check(network, expected.map(|weight| (weight.name.as_str(), &weight.shape)))?)
}

/// The weights of each of the plans of a network, which must be exactly those that there are.
pub(super) fn split_weights(
    network: &str,
    plans: &[Plan],
    weights: StateDict,
) -> Result<Vec<StateDict>> {
    check_weights(network, plans, &weights)?;
    let owner: HashMap<&str, usize> = plans
        .iter()
        .enumerate()
        .flat_map(|(plan, of)| of.weights().iter().map(move |weight| (weight.name.as_str(), plan)))
        .collect();
    let mut parts = vec![StateDict::new(); plans.len()];
    for (name, tensor) in weights {
        if let Some(&plan) = owner.get(name.as_str()) {
            parts[plan].insert(name, tensor);
        }
    }
    Ok(parts)
}

//! A network on one input after another, with several runs under way: while the device computes one, the host
//! makes and uploads the next and copies out the last.

use std::collections::VecDeque;
use std::iter::{Fuse, FusedIterator};

use super::device::driver::Waiting;
use super::network::{Network, Outputs, Started};
use crate::error::Result;
use crate::tensor::{AsView, Tensor};

/// Runs under way at once: one that is copied out, one that computes, and one that waits for it.
const AHEAD: usize = 3;

/// The results of a network for a sequence of inputs, in their order: see [`Network::stream_for`].
#[must_use = "nothing runs until its results are asked for"]
#[derive(Debug)]
pub struct Stream<I: Iterator> {
    network: Network,
    outputs: Vec<String>,
    inputs: Fuse<I>,
    started: VecDeque<Result<Started>>,
}

impl Network {
    /// Runs it on one input after another and gives the main result of each, in their order.
    ///
    /// Up to three inputs are taken before the first result is given, so that the device has work while the
    /// host has some, too; no more than that is in memory. The inputs may differ in shape. What is wrong with
    /// one of them is the error of its place, and those after it run on.
    ///
    /// ```no_run
    /// # fn run(network: &involution::gpu::Network, images: Vec<involution::Tensor>) -> involution::Result<()> {
    /// for logits in network.stream(images) {
    ///     println!("{}", logits?.shape());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream<I>(&self, inputs: I) -> impl FusedIterator<Item = Result<Tensor>>
    where
        I: IntoIterator,
        I::Item: AsView,
    {
        let network = self.clone();
        let results = self.stream_for(inputs, &[self.layer().output()]);
        results.map(move |outputs| network.main_result(outputs?))
    }

    /// Like [`Network::stream`], with the results of these names for each input.
    pub fn stream_for<I>(&self, inputs: I, outputs: &[&str]) -> Stream<I::IntoIter>
    where
        I: IntoIterator,
        I::Item: AsView,
    {
        Stream {
            network: self.clone(),
            outputs: outputs.iter().map(|&name| name.to_owned()).collect(),
            inputs: inputs.into_iter().fuse(),
            started: VecDeque::new(),
        }
    }
}

impl<I> Iterator for Stream<I>
where
    I: Iterator,
    I::Item: AsView,
{
    type Item = Result<Outputs>;

    fn next(&mut self) -> Option<Self::Item> {
        let outputs: Vec<&str> = self.outputs.iter().map(String::as_str).collect();
        while self.started.len() < AHEAD
            && let Some(x) = self.inputs.next()
        {
            let x = x.view();
            let prepared = self.network.prepare(x.shape(), &outputs);
            self.started.push_back(prepared.and_then(|()| self.network.start(&[x], &outputs)));
        }
        let started = self.started.pop_front()?;
        let finish = |started| pollster::block_on(self.network.finish(started, Waiting::Thread));
        Some(started.and_then(finish))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.inputs.size_hint();
        let started = self.started.len();
        (least.saturating_add(started), most.and_then(|most| most.checked_add(started)))
    }
}

impl<I> FusedIterator for Stream<I>
where
    I: Iterator,
    I::Item: AsView,
{
}

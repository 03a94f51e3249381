//! Convolutions whose sums are too long for one dispatch: each of several adds some of the input channels.

use super::{Activation, Candidate};
use crate::kernel::{KernelCall, MOST_TRIPS, Operand};

/// The general convolution of one dispatch, whose groups have so many input channels, in as many dispatches as keep to
/// [`MOST_TRIPS`]. All but the first add what the one before has left, as their residual. `sums` are the place of a scratch
/// buffer and its elements, those of the output.
pub(super) fn split(whole: Candidate, group_in: usize, sums: [usize; 2]) -> Candidate {
    let Some(call) = whole.calls.first().filter(|call| call.trips > MOST_TRIPS) else {
        return whole;
    };
    let of_channel = call.trips / group_in.max(1);
    let channels = (MOST_TRIPS / of_channel.max(1)).max(1);
    let count = group_in.div_ceil(channels);
    let [place, elements] = sums;
    let mut calls = Vec::new();
    let mut before = None;
    for part in 0..count {
        let [first, last] = [part * channels, group_in.min((part + 1) * channels)];
        // Taking turns so that the last one writes the output.
        let turn = (count - part).is_multiple_of(2);
        let out = if turn { Operand::Scratch(place) } else { Operand::Output };
        let mut next = KernelCall {
            params: call.params.clone().with("first_in", first).with("last_in", last),
            trips: of_channel * (last - first),
            ..call.clone()
        };
        for (name, operand) in &mut next.bindings {
            match (*name, before) {
                ("out", _) => *operand = out,
                ("bias", Some(_)) => *operand = Operand::Absent,
                ("residual", Some(sums_so_far)) => *operand = sums_so_far,
                _ => {}
            }
        }
        if part > 0 {
            next.params = next.params.with("has_bias", 0).with("has_residual", 1);
        }
        if part + 1 < count {
            next.params = next.params.with("activation", Activation::None.code());
        }
        calls.push(next);
        before = Some(out);
    }
    let scratch = if count > 1 { vec![elements] } else { Vec::new() };
    Candidate { scratch, calls, ..whole }
}

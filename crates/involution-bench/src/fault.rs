//! A wrong or a slow kernel on purpose, so that tests can see the benchmark refuse the one and `diff` name the other:
//! `INVOLUTION_BENCH_FAULT=wrong:TEXT` or `slow:TEXT`, for the calls whose name or kernel contains the text. Builds
//! for release have no such thing.

use involution::Tensor;

use super::sampling::Sampled;
use super::stats::Stats;

/// What a slow kernel takes longer.
const SLOWER: f64 = 1.2;

/// What is wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    Wrong,
    Slow,
}

impl Fault {
    /// Of the call of this name by this kernel.
    pub fn of(call: &str, kernel: &str) -> Self {
        match std::env::var("INVOLUTION_BENCH_FAULT") {
            Ok(wanted) if cfg!(debug_assertions) => Fault::parse(&wanted, call, kernel),
            _ => Fault::None,
        }
    }

    fn parse(wanted: &str, call: &str, kernel: &str) -> Self {
        let named = |text: &str| call.contains(text) || kernel.contains(text);
        match wanted.split_once(':') {
            Some(("wrong", text)) if named(text) => Fault::Wrong,
            Some(("slow", text)) if named(text) => Fault::Slow,
            _ => Fault::None,
        }
    }

    /// What a kernel with this fault would have written.
    pub fn output(self, mut output: Tensor) -> Tensor {
        if let (Fault::Wrong, Some(last)) = (self, output.data_mut().last_mut()) {
            *last += 1.0;
        }
        output
    }

    /// What it would have taken.
    pub fn samples(self, mut samples: Sampled) -> Sampled {
        if self == Fault::Slow {
            for run in &mut samples.runs {
                run.wall = run.wall.mul_f64(SLOWER);
                run.span = run.span.map(|span| span.mul_f64(SLOWER));
                for dispatch in run.dispatches.iter_mut().flatten() {
                    *dispatch = dispatch.mul_f64(SLOWER);
                }
            }
            let cpu =
                samples.cpu_ms.map(|cpu| cpu.times.iter().map(|time| time * SLOWER).collect());
            samples.cpu_ms = cpu.and_then(Stats::of);
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_that_of_the_calls_it_names() {
        let parse = |wanted| Fault::parse(wanted, "1.1 conv3 64->256 @56", "software/row_pairs");
        assert_eq!(parse("wrong:64->256"), Fault::Wrong);
        assert_eq!((parse("slow:1.1 conv3"), parse("slow:pairs")), (Fault::Slow, Fault::Slow));
        for wanted in ["wrong:linear", "conv3", "other:conv3"] {
            assert_eq!(parse(wanted), Fault::None);
        }
    }
}

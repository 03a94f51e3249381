//! A wrong or a slow kernel on purpose, so that tests can see the benchmark refuse the one and `diff` name the other:
//! `INVOLUTION_BENCH_FAULT=wrong:TEXT` or `slow:TEXT`, for the calls whose name or kernel contains the text. Builds
//! for release have no such thing.

use involution::Tensor;

use crate::row::Row;
use crate::stats::Stats;

/// What a slow kernel takes longer.
const SLOWER: f64 = 1.2;

/// What a call by a kernel gives: as it was, but for the fault that the variable plants there.
pub fn planted(mut row: Row, mut output: Tensor, kernel: &str) -> (Row, Tensor) {
    let wanted = std::env::var("INVOLUTION_BENCH_FAULT").unwrap_or_default();
    match fault(&wanted, &row.case, kernel) {
        Some("wrong") => output.data_mut().last_mut().into_iter().for_each(|last| *last += 1.0),
        Some("slow") => {
            for stats in [&mut row.gpu_ms, &mut row.wall_ms, &mut row.cpu_ms] {
                let times =
                    stats.take().map(|it| it.times.iter().map(|time| time * SLOWER).collect());
                *stats = times.and_then(Stats::of);
            }
        }
        _ => {}
    }
    (row, output)
}

/// The fault of this call, if it is wanted there.
fn fault<'a>(wanted: &'a str, call: &str, kernel: &str) -> Option<&'a str> {
    let (fault, text) = wanted.split_once(':').filter(|_| cfg!(debug_assertions))?;
    (call.contains(text) || kernel.contains(text)).then_some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_that_of_the_calls_it_names() {
        let fault = |wanted| fault(wanted, "1.1 conv3 64->256 @56", "software/row_pairs");
        assert_eq!(fault("wrong:64->256"), Some("wrong"));
        assert_eq!((fault("slow:1.1 conv3"), fault("slow:pairs")), (Some("slow"), Some("slow")));
        assert_eq!([fault("wrong:linear"), fault("conv3")], [None, None]);
    }
}

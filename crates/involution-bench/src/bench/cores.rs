//! Work on all cores, for the checks: after the timing, so as not to disturb it.

use std::sync::{Mutex, PoisonError};

use crate::output;

/// Does something with each item, on as many threads as there are cores, the last item first. A bar of this
/// name shows how far it is.
pub fn each<T: Send>(what: &str, items: Vec<T>, work: impl Fn(T) + Sync) {
    let bar = output::progress(what);
    bar.set_length(items.len() as u64);
    let items = Mutex::new(items);
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).pop();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |count| count.get()) {
            scope.spawn(|| {
                while let Some(item) = next() {
                    work(item);
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
}

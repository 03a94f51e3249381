//! Things that are made once, by whoever asks first, while no lock is held.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::error::Result;

/// What was made for each key, or is being made.
#[derive(Debug)]
pub(crate) struct Slots<K, V> {
    /// How many are kept; of those that are made, the one that was asked for longest ago goes first.
    most: usize,
    /// The last that was asked for is the last.
    slots: Mutex<Vec<(K, Slot<V>)>>,
}

type Slot<V> = Arc<OnceLock<Result<V>>>;

impl<K, V> Default for Slots<K, V> {
    fn default() -> Self {
        Slots::of(usize::MAX)
    }
}

impl<K, V> Slots<K, V> {
    /// Keeps so many.
    pub fn of(most: usize) -> Self {
        Slots { most, slots: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(K, Slot<V>)>> {
        // The list is whole at every point where a panic could unwind.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: PartialEq, V: Clone> Slots<K, V> {
    /// What is made for a key: made now, or by another thread that asked before and is waited for. Nobody else waits
    /// meanwhile. A failure is not kept: the next to ask tries again.
    pub fn get(&self, key: K, make: impl FnOnce() -> Result<V>) -> Result<V> {
        let slot = self.slot(key);
        let result = slot.get_or_init(make).clone();
        if result.is_err() {
            self.lock().retain(|(_, other)| !Arc::ptr_eq(other, &slot));
        }
        result
    }

    fn slot(&self, key: K) -> Slot<V> {
        let mut slots = self.lock();
        let known = slots.iter().position(|(known, _)| *known == key);
        let entry = match known {
            Some(place) => slots.remove(place),
            None => {
                // Goes first, so that what is made now can have its memory.
                while slots.len() >= self.most
                    && let Some(oldest) = slots.iter().position(|(_, slot)| slot.get().is_some())
                {
                    slots.remove(oldest);
                }
                (key, Slot::default())
            }
        };
        let slot = entry.1.clone();
        slots.push(entry);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn made(slots: &Slots<u32, u32>, key: u32) -> (Result<u32>, bool) {
        let mut made = false;
        let result = slots.get(key, || {
            made = true;
            Ok(10 * key)
        });
        (result, made)
    }

    #[test]
    fn the_one_that_was_asked_for_longest_ago_goes() {
        let slots = Slots::of(2);
        assert_eq!(made(&slots, 1), (Ok(10), true));
        assert_eq!(made(&slots, 2), (Ok(20), true));
        assert_eq!(made(&slots, 1), (Ok(10), false));
        assert_eq!(made(&slots, 3), (Ok(30), true));
        assert_eq!(made(&slots, 1), (Ok(10), false));
        assert_eq!(made(&slots, 2), (Ok(20), true));
    }

    #[test]
    fn what_is_being_made_stays() {
        let slots = Slots::of(1);
        let outer = slots.get(1, || {
            assert_eq!(made(&slots, 2), (Ok(20), true));
            Ok(10)
        });
        assert_eq!(outer, Ok(10));
        assert_eq!(made(&slots, 1), (Ok(10), false));
        assert_eq!(made(&slots, 3), (Ok(30), true));
        assert_eq!(slots.lock().len(), 1);
    }

    #[test]
    fn a_failure_is_tried_again() {
        let slots = Slots::default();
        let fault = Error::Internal("no".to_owned());
        assert_eq!(slots.get(1, || Err(fault.clone())), Err(fault));
        assert_eq!(made(&slots, 1), (Ok(10), true));
    }
}

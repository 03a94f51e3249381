//! Large copies between host and device go in pieces through staging that is used again.

use involution::{Error, Gpu, Tensor};

use crate::adapters;

/// Elements of several pieces, the last of them a small one.
const LARGE: usize = (9 << 20) / 4 + 1;

/// A tensor in which each place holds another value, and each seed makes other ones.
fn counted(elements: usize, seed: usize) -> Tensor {
    // Below 2^24, whole numbers are exact in single precision.
    let values = (0..elements).map(|index| ((index * 7 + seed * 1001) % (1 << 24)) as f32);
    Tensor::new([elements], values.collect()).unwrap()
}

fn there_and_back(gpu: &Gpu, tensor: &Tensor) -> Tensor {
    gpu.download(&gpu.upload(tensor).unwrap()).unwrap()
}

#[test]
fn pieces_arrive_in_their_places() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        // Around one piece, where cutting begins, and around two.
        for mib in [4, 8] {
            for more in [-1, 0, 1] {
                let elements = ((mib << 20) / 4 + more) as usize;
                let tensor = counted(elements, elements);
                assert!(there_and_back(&gpu, &tensor) == tensor, "{elements} elements");
            }
        }
        adapters::count(1);
    });
}

/// Staging is lent again, and given back to the driver when it is asked for.
#[test]
fn staging_is_used_again() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let round = |seed| {
            let tensor = counted(LARGE, seed);
            assert!(there_and_back(&gpu, &tensor) == tensor, "round {seed}");
            let stats = gpu.pool_stats();
            assert_eq!(stats.in_use, 0);
            // The upload's staging is nobody's: one tensor was lent, and what it was read by.
            assert!(stats.peak <= 2 * (10 << 20) + (4 << 20), "{stats:?}");
        };
        // How many pieces are filled before the device is done with the first is a matter of luck: up to all.
        (0..3).for_each(round);
        let warm = gpu.pool_stats().allocations;
        (3..20).for_each(round);
        let more = gpu.pool_stats().allocations - warm;
        assert!(more <= 2, "{more} more buffers in a steady workload");
        gpu.trim();
        assert_eq!((gpu.pool_stats().in_use, gpu.pool_stats().reserved), (0, 0));
        round(20);
    });
}

/// Many uploads and no result: the staging stays within bounds, and the last values stand.
#[test]
fn uploads_without_end_take_bounded_memory() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let tensors = [counted(LARGE, 1), counted(LARGE, 2)];
        let mut last = gpu.upload(&tensors[0]).unwrap();
        for round in 1..30 {
            last = gpu.upload(&tensors[round % 2]).unwrap();
        }
        assert!(gpu.download(&last).unwrap() == tensors[1]);
        // Some tensors whose uploads were under way, and the staging of both ways.
        let stats = gpu.pool_stats();
        assert!(stats.peak <= 3 * (10 << 20), "{stats:?}");
        assert!(stats.reserved <= stats.peak + ((17 * 4) << 20), "{stats:?}");
    });
}

#[test]
fn many_threads_copy_at_once() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let gpu = &gpu;
                scope.spawn(move || {
                    for round in 0..6 {
                        let tensor = counted(LARGE - thread, thread * 100 + round);
                        assert!(there_and_back(gpu, &tensor) == tensor, "{thread} {round}");
                    }
                });
            }
        });
        there_and_back(&gpu, &counted(LARGE, 0));
        assert_eq!(gpu.pool_stats().in_use, 0);
    });
}

/// Lost between the pieces: an error, no hang, and nothing that stays lent.
#[test]
fn a_device_lost_in_the_middle_of_a_copy_says_so() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let tensor = counted(LARGE, 4);
        let uploaded = gpu.upload(&tensor).unwrap();
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                loop {
                    match gpu.upload(&tensor).and_then(|uploaded| gpu.download(&uploaded)) {
                        Ok(result) => assert!(result == tensor),
                        Err(Error::DeviceLost { .. }) => return,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
            std::thread::sleep(std::time::Duration::from_millis(40));
            gpu.destroy();
            worker.join().unwrap();
        });
        let error = gpu.upload(&tensor).unwrap_err();
        assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
        let error = gpu.download(&uploaded).unwrap_err();
        assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
        assert!(there_and_back(&gpu.recreate().unwrap(), &tensor) == tensor);
    });
}

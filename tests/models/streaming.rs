//! Networks on streams of inputs: the results, their order, and what an error leaves alone.

use std::cell::Cell;

use involution::gpu::Network;
use involution::models::RedNet;
use involution::{Error, Gpu, Tensor};

use super::plan;
use crate::adapters;
use crate::networks::{input, state_of};

fn network(gpu: &Gpu) -> Network {
    let model = RedNet::digits();
    let weights = state_of(&plan(&model), 43);
    gpu.load(model, weights).unwrap()
}

/// As one by one, more inputs than are under way at once, and none of them alike.
#[test]
fn a_stream_gives_what_single_runs_give_in_their_order() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let network = network(&gpu);
        let inputs: Vec<Tensor> = (0..12).map(|seed| input(&[3, 1, 8, 8], seed)).collect();
        let one_by_one: Vec<_> = inputs.iter().map(|x| network.run(x).unwrap()).collect();
        assert!(one_by_one.windows(2).all(|pair| pair[0] != pair[1]));
        for count in [0, 1, 2, 3, 4, 12] {
            // By reference and by value.
            let results = network.stream(&inputs[..count]);
            assert_eq!(results.size_hint(), (count, Some(count)));
            let found: Vec<_> = results.collect::<Result<_, _>>().unwrap();
            assert_eq!(found, one_by_one[..count]);
            let results = network.stream(inputs[..count].to_vec());
            assert_eq!(results.collect::<Result<Vec<_>, _>>().unwrap(), one_by_one[..count]);
        }
        let names = ["c3", "logits"];
        let want: Vec<_> = inputs.iter().map(|x| network.run_for(x, &names).unwrap()).collect();
        let found: Vec<_> = network.stream_for(&inputs, &names).collect::<Result<_, _>>().unwrap();
        assert_eq!(found, want);
        drop(network);
        assert_eq!(gpu.pool_stats().in_use, 0);
        adapters::count(12);
    });
}

/// More shapes than are kept prepared, and inputs that fit nothing among them.
#[test]
fn an_error_is_that_of_its_place() {
    adapters::each(|gpu| {
        let network = network(gpu);
        let shape = |place: usize| match place {
            // Two channels, and a size that the strides do not divide.
            4 => vec![1, 2, 8, 8],
            5 | 17 => vec![1, 1, 9, 7],
            _ => vec![1 + place % 6, 1, 8, 8 * (1 + place % 2)],
        };
        let inputs: Vec<Tensor> = (0..18).map(|place| input(&shape(place), place as u64)).collect();
        let one_by_one: Vec<_> = inputs.iter().map(|x| network.run(x)).collect();
        let found: Vec<_> = network.stream(&inputs).collect();
        assert_eq!(found, one_by_one);
        let wrong: Vec<usize> = (0..18).filter(|&place| found[place].is_err()).collect();
        assert_eq!(wrong, [4, 5, 17]);
        // Names that are not there are an error of each.
        let mut results = network.stream_for(&inputs[..2], &["c9"]);
        for _ in 0..2 {
            let error = results.next().unwrap().unwrap_err();
            assert!(matches!(&error, Error::UnknownOutput { output, .. } if output == "c9"));
        }
        assert!(results.next().is_none() && results.next().is_none());
        adapters::count(18);
    });
}

/// Inputs are taken a few ahead of the results, never all at once, and none before the first result is asked for.
#[test]
fn a_stream_takes_few_inputs_ahead() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let network = network(&gpu);
        let taken = Cell::new(0);
        let inputs = (0..30).inspect(|_| taken.set(taken.get() + 1));
        let mut results = network.stream(inputs.map(|seed| input(&[2, 1, 8, 8], seed)));
        assert_eq!(taken.get(), 0);
        let mut most = 0;
        for given in 1..=20 {
            results.next().unwrap().unwrap();
            assert!((given..=given + 2).contains(&taken.get()), "{} for {given}", taken.get());
            most = most.max(gpu.pool_stats().reserved);
            assert!(given == 1 || gpu.pool_stats().reserved == most);
        }
        // More than one is under way, or nothing overlaps.
        assert!(taken.get() > 20);
        // Whoever stops in the middle leaves nothing lent.
        drop(results);
        drop(network);
        gpu.upload(&input(&[1], 0)).unwrap();
        assert_eq!(gpu.pool_stats().in_use, 0);
    });
}

#[test]
fn a_device_lost_in_the_middle_ends_each_run_with_an_error() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let network = network(&gpu);
        let mut results = network.stream((0..6).map(|seed| input(&[2, 1, 8, 8], seed)));
        results.next().unwrap().unwrap();
        gpu.destroy();
        let rest: Vec<_> = results.collect();
        assert_eq!(rest.len(), 5);
        for result in rest {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
        }
    });
}

/// Two streams of one network on two threads: they share its slots, and neither sees the other's values.
#[test]
fn streams_of_one_network_do_not_mix() {
    adapters::each(|gpu| {
        let network = network(gpu);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let network = &network;
                scope.spawn(move || {
                    let inputs: Vec<Tensor> =
                        (0..10).map(|seed| input(&[2, 1, 8, 8], 100 * thread + seed)).collect();
                    for (x, found) in inputs.iter().zip(network.stream(&inputs)) {
                        assert_eq!(found, network.run(x), "thread {thread}");
                    }
                });
            }
        });
    });
}

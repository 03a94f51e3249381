//! Kernels compiled ahead of time, and what is heard of it meanwhile.

use std::collections::HashMap;

use involution::gpu::{Fault, Gpu, Progress};
use involution::kernels::{self, KernelKey};
use involution::nn::ConvBnAct;
use involution::ops::NAMES;
use involution::{Error, Layer};

use crate::networks::{input, state_of};
use crate::{adapters, harness};

#[test]
fn warming_up_compiles_everything() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let all: Vec<KernelKey> = kernels::all()
            .filter(|kernel| gpu.adapter().subgroup_size >= 8 || !kernel.subgroups)
            // Matrix units multiply half precision, which this device does not store.
            .filter(|kernel| kernel.name != "gemm/cooperative")
            .flat_map(|kernel| {
                kernel.variants.iter().map(move |&variant| KernelKey { kernel, variant })
            })
            .collect();
        gpu.warm_up(&all).unwrap();
        let warm = gpu.pipeline_stats();
        assert_eq!(warm.misses, all.len() as u64);
        for name in NAMES {
            for case in harness::sample(name, 3) {
                let inputs = case.inputs();
                gpu.run(case.operator, &harness::views(&inputs)).unwrap();
            }
        }
        assert_eq!(gpu.pipeline_stats().misses, warm.misses);
        assert_eq!(gpu.pool_stats().in_use, 0);
        gpu.warm_up(&[]).unwrap();
    });
}

/// A few kernels that any adapter has.
fn some_keys(gpu: &Gpu) -> Vec<KernelKey> {
    let mut keys = Vec::new();
    for name in ["activation", "add", "mul", "softmax", "unfold", "dynamic_conv2d"] {
        let case = harness::sample(name, 1).pop().unwrap();
        let shapes: Vec<_> = case.shapes.iter().collect();
        let preferred = gpu.candidates(&case.operator, &shapes).unwrap().pop().unwrap();
        keys.extend(preferred.calls.iter().map(|call| call.key()));
    }
    assert!(keys.len() >= 5);
    keys
}

/// Each kernel is begun and ended once, and the count goes from nothing to all of them, one by one. That all of it is
/// heard in the caller's thread, the compiler sees: what hears it could not be shared.
fn counts(heard: &[Progress], keys: &[&str]) {
    assert_eq!(heard.len(), 2 * keys.len());
    assert!(heard.iter().all(|progress| progress.total == keys.len()), "{heard:?}");
    assert_eq!(heard.first().map(|progress| progress.done), Some(0));
    assert_eq!(heard.last().map(|progress| progress.done), Some(keys.len()));
    assert!(heard.windows(2).all(|two| two[1].done - two[0].done <= 1), "{heard:?}");
    let mut times: HashMap<&str, usize> = HashMap::new();
    heard.iter().for_each(|progress| *times.entry(progress.kernel).or_default() += 1);
    let mut wanted: HashMap<&str, usize> = HashMap::new();
    keys.iter().for_each(|key| *wanted.entry(key).or_default() += 2);
    assert_eq!(times, wanted);
}

#[test]
fn progress_counts_every_kernel() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let keys = some_keys(&gpu);
        let names: Vec<&str> = keys.iter().map(|key| key.kernel.name).collect();
        // Those that are compiled already are counted as well.
        for _ in 0..2 {
            let mut heard = Vec::new();
            gpu.warm_up_with(&keys, |progress| heard.push(progress)).unwrap();
            counts(&heard, &names);
        }
        gpu.warm_up_with(&[], |progress| panic!("{progress:?} of nothing")).unwrap();
    });
}

/// What does not compile is not counted, and the others are ready all the same.
#[test]
fn progress_stops_short_where_a_kernel_fails() {
    adapters::each(|gpu| {
        let broken = adapters::fresh(gpu, |options| {
            options.testing().faults.push(Fault {
                kernel: "conv/unfold".to_owned(),
                from: "out[".to_owned(),
                to: "nonsense[".to_owned(),
            });
        });
        let keys = some_keys(&broken);
        let mut heard = Vec::new();
        let error = broken.warm_up_with(&keys, |progress| heard.push(progress)).unwrap_err();
        assert!(
            matches!(&error, Error::Kernel { kernel, .. } if kernel == "conv/unfold"),
            "{error}"
        );
        assert!(heard.iter().all(|progress| progress.done < progress.total), "{heard:?}");
        assert_eq!(heard.iter().filter(|progress| progress.kernel == "conv/unfold").count(), 1);
    });
}

/// A network says so for as long as it is not ready, and then no more.
#[test]
fn networks_say_how_far_they_are() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let layer = ConvBnAct::new(8, 16, [3, 3]).padding(1);
        let x = input(&[1, 8, 12, 12], 3);
        let weights = state_of(&layer.plan(x.shape()).unwrap(), 7);
        let network = gpu.load(layer, weights).unwrap();
        let mut heard = Vec::new();
        network.prepare_with(x.shape(), &["out"], |progress| heard.push(progress)).unwrap();
        let compiled = gpu.pipeline_stats().misses;
        assert_eq!(heard.last().map(|progress| progress.done as u64), Some(compiled));
        let names: Vec<&str> = heard.iter().map(|progress| progress.kernel).collect();
        let ran = network.dispatches(x.shape(), &["out"]).unwrap();
        assert!(ran.iter().all(|(_, kernel)| names.contains(kernel)), "{ran:?} of {names:?}");
        network.prepare_with(x.shape(), &["out"], |progress| panic!("{progress:?}")).unwrap();
        network.run(&x).unwrap();
        assert_eq!(gpu.pipeline_stats().misses, compiled);
    });
}

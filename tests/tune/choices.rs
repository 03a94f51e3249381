//! What measured choices do to a device: the order of candidates, and nothing else.

use involution::autotune::{Cache, Tuned};
use involution::gpu::{Choice, Gpu};
use involution::nn::ConvBnAct;
use involution::ops::{Op, Operator};
use involution::{Layer, Shape, Tensor};
use involution_check::{Case, compare, expected};

use super::{entry, folder, names, pointwise, views};
use crate::adapters;
use crate::networks::{assert_close, input, state_of};

/// Opens the adapter again with this one choice.
fn with_choice(gpu: &Gpu, name: &str, op: &Operator, shapes: &[Shape], kernel: &str) -> Gpu {
    let path = folder(name).join("tuned.json");
    let mut cache = Cache::new(gpu.adapter().identity());
    cache.insert(entry(op, shapes, kernel));
    cache.save(&path).unwrap();
    adapters::fresh(gpu, |options| options.tuned = Tuned::File(path))
}

fn uploaded(gpu: &Gpu, op: &Operator, shapes: &[Shape]) -> (Vec<Tensor>, String, Tensor) {
    let case = Case {
        operator: op.clone(),
        shapes: shapes.to_vec(),
        seed: 5,
        scale: 1.0,
        positive: false,
        story: "",
    };
    let inputs = case.inputs();
    let tensors: Vec<_> = inputs.iter().map(|input| gpu.upload(input).unwrap()).collect();
    let prepared =
        gpu.prepare(op, &tensors.iter().collect::<Vec<_>>(), &Choice::Preferred).unwrap();
    gpu.submit(&prepared).unwrap();
    let output = gpu.download(prepared.output()).unwrap();
    (inputs, prepared.candidate().to_owned(), output)
}

#[test]
fn the_measured_kernel_runs_and_is_right() {
    adapters::each(|gpu| {
        let (op, shapes) = pointwise();
        let (fixed, now) = names(gpu, &op, &shapes);
        assert_eq!(fixed, now, "tests go by the fixed choice");
        assert!(fixed.len() > 2, "{fixed:?}");
        for kernel in &fixed {
            let tuned = with_choice(gpu, "taken", &op, &shapes, kernel);
            let (same, now) = names(&tuned, &op, &shapes);
            assert_eq!(same, fixed);
            assert_eq!(now.last(), Some(kernel));
            // The others keep their order.
            let rest = |names: &[String]| names.iter().filter(|n| *n != kernel).cloned().collect();
            let (a, b): (Vec<String>, Vec<String>) = (rest(&now), rest(&fixed));
            assert_eq!(a, b);
            let (inputs, ran, output) = uploaded(&tuned, &op, &shapes);
            assert_eq!(ran, *kernel);
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            let want = expected(&op, &inputs).unwrap();
            assert!(compare(&want, &output).passed());
            assert_eq!(tuned.run(op.clone(), &inputs).unwrap(), output);
            // By name, each of them runs as before.
            let guarded =
                tuned.run_guarded(&op, &inputs, &Choice::Named(fixed[0].clone())).unwrap();
            assert_eq!(guarded.candidate, fixed[0]);
            adapters::count(2);
        }
    });
}

#[test]
fn a_choice_holds_for_its_range_of_sizes_alone() {
    adapters::each(|gpu| {
        let (op, shapes) = pointwise();
        let kernel = names(gpu, &op, &shapes).0[0].clone();
        let tuned = with_choice(gpu, "range", &op, &shapes, &kernel);
        let last = |height, width| {
            let shapes = [Shape::from([1, 8, height, width]), shapes[1].clone()];
            let (fixed, now) = names(&tuned, &op, &shapes);
            (fixed.last().cloned(), now.last().cloned())
        };
        assert_eq!(last(15, 16).1.as_ref(), Some(&kernel));
        for [height, width] in [[16, 16], [11, 11], [8, 8]] {
            let (fixed, now) = last(height, width);
            assert_ne!(fixed.as_ref(), Some(&kernel));
            assert_eq!(fixed, now, "{height}x{width}");
        }
    });
}

#[test]
fn a_kernel_that_does_not_exist_is_ignored() {
    adapters::each(|gpu| {
        let (op, shapes) = pointwise();
        for kernel in ["conv/fast", "", "conv2d", "softmax", "\u{1b}[31m"] {
            let tuned = with_choice(gpu, "unknown", &op, &shapes, kernel);
            assert_eq!(tuned.tuned().kernel(&op, &views(&shapes)), Some(kernel));
            let (fixed, now) = names(&tuned, &op, &shapes);
            assert_eq!(fixed, now, "{kernel}");
            let (_, ran, _) = uploaded(&tuned, &op, &shapes);
            assert_eq!(Some(&ran), fixed.last());
        }
    });
}

#[test]
fn off_is_the_fixed_choice() {
    adapters::each(|gpu| {
        let off = adapters::fresh(gpu, |options| options.tuned = Tuned::Off);
        assert!(off.tuned().is_empty());
        // And after a device was lost, the same choices hold.
        let (op, shapes) = pointwise();
        let kernel = names(gpu, &op, &shapes).0[0].clone();
        let tuned = with_choice(gpu, "again", &op, &shapes, &kernel).recreate().unwrap();
        assert_eq!(names(&tuned, &op, &shapes).1.last(), Some(&kernel));
        assert!(off.recreate().unwrap().tuned().is_empty());
    });
}

#[test]
fn networks_run_the_measured_kernel() {
    adapters::each(|gpu| {
        let layer = || ConvBnAct::new(8, 16, [3, 3]).padding(1);
        let x = input(&[1, 8, 12, 12], 3);
        let plan = layer().plan(x.shape()).unwrap().keep(&[layer().output()]).unwrap();
        let weights = state_of(&plan, 7);
        let plan = plan.fuse();
        let call = involution::autotune::measure::calls(&plan).remove(0);
        assert_eq!(call.op.name(), "conv2d");
        let mut fixed = names(gpu, &call.op, &call.shapes).0.into_iter();
        let kernel = fixed.find(|name| name.starts_with("conv/conv2d")).unwrap();
        let tuned = with_choice(gpu, "network", &call.op, &call.shapes, &kernel);
        let run = |gpu: &Gpu| {
            let network = gpu.load(layer(), weights.clone()).unwrap();
            let dispatches = network.dispatches(x.shape(), &[layer().output()]).unwrap();
            // A kernel that is compiled for another tile has the same name: what is compiled tells them apart.
            (network.run(&x).unwrap(), dispatches, gpu.pipeline_stats().misses)
        };
        let (want, ..) = run(&adapters::fresh(gpu, |_| {}));
        let (found, dispatches, compiled) = run(&tuned);
        assert_close("tuned", &found, &want, 1e-5);
        assert_eq!(compiled, 1, "the fixed choice is not compiled in vain");
        let name = kernel.split('[').next().unwrap();
        assert_eq!(dispatches.iter().map(|(_, kernel)| *kernel).collect::<Vec<_>>(), [name]);
        let (fixed, now) = names(&tuned, &call.op, &call.shapes);
        assert_ne!(fixed.last(), now.last());
    });
}

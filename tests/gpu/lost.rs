//! Devices that are lost, and adapters and tensors that are not there.

use involution::gpu::{AdapterChoice, Choice, Options, adapters as found_adapters};
use involution::{Error, Gpu, Tensor};

use super::some_work;
use crate::{adapters, harness};

#[test]
fn a_lost_device_says_so_and_opens_anew() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let (op, inputs) = some_work();
        let views = harness::views(&inputs);
        let before = gpu.run(op.clone(), &views).unwrap();
        let uploaded: Vec<_> = inputs.iter().map(|input| gpu.upload(input).unwrap()).collect();
        let uploaded: Vec<_> = uploaded.iter().collect();
        let prepared = gpu.prepare(&op, &uploaded, &Choice::Preferred).unwrap();

        gpu.destroy();
        let lost = [
            ("run", gpu.run(op.clone(), &views).map(|_| ())),
            ("upload", gpu.upload(&inputs[0]).map(|_| ())),
            ("apply", gpu.apply(op.clone(), &uploaded).map(|_| ())),
            ("prepare", gpu.prepare(&op, &uploaded, &Choice::Preferred).map(|_| ())),
            ("submit", gpu.submit(&prepared)),
            ("submit_timed", gpu.submit_timed(&prepared).map(|_| ())),
            ("download", gpu.download(uploaded[0]).map(|_| ())),
            ("run_guarded", gpu.run_guarded(&op, &views, &Choice::Preferred).map(|_| ())),
        ];
        for (what, result) in lost {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::DeviceLost { .. }), "{what}: {error}");
            assert!(error.to_string().contains("opened anew"), "{error}");
        }

        let again = gpu.recreate().unwrap();
        assert_eq!(again.adapter(), gpu.adapter());
        let after = again.run(op.clone(), &views).unwrap();
        assert_eq!(after, before);
        let want = involution_check::expected(&op, &views).unwrap();
        assert!(involution_check::compare(&want, &after).passed());
        adapters::count(1);
        // The tensors of the old device stay lost.
        let error = again.apply(op, &uploaded).unwrap_err();
        assert!(matches!(error, Error::ForeignTensor { op: "conv2d", tensor: "x" }), "{error}");
        // Both go without a word.
        drop((prepared, gpu, again));
    });
}

/// Destroyed while other threads work with it: each gets a right result or the error, nobody hangs.
#[test]
fn a_device_lost_midway_hangs_nobody() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let (op, inputs) = some_work();
        let views = harness::views(&inputs);
        let right = gpu.run(op.clone(), &views).unwrap();
        std::thread::scope(|scope| {
            let worker = || {
                loop {
                    match gpu.run(op.clone(), &views) {
                        Ok(result) => assert_eq!(result, right),
                        Err(Error::DeviceLost { .. }) => return,
                        Err(error) => panic!("{error}"),
                    }
                }
            };
            let workers = [scope.spawn(worker), scope.spawn(worker)];
            std::thread::sleep(std::time::Duration::from_millis(30));
            gpu.destroy();
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        });
    });
}

#[test]
fn a_tensor_of_another_device_is_refused_by_name() {
    adapters::each(|gpu| {
        let other = adapters::fresh(gpu, |_| {});
        let (op, inputs) = some_work();
        let own: Vec<_> = inputs.iter().map(|input| gpu.upload(input).unwrap()).collect();
        let foreign: Vec<_> = inputs.iter().map(|input| other.upload(input).unwrap()).collect();
        for (index, name) in ["x", "weight", "bias"].into_iter().enumerate() {
            let mut mixed: Vec<_> = own.iter().collect();
            mixed[index] = &foreign[index];
            let error = gpu.apply(op.clone(), &mixed).unwrap_err();
            assert_eq!(error, Error::ForeignTensor { op: "conv2d", tensor: name });
        }
        let error = gpu.download(&foreign[0]).unwrap_err();
        assert!(matches!(error, Error::ForeignTensor { op: "download", .. }), "{error}");
        // A clone of the handle is the same device.
        assert_eq!(gpu.clone().download(&own[0]).unwrap(), inputs[0]);
    });
}

#[test]
fn an_adapter_that_is_not_there_is_an_error_that_lists_those_that_are() {
    let there = found_adapters().unwrap();
    for wanted in ["no such adapter", "99"] {
        let adapter = AdapterChoice::Matching(wanted.to_owned());
        let mut options = Options::default();
        options.adapter = adapter;
        let error = Gpu::open(&options).unwrap_err();
        match &error {
            Error::UnknownAdapter { wanted: asked, found } => {
                assert_eq!(asked, wanted);
                let names: Vec<String> = there.iter().map(ToString::to_string).collect();
                assert_eq!(*found, names);
                assert!(names.iter().all(|name| error.to_string().contains(name)));
            }
            Error::NoAdapter { backends } => {
                assert!(there.is_empty() && !backends.is_empty());
                assert!(error.to_string().contains("involution doctor"), "{error}");
            }
            error => panic!("{error}"),
        }
    }
}

/// By index and by part of the name, in any case.
#[test]
fn an_adapter_is_found_by_index_and_by_name() {
    adapters::each(|gpu| {
        let info = gpu.adapter();
        for wanted in [
            info.index.to_string(),
            info.name.clone(),
            info.to_string().to_uppercase(),
            info.to_string().to_lowercase(),
        ] {
            let adapter = AdapterChoice::Matching(wanted);
            let mut options = Options::default();
            options.adapter = adapter;
            let opened = Gpu::open(&options).unwrap();
            assert_eq!(opened.adapter().name, info.name);
            let x = Tensor::filled([3], 2.0).unwrap();
            assert_eq!(opened.download(&opened.upload(&x).unwrap()).unwrap(), x);
        }
    });
}

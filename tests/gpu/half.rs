//! Devices that store half precision, on adapters that have it.

use involution::gpu::{Fault, Precision};
use involution::kernels::DeviceProfile;
use involution::models::{self, RedNet};
use involution::nn::PoolTo;
use involution::ops::{Conv2d, GlobalAvgPool, Operator};
use involution::schedule::{Choice, Policy, lower};
use involution::tensor::DType;
use involution::tolerance::expected_stored;
use involution::{Error, Gpu, Layer, Shape, StateDict, Tensor};
use involution_check::verify::{Settings, verify};
use involution_check::{check_candidate, compare};

use crate::adapters;
use crate::harness::views;
use crate::models::digits;
use crate::networks::{assert_close, input};

/// Calls `test` with a device in half precision, and one in single precision, on every adapter that has both.
fn each(test: impl Fn(&Gpu, &Gpu)) {
    adapters::each(|gpu| {
        if gpu.adapter().shader_f16 {
            test(&half(gpu), gpu);
        } else {
            adapters::say(&format!("skipped: {} has no half precision", gpu.adapter().name));
        }
    });
}

fn half(gpu: &Gpu) -> Gpu {
    adapters::fresh(gpu, |options| options.precision = Precision::F16)
}

#[test]
fn an_adapter_without_half_precision_says_so() {
    adapters::each(|gpu| {
        let mut options = adapters::options(gpu.adapter());
        options.precision = Precision::Auto;
        let auto = Gpu::open(&options).unwrap().profile().storage;
        options.precision = Precision::F16;
        match Gpu::open(&options) {
            Ok(half) => assert_eq!([auto, half.profile().storage], [DType::F16; 2]),
            Err(Error::UnusableAdapter { reason, .. }) => {
                assert!(reason.contains("half precision"), "{reason}");
                assert_eq!((auto, gpu.adapter().shader_f16), (DType::F32, false));
            }
            Err(other) => panic!("{other}"),
        }
        assert_eq!(gpu.profile().storage, DType::F32);
    });
}

/// Odd numbers of values fill half a word; what is too large becomes an infinity.
#[test]
fn tensors_come_back_rounded() {
    each(|gpu, _| {
        for elements in [1, 2, 3, 7, 1_023, 3_000_001] {
            let mut x = input(&[elements], elements as u64);
            x.data_mut()[0] = if elements == 7 { 70_000.0 } else { 1.0 / 3.0 };
            let tensor = gpu.upload(&x).unwrap();
            assert_eq!(tensor.dtype(), DType::F16);
            assert_eq!(tensor.bytes(), (2 * elements as u64).next_multiple_of(4));
            let (found, want) = (gpu.download(&tensor).unwrap(), x.rounded(DType::F16));
            // Subnormal numbers may be zero.
            let near = |(a, b): (&f32, &f32)| a == b || (a.abs() < 6.2e-5 && *b == 0.0);
            assert_eq!(found.shape(), want.shape());
            assert!(found.data().iter().zip(want.data()).all(near), "{elements} elements");
        }
    });
}

#[test]
fn every_kernel_is_right_in_half_precision() {
    each(|gpu, _| {
        let settings = Settings { cases: 4, seed: 5, ..Settings::default() };
        let report = verify(Some(gpu), &settings, &mut |_, _| {}).unwrap();
        assert!(report.failures.is_empty(), "{:?}", report.failures);
        assert!(report.cases > 200, "{} cases", report.cases);
    });
}

#[test]
fn batches_are_cut() {
    each(|gpu, _| {
        let small = adapters::fresh(gpu, |options| {
            options.precision = Precision::F16;
            options.max_binding_size = Some(64 << 10);
        });
        let conv: Operator = Conv2d { padding: 1.into(), ..Conv2d::default() }.into();
        let inputs = [input(&[37, 4, 24, 24], 1), input(&[5, 4, 3, 3], 2)];
        let inputs = inputs.map(|tensor| tensor.rounded(DType::F16));
        let found = small.run(conv.clone(), &views(&inputs)).unwrap();
        let want = expected_stored(&conv, &views(&inputs), DType::F16).unwrap();
        assert!(compare(&want, &found).passed());
    });
}

/// The bound tells sums in single precision from sums in half precision.
#[test]
fn sums_in_half_precision_are_seen() {
    each(|gpu, _| {
        let kernel = "reduce/global_avg_pool".to_owned();
        let faulty = adapters::fresh(gpu, |options| {
            options.precision = Precision::F16;
            let four = "vec4<f32>(real4(x[at], x[at + 1u], x[at + 2u], x[at + 3u]))";
            let from = format!("sums += {four};");
            // Compilers may leave out a conversion to half precision and back, but not this one.
            let half = |pair| format!("unpack2x16float(pack2x16float(sums.{pair}))");
            let to = format!("{from} sums = vec4<f32>({}, {});", half("xy"), half("zw"));
            options.testing().faults.push(Fault { kernel: kernel.clone(), from, to });
        });
        let pool = GlobalAvgPool.into();
        let mut x = input(&[1, 2, 100, 100], 3).rounded(DType::F16);
        // The sums grow, and soon lose the small ones.
        x.data_mut().iter_mut().for_each(|value| *value = value.abs());
        let want = expected_stored(&pool, &[&x], DType::F16).unwrap();
        for (gpu, right) in [(gpu, true), (&faulty, false)] {
            let outcome = check_candidate(gpu, &pool, &[&x], &want, &kernel).unwrap().unwrap();
            assert_eq!(outcome.passed(), right, "{outcome:?}");
        }
    });
}

#[test]
fn networks_answer_as_in_single_precision() {
    each(|gpu, single| {
        let weights = models::digits_weights().unwrap();
        let x = input(&[3, 1, 40, 33], 6);
        let [found, want] = [gpu, single].map(|gpu| {
            let model = RedNet::digits().pool_to(PoolTo::Output);
            gpu.load(model, weights.clone()).unwrap().run(&x).unwrap()
        });
        assert_ne!(found, want);
        assert_close("half precision", &found, &want, 2e-2);
        let (x, labels, _) = digits::test_set();
        let network = gpu.load(RedNet::digits(), models::digits_weights().unwrap()).unwrap();
        let found = digits::classes(&network.run(&x).unwrap());
        let right = found.iter().zip(&labels).filter(|(answer, label)| answer == label).count();
        assert!(right >= 358, "{right} of 360");
    });
}

/// A network one of whose convolutions leaves the numbers of half precision.
#[test]
fn the_layer_that_overflows_is_named() {
    each(|gpu, single| {
        let layer = "layer2.0.conv1";
        let large = |(name, tensor): (&str, &Tensor)| {
            let factor = if name == format!("{layer}.weight") { 1e6 } else { 1.0 };
            let data = tensor.data().iter().map(|value| factor * value).collect();
            (name.to_owned(), Tensor::new(tensor.shape().clone(), data).unwrap())
        };
        let weights: StateDict = models::digits_weights().unwrap().iter().map(large).collect();
        let x = digits::samples(&digits::test_set().0, 0, 3);
        let paranoid = |precision| {
            let gpu = adapters::fresh(gpu, |options| {
                options.precision = precision;
                options.paranoid = true;
            });
            gpu.load(RedNet::digits(), weights.clone()).unwrap().run(&x)
        };
        let error = paranoid(Precision::F16).unwrap_err();
        let Error::Layer { layer: found, source } = &error else { panic!("{error}") };
        assert!(found.starts_with(layer), "{error}");
        assert!(matches!(**source, Error::NotFinite { .. }), "{error}");
        assert!(error.to_string().ends_with("half precision ends at 65504: use single precision"));
        let usual = single.load(RedNet::digits(), weights.clone()).unwrap().run(&x).unwrap();
        assert_eq!(paranoid(Precision::F32).unwrap(), usual);
        // What is given is looked at, too.
        let mut x = x.clone();
        x.data_mut()[7] = 1e5;
        let network = adapters::fresh(gpu, |options| {
            options.precision = Precision::F16;
            options.paranoid = true;
        });
        let network = network.load(RedNet::digits(), models::digits_weights().unwrap()).unwrap();
        let error = network.run(&x).unwrap_err().to_string();
        assert!(error.contains("value 7 of the input [3, 1, 8, 8] is inf"), "{error}");
    });
}

/// On a described GPU: the plan needs no device.
#[test]
fn half_precision_takes_half_the_memory() {
    let shape = Shape::from([8, 3, 224, 224]);
    let model = RedNet::new(50).unwrap();
    let plan = model.plan(&shape).unwrap().keep(&[model.output()]).unwrap().fuse();
    let peak = |storage| {
        let profile = DeviceProfile { storage, ..DeviceProfile::described("nvidia").unwrap() };
        let schedule = lower(&plan, &profile, &Policy::default(), &Choice::Preferred).unwrap();
        schedule.memory.peak() as f64
    };
    let ratio = peak(DType::F16) / peak(DType::F32);
    assert!(ratio <= 0.55, "{ratio}");
}

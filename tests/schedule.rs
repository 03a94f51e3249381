//! Schedules, without a device: what carries out each step and why, within which limits.

use std::time::Duration;

use involution::autotune::Key;
use involution::kernels::{self, DeviceProfile};
use involution::models::{self, MODELS};
use involution::ops::{ChannelOrder, Conv2d, Involution, Op, Operator, SpanInvolution};
use involution::schedule::{Choice, Lowered, Policy, Schedule, Why, lower, lower_call};
use involution::{Error, Limit, Plan, Result, Shape, Window};

use crate::models::plan;

fn policy() -> Policy {
    Policy::default()
}

fn fused(name: &str) -> Plan {
    let model = models::by_name(name, None).unwrap();
    plan(model.as_ref()).keep(&[model.output()]).unwrap().fuse()
}

fn names(schedule: &Schedule) -> Vec<&str> {
    let calls = schedule.steps.iter().filter_map(|step| step.call.as_ref());
    calls.map(|call| call.candidate().unwrap().name.as_str()).collect()
}

/// A convolution of 8 samples, its preferred candidate and another.
fn conv() -> (Operator, [Shape; 2]) {
    let op = Conv2d { padding: 1.into(), ..Conv2d::default() };
    (op.into(), [Shape::from([8, 16, 12, 12]), Shape::from([32, 16, 3, 3])])
}

fn lowered(profile: &DeviceProfile, policy: &Policy, choice: &Choice) -> Result<Lowered> {
    let (op, shapes) = conv();
    lower_call(&op, &shapes.each_ref(), profile, policy, choice)
}

/// Every network for every kind of device: what runs is supported there, has the highest rank, and lies where it may.
#[test]
fn every_network_is_lowered_for_every_kind_of_device() {
    for kind in DeviceProfile::DESCRIBED {
        let profile = DeviceProfile::described(kind).unwrap();
        for name in MODELS {
            let plan = fused(name);
            let schedule = lower(&plan, &profile, &policy(), &Choice::Preferred).unwrap();
            schedule.check(&plan).unwrap();
            assert_eq!(schedule.steps.len(), plan.steps().len());
            for (step, lowered) in plan.steps().iter().zip(&schedule.steps) {
                let Some(call) = &lowered.call else { continue };
                let involution::plan::Action::Apply(op) = &step.action else { panic!("{step:?}") };
                let best =
                    kernels::candidates(op, &plan.input_shapes(step), &profile).unwrap().pop();
                assert_eq!(call.candidate(), best.as_ref(), "{kind}: {name}: {}", step.name);
                assert_eq!(call.why, Why::Rank(best.unwrap().reason));
                assert!(!call.why.to_string().is_empty());
                // Weights are prepacked wherever there is something to prepack.
                assert_eq!(lowered.prepack.len(), call.candidate().unwrap().prepack);
            }
            assert!(schedule.keys.len() < plan.steps().len(), "each pipeline once");
        }
    }
    let on = |kind| lower(&fused("rednet50"), &kind, &policy(), &Choice::Preferred).unwrap();
    let (software, nvidia) =
        (on(DeviceProfile::software()), on(DeviceProfile::described("nvidia").unwrap()));
    assert_ne!(names(&software), names(&nvidia));
}

#[test]
fn a_name_comes_before_a_measurement_and_a_measurement_before_the_rank() {
    let profile = DeviceProfile::software();
    let (op, shapes) = conv();
    let all = kernels::candidates(&op, &shapes.each_ref(), &profile).unwrap();
    let [first, .., measured, best] = &all[..] else { panic!("{all:?}") };
    let name = |lowered: &Lowered| lowered.candidate().unwrap().name.clone();

    let ranked = lowered(&profile, &policy(), &Choice::Preferred).unwrap();
    assert_eq!((name(&ranked), ranked.why), (best.name.clone(), Why::Rank(best.reason)));
    let mut tuned = policy();
    let key = Key::of(&op, &shapes.each_ref());
    tuned.measured = [(key, measured.name.clone())].into_iter().collect();
    let by_time = lowered(&profile, &tuned, &Choice::Preferred).unwrap();
    assert_eq!((name(&by_time), by_time.why), (measured.name.clone(), Why::Measured));
    let named = lowered(&profile, &tuned, &Choice::Named(first.name.clone())).unwrap();
    assert_eq!((name(&named), named.why), (first.name.clone(), Why::Named));
    let unknown = lowered(&profile, &policy(), &Choice::Named("no such".to_owned()));
    let Err(Error::UnknownKernel { op: "conv2d", kernel, known }) = unknown else {
        panic!("{unknown:?}")
    };
    assert_eq!(kernel, "no such");
    assert!(all.iter().all(|candidate| known.contains(&candidate.name)), "{known}");
}

/// In a plan a name holds for the steps that have such a candidate.
#[test]
fn a_name_holds_for_the_steps_that_have_it() {
    let (plan, profile) = (fused("resnet50"), DeviceProfile::software());
    let by = |name: &str| lower(&plan, &profile, &policy(), &Choice::Named(name.to_owned()));
    // The general candidate of the first convolution, with the one of its tiles that most others have, too.
    let general = kernels::general(&conv().0, &conv().1.each_ref()).unwrap().unwrap();
    let schedule = by(&general.name).unwrap();
    let calls = || schedule.steps.iter().filter_map(|step| step.call.as_ref());
    let named = calls().filter(|call| call.why == Why::Named).count();
    assert!(named > 40 && named < calls().count(), "{named}");
    schedule.check(&plan).unwrap();
    assert!(matches!(by("no such"), Err(Error::UnknownKernel { .. })));
}

/// What a device cannot bind at once, or would be busy with for too long, is cut along the batch, without the device.
#[test]
fn a_batch_is_cut_to_the_limits_of_a_profile() {
    let samples = |lowered: &Lowered| -> Vec<_> {
        lowered.slices.iter().map(|slice| slice.samples.clone()).collect()
    };
    let (op, shapes) = conv();
    let output = op.output_shape(&shapes.each_ref()).unwrap();
    let sample = 4 * output.elements().unwrap() as u64 / 8;
    let mut small = DeviceProfile::software();
    small.max_binding_size = 3 * sample;
    let cut = lowered(&small, &policy(), &Choice::Preferred).unwrap();
    assert_eq!(samples(&cut), [0..2, 2..4, 4..6, 6..8]);
    let mut hasty = policy();
    hasty.submission_budget = Duration::from_nanos(1);
    let cut = lowered(&DeviceProfile::software(), &hasty, &Choice::Preferred).unwrap();
    assert_eq!(cut.slices.len(), 8);

    small.max_binding_size = sample - 4;
    let refused = lowered(&small, &policy(), &Choice::Preferred).unwrap_err();
    assert!(matches!(refused, Error::Limit { limit: Limit::BindingSize, .. }), "{refused}");
    // Few enough to be counted, but not to be launched: the shader is read for the size of its workgroups.
    let mut narrow = DeviceProfile::software();
    narrow.max_workgroups = 1;
    let refused = lowered(&narrow, &policy(), &Choice::Preferred).unwrap_err();
    assert!(matches!(refused, Error::Limit { limit: Limit::Workgroups, .. }), "{refused}");

    let (plan, mut tiny) = (fused("rednet50"), DeviceProfile::software());
    tiny.max_buffer_size = 1 << 20;
    let refused = lower(&plan, &tiny, &policy(), &Choice::Preferred).unwrap_err();
    let Error::Layer { layer, source } = refused else { panic!("{refused}") };
    assert_eq!(layer, "stem.0.conv");
    assert!(matches!(*source, Error::Limit { limit: Limit::BufferSize, .. }), "{source}");
}

/// An involution that makes its kernels stores them on a GPU, unless memory is short.
#[test]
fn with_little_memory_no_kernel_is_stored() {
    let (plan, nvidia) = (fused("rednet50"), DeviceProfile::described("nvidia").unwrap());
    let mut short = policy();
    short.low_memory = true;
    let stored = |policy: &Policy| {
        let schedule = lower(&plan, &nvidia, policy, &Choice::Preferred).unwrap();
        let calls: Vec<Lowered> = schedule.steps.into_iter().filter_map(|step| step.call).collect();
        let low = calls.iter().filter(|call| call.why == Why::LowMemory).count();
        let stores = calls.iter().filter(|call| call.candidate().unwrap().stores_kernel).count();
        (stores, low)
    };
    let (usual, none) = stored(&policy());
    assert!(usual > 0 && none == 0);
    assert_eq!(stored(&short), (0, usual));
}

/// An involution of eight groups whose kernel is made of 64 channels: the kernel has 401,408 bytes a sample, x has 131,072.
fn span(batch: usize) -> (Operator, Vec<Shape>) {
    let involution = Involution::new(Window::new([7, 7]).padding(3), 8);
    let op = SpanInvolution { involution, bias: true };
    let shapes = vec![
        Shape::from([batch, 128, 16, 16]),
        Shape::from([batch, 64, 16, 16]),
        Shape::from([392, 64, 1, 1]),
        Shape::from([392]),
    ];
    (op.into(), shapes)
}

fn span_within(limit: u64, batch: usize) -> Result<Lowered> {
    let profile = DeviceProfile { max_binding_size: limit, ..DeviceProfile::software() };
    let (op, shapes) = span(batch);
    let shapes: Vec<&Shape> = shapes.iter().collect();
    lower_call(&op, &shapes, &profile, &policy(), &Choice::Preferred)
}

/// A kernel that cannot be bound at once is stored group by group, and where that does not help it is made where it is used.
#[test]
fn what_is_too_large_is_cut_between_groups_or_done_otherwise() {
    let whole = span_within(1 << 20, 1).unwrap();
    let stored = whole.candidate().unwrap();
    assert!(stored.stores_kernel && whole.slices.len() == 1, "{stored:?}");
    assert_eq!((whole.why, &whole.slices[0].groups), (Why::Rank(stored.reason), &None));

    let cut = |batch| {
        let lowered = span_within(250_000, batch).unwrap();
        assert!(lowered.slices.iter().all(|slice| slice.candidate.stores_kernel));
        assert_eq!(lowered.candidate().unwrap().name, stored.name);
        let slices = lowered.slices.into_iter();
        slices.map(|slice| (slice.samples, slice.groups.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(cut(1), [(0..1, 0..4), (0..1, 4..8)]);
    assert_eq!(cut(2), [(0..1, 0..4), (0..1, 4..8), (1..2, 0..4), (1..2, 4..8)]);

    let made = span_within(150_000, 1).unwrap();
    assert!(!made.candidate().unwrap().stores_kernel);
    assert_eq!((made.why, made.slices.len()), (Why::Fits, 1));
    assert_eq!(made.why.to_string(), "fits, where faster ones are too large for the device");

    // Four groups of x have 65,536 bytes.
    let error = span_within(65_532, 1).unwrap_err();
    let Error::Limit { what, limit: Limit::BindingSize, .. } = &error else { panic!("{error}") };
    assert_eq!(what, "x [1, 128, 16, 16]");
}

/// Where groups are interleaved, none has channels of its own one after the other.
#[test]
fn interleaved_groups_are_not_cut() {
    let (op, shapes) = span(1);
    let Operator::SpanInvolution(mut op) = op else { panic!("{op:?}") };
    op.involution.channel_order = ChannelOrder::Interleaved;
    let shapes: Vec<&Shape> = shapes.iter().collect();
    let profile = DeviceProfile { max_binding_size: 250_000, ..DeviceProfile::software() };
    let lowered = lower_call(&op.into(), &shapes, &profile, &policy(), &Choice::Preferred).unwrap();
    assert!(lowered.slices.iter().all(|slice| slice.groups.is_none()));
    assert_eq!(lowered.why, Why::Fits);
}

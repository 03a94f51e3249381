//! One suite for every runtime: a case is run on the reference and, guarded, with every candidate kernel on
//! every adapter, and each result is compared with the reference within the bound that its arithmetic allows.

use involution::kernels::{Candidate, DeviceProfile};
use involution::ops::{Attributes, Op, Operator};
use involution::reference::{self, Array};
use involution::{Error, Gpu, Limit, Shape, ShapeError, Tensor};
use involution_check::{Case, Expected, Script, compare, expected, fixed, generate, known_answers};
use proptest::prelude::any;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::adapters::{self, Running};
use crate::files::{self, Stored};

/// Generated cases of each operator, unless `PROPTEST_CASES` says otherwise.
const GENERATED: u32 = 100;

/// Choices of a script; the longest case draws about 40.
const CHOICES: usize = 60;

/// `refuses!(operator, [shape, ...], pattern)`: the operator refuses these shapes for that reason.
macro_rules! refuses {
    ($op:expr, [$($shape:expr),* $(,)?], $pattern:pat $(if $guard:expr)? $(,)?) => {
        $crate::harness::refuse(
            &$op.into(),
            &[$(&$shape[..]),*],
            |error| matches!(error, $pattern $(if $guard)?),
            stringify!($pattern),
        )
    };
}
pub(crate) use refuses;

pub fn run_fixed(operator: &str) {
    let _running = Running::start();
    let cases = fixed(operator);
    assert!(!cases.is_empty(), "{operator} has no fixed case");
    for case in cases {
        assert!(!case.story.is_empty(), "a fixed case says why it is there: {case}");
        check(&case).unwrap();
    }
}

pub fn run_known_answers(operator: &str) {
    let _running = Running::start();
    let answers = known_answers(operator).unwrap();
    assert!(!answers.is_empty(), "{operator} has no known answer");
    for (op, inputs, output) in answers {
        let bound = expected(&op, &views(&inputs)).unwrap().bound;
        let want = Expected { value: Array::from(&output), bound };
        adapters::count(1);
        check_call(&op, &inputs, &want).unwrap();
    }
}

pub fn run_generated(operator: &str) {
    let _running = Running::start();
    property(operator, GENERATED, |choices| check(&generated(operator, choices)));
}

pub fn run_goldens(operator: &str) {
    let _running = Running::start();
    for Stored { name, operator, inputs, out } in files::goldens(operator) {
        let result = reference::run(&operator, &views(&inputs)).unwrap();
        assert_eq!(result.shape(), out.shape(), "{name}");
        let exact = expected(&operator, &views(&inputs)).unwrap();
        let largest = out.data().iter().fold(0f64, |m, v| m.max(f64::from(v.abs())));
        // Both are evaluated in double precision; what is left is the rounding of the stored result.
        // PyTorch takes eps in double precision, too.
        let rounding = match operator {
            _ if Operator::attribute_names(operator.name()).unwrap().contains(&"eps") => {
                vec![1e-7 * largest; out.data().len()]
            }
            _ => out.data().iter().map(|v| 6e-8 * f64::from(v.abs()) + 1e-12 * largest).collect(),
        };
        let stored = Expected { value: exact.value.clone(), bound: rounding.clone() };
        let comparison = compare(&stored, &out);
        assert!(comparison.passed(), "{name}: the reference and PyTorch differ: {comparison:?}");
        let bound = exact.bound.iter().zip(rounding).map(|(bound, more)| bound + more).collect();
        let want = Expected { value: Array::from(&out), bound };
        adapters::count(1);
        check_call(&operator, &inputs, &want).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

/// The case that these choices describe.
pub fn generated(operator: &str, choices: Vec<u32>) -> Case {
    generate(operator, &mut Script::new(choices)).unwrap()
}

/// So many generated cases of the operator, always the same.
pub fn sample(operator: &str, count: usize) -> Vec<Case> {
    let mut rng = fastrand::Rng::with_seed(operator.len() as u64);
    (0..count).map(|_| generate(operator, &mut rng).unwrap()).collect()
}

/// Runs a case everywhere; an error says where it failed and how.
pub fn check(case: &Case) -> Result<(), String> {
    let inputs = case.inputs();
    assert_eq!(inputs.len(), case.shapes.len(), "{case}");
    let want = expected(&case.operator, &views(&inputs)).map_err(|why| format!("{case}: {why}"))?;
    adapters::count(1);
    check_call(&case.operator, &inputs, &want).map_err(|why| format!("{case}: {why}"))
}

/// Runs one call on the reference and with every candidate kernel on every adapter.
pub fn check_call(op: &Operator, inputs: &[Tensor], want: &Expected) -> Result<(), String> {
    let inputs = views(inputs);
    let shapes = shapes(&inputs);
    let promised = op.output_shape(&shapes).map_err(|error| error.to_string())?;
    if promised.dims() != want.value.shape || want.bound.len() != want.value.data.len() {
        return Err(format!("promises {promised}, gives {:?}", want.value.shape));
    }
    if let Some(bound) = want.bound.iter().find(|bound| !(bound.is_finite() && **bound >= 0.0)) {
        return Err(format!("a bound of {bound}"));
    }
    let bytes = 4 * (shapes.iter().copied().chain([&promised])).map(elements).sum::<usize>();
    if op.cost(&shapes).map_err(|error| error.to_string())?.bytes != bytes as u64 {
        return Err("its cost is not the bytes of its tensors".to_owned());
    }
    let result = reference::run(op, &inputs).map_err(|error| error.to_string())?;
    let comparison = compare(want, &result);
    if !comparison.passed() {
        return Err(format!("the reference: {comparison:?}"));
    }
    adapters::all().iter().try_for_each(|gpu| check_on(gpu, op, &inputs, want).map(|_| ()))
}

/// Runs one call with every candidate kernel on an adapter; says how many there are.
pub fn check_on(
    gpu: &Gpu,
    op: &Operator,
    inputs: &[&Tensor],
    want: &Expected,
) -> Result<usize, String> {
    let names = candidates(gpu, op, inputs).map_err(|error| error.to_string())?;
    for name in &names {
        let at = |why: String| format!("{name} on {}: {why}", gpu.adapter());
        let outcome = involution_check::check_candidate(gpu, op, inputs, want, name);
        // Where a driver would end its loops, another kernel has to do it.
        let too_long = matches!(outcome, Err(Error::Limit { limit: Limit::Trips, .. }));
        if too_long && names.last() != Some(name) {
            continue;
        }
        let comparison = outcome.map_err(|error| at(error.to_string()))?.map_err(at)?;
        if !comparison.passed() {
            return Err(at(format!("{comparison:?}")));
        }
    }
    Ok(names.len())
}

/// The candidates of a device that is only described.
pub fn described(op: &Operator, shapes: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    involution::kernels::candidates(op, shapes, &DeviceProfile::software())
}

/// The names of the candidates that an adapter has for a call, the preferred one last.
pub fn candidates(gpu: &Gpu, op: &Operator, inputs: &[&Tensor]) -> Result<Vec<String>, Error> {
    let candidates = gpu.candidates(op, &shapes(inputs))?;
    Ok(candidates.into_iter().map(|candidate| candidate.name).collect())
}

/// Tries a property with scripts of choices, always the same ones, and shrinks what fails.
pub fn property(seed: &str, cases: u32, holds: impl Fn(Vec<u32>) -> Result<(), String>) {
    let default = Config::default();
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if asked { default.cases } else { cases };
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 3000, ..default };
    let seed: Vec<u8> = seed.bytes().cycle().take(32).collect();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let script = proptest::collection::vec(any::<u32>(), CHOICES);
    TestRunner::new_with_rng(config, rng)
        .run(&script, |choices| holds(choices).map_err(TestCaseError::fail))
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Sizes that overflow something, or nearly.
const EXTREMES: [usize; 14] = [
    0,
    1,
    2,
    7,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX as usize,
    1 << 32,
    1 << 40,
    (1 << 60) - 1,
    1 << 60,
    usize::MAX / 2,
    usize::MAX,
];

/// Puts extreme sizes into shapes and attributes: whatever comes of it is an answer or an error, the same
/// from all that an operator can be asked.
pub fn extremes(operator: &str) {
    property(&format!("extremes of {operator}"), 2000, |mut choices| {
        let spoilers = choices.split_off(CHOICES - 12);
        let mut spoilers = spoilers.into_iter().map(|choice| choice as usize);
        let mut next = |count: usize| spoilers.next().map_or(0, |choice| choice % count);
        let case = generated(operator, choices);
        let mut shapes: Vec<Vec<usize>> = case.shapes.iter().map(|s| s.dims().to_vec()).collect();
        for _ in 0..next(4) {
            let input = next(shapes.len());
            let axis = next(shapes[input].len());
            shapes[input][axis] = EXTREMES[next(EXTREMES.len())];
        }
        let shapes: Vec<Shape> = shapes.into_iter().map(Shape::new).collect();
        let mut op = case.operator;
        let names = Operator::attribute_names(operator).map_err(|error| error.to_string())?;
        if !names.is_empty() && next(2) == 1 {
            let name = names[next(names.len())];
            let value = EXTREMES[next(EXTREMES.len())].to_string();
            let mut attributes = op.to_attributes();
            attributes.retain(|(other, _)| *other != name);
            attributes.push((name, value));
            let tensors: Vec<(&str, &Shape)> = op.inputs().into_iter().zip(&shapes).collect();
            match Operator::from_attributes(operator, &Attributes::new(attributes), &tensors) {
                Ok(spoiled) => op = spoiled,
                Err(ShapeError::Parameter { .. }) => {}
                Err(error) => return Err(format!("{name}: {error}")),
            }
        }
        let shapes: Vec<&Shape> = shapes.iter().collect();
        let told = |why: &str| Err(format!("{op:?} {shapes:?}: {why}"));
        op.batched(&shapes);
        let (flops, cost, calls) = (op.flops(&shapes), op.cost(&shapes), described(&op, &shapes));
        match op.output_shape(&shapes) {
            Err(error) => {
                if flops != Err(error.clone()) || cost != Err(error.clone()) || calls != Err(error)
                {
                    return told("refused by the output shape alone");
                }
            }
            Ok(output) => {
                if output.not_empty("the output").is_err() {
                    return told("its output is empty or cannot be counted");
                }
                if let Err(error) = flops.map(|_| ()).and(cost.map(|_| ()))
                    && !matches!(error, ShapeError::Overflow { .. })
                {
                    return told("its cost is refused, though not for its size");
                }
                if let Err(error) = calls
                    && !matches!(error, ShapeError::Overflow { .. })
                {
                    return told("its calls are refused, though not for their size");
                }
            }
        }
        Ok(())
    });
}

/// Everything that an operator can be asked, on every runtime, refuses these shapes for the same reason.
pub fn refuse(
    op: &Operator,
    shapes: &[&[usize]],
    wanted: impl Fn(&ShapeError) -> bool,
    pattern: &str,
) {
    let _running = Running::start();
    let shapes: Vec<Shape> = shapes.iter().map(|&dims| Shape::new(dims)).collect();
    let views: Vec<&Shape> = shapes.iter().collect();
    let error = match op.output_shape(&views) {
        Ok(output) => panic!("{op:?} of {shapes:?} is {output}, not refused"),
        Err(error) => error,
    };
    assert!(wanted(&error), "{op:?} of {shapes:?} is refused with {error:?}, not {pattern}");
    assert_eq!(op.flops(&views), Err(error.clone()));
    assert_eq!(op.cost(&views), Err(error.clone()));
    assert_eq!(described(op, &views), Err(error.clone()));
    // The message of a refusal names what it is about.
    assert!(error.to_string().len() > 20, "{error}");

    let small = |shape: &Shape| shape.elements().is_ok_and(|elements| elements < 1 << 20);
    if !shapes.iter().all(small) {
        return;
    }
    adapters::count(1);
    let wanted = Err(Error::Shape { op: op.name(), source: error });
    let tensors = shapes.iter().map(|shape| Tensor::filled(shape.clone(), 1.0).unwrap());
    let tensors: Vec<Tensor> = tensors.collect();
    let inputs: Vec<&Tensor> = tensors.iter().collect();
    assert_eq!(reference::run(op, &inputs), wanted);
    for gpu in adapters::all() {
        assert_eq!(gpu.run(op.clone(), &inputs), wanted);
    }
}

pub fn views(tensors: &[Tensor]) -> Vec<&Tensor> {
    tensors.iter().collect()
}

pub fn shapes<'a>(tensors: &[&'a Tensor]) -> Vec<&'a Shape> {
    tensors.iter().map(|tensor| tensor.shape()).collect()
}

fn elements(shape: &Shape) -> usize {
    shape.dims().iter().product()
}

/// Numbers in -1..1 that look arbitrary and are the same every time.
pub fn numbers<const R: usize>(shape: [usize; R], seed: u64) -> Array {
    let mut rng = fastrand::Rng::with_seed(seed);
    Array::from_fn(shape, |_| 2.0 * rng.f64() - 1.0)
}

/// The reference's answer in double precision.
pub fn evaluate(op: impl Into<Operator>, inputs: &[&Array]) -> Array {
    let inputs: Vec<Array> = inputs.iter().map(|&input| input.clone()).collect();
    reference::evaluate(&op.into(), &inputs).unwrap()
}

/// Both are the same numbers, in order, but for rounding in double precision.
pub fn assert_same(a: &Array, b: &Array) {
    assert_eq!(a.data.len(), b.data.len(), "{:?} {:?}", a.shape, b.shape);
    assert!(!a.data.is_empty());
    for (index, (a, b)) in a.data.iter().zip(&b.data).enumerate() {
        assert!((a - b).abs() <= 1e-10 * (1.0 + a.abs()), "element {index}: {a} and {b}");
    }
}

//! Layers of several inputs and outputs: their names, and what does not fit them.

use involution::ops::Add;
use involution::plan::{Builder, Value};
use involution::{Error, Layer, Result, Shape, ShapeError, StateDict, TensorView, reference};

use crate::adapters;

/// The sum of two inputs and its double, under so many names.
#[derive(Debug)]
struct Sums(&'static [&'static str]);

impl Layer for Sums {
    fn name(&self) -> String {
        "sums".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("left", Shape::from([2, 3])), ("right", Shape::from([1, 3]))]
    }

    fn outputs(&self) -> Vec<&'static str> {
        self.0.to_vec()
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [left, right] = plan.take(inputs, ["left", "right"])?;
        let sum = plan.apply("sum", Add::default(), &[left, right])?;
        Ok(vec![sum, plan.apply("double", Add::default(), &[sum, sum])?])
    }
}

fn source(result: Result<impl std::fmt::Debug>) -> ShapeError {
    match result.unwrap_err() {
        Error::Layer { source, .. } => match *source {
            Error::Shape { source, .. } => source,
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

#[test]
fn inputs_and_outputs_have_names() {
    let plan = Sums(&["sum", "double"]).example_plan().unwrap();
    let names = |named: &[(String, Value)]| -> Vec<String> {
        named.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(plan.inputs()), ["left", "right"]);
    assert_eq!(names(plan.outputs()), ["sum", "double"]);
    assert_eq!(plan.shape(plan.inputs()[1].1).dims(), [1, 3]);

    let (left, right) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [10.0, 20.0, 30.0]);
    let inputs =
        [TensorView::new([2, 3], &left).unwrap(), TensorView::new([1, 3], &right).unwrap()];
    let results = reference::run_plan(&plan, &StateDict::new(), &inputs).unwrap();
    assert_eq!(results[1].1.data(), [22.0, 44.0, 66.0, 28.0, 50.0, 72.0]);
}

#[test]
fn as_many_inputs_and_outputs_as_names() {
    let layer = Sums(&["sum", "double"]);
    let one = ShapeError::InputCount { expected: vec!["left", "right"], found: 1 };
    assert_eq!(source(layer.plan(&Shape::from([2, 3]))), one);
    let mut plan = Builder::new("outer");
    let x = plan.input("x", &Shape::from([2, 3]));
    assert_eq!(source(layer.build_one(&mut plan, x)), one);

    let miscounted = |value: &str| ShapeError::Parameter {
        parameter: "the number of outputs",
        must: "that of their names",
        value: value.to_owned(),
    };
    assert_eq!(source(Sums(&["sum"]).example_plan()), miscounted("2 where 1 are named"));
    let plan = reference::run_plan(
        &layer.example_plan().unwrap(),
        &StateDict::new(),
        &[TensorView::new([2, 3], &[0.0; 6]).unwrap()],
    );
    assert_eq!(source(plan), ShapeError::InputCount { expected: vec!["input"; 2], found: 1 });
}

/// On a device, inputs are given by name, in any order.
#[test]
fn a_network_takes_inputs_by_name() {
    adapters::each(|gpu| {
        let network = gpu.load(Sums(&["sum", "double"]), StateDict::new()).unwrap();
        let (left, right) = ([1.0, 2.0, 3.0], [10.0, 20.0, 30.0]);
        let [left, right] = [&left, &right].map(|data| TensorView::new([1, 3], data).unwrap());
        for inputs in [[("left", &left), ("right", &right)], [("right", &right), ("left", &left)]] {
            let results = network.run_named(&inputs, &["double"]).unwrap();
            assert_eq!(results[0].1.data(), [22.0, 44.0, 66.0]);
        }
        let known = || "left, right".to_owned();
        let unknown = ShapeError::UnknownTensor { name: "x".to_owned(), known: known() };
        let inputs = [("left", &left), ("right", &right), ("x", &right)];
        assert_eq!(source(network.run_named(&inputs, &["sum"])), unknown);
        let missing =
            ShapeError::MissingTensor { name: "right", given: "left".to_owned(), known: known() };
        assert_eq!(source(network.run_named(&[("left", &left)], &["sum"])), missing);
        let one = ShapeError::InputCount { expected: vec!["left", "right"], found: 1 };
        assert_eq!(source(network.run(&left)), one);
    });
}

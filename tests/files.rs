//! Cases stored as safetensors files: `goldens/` from PyTorch, `onnx/cases/` from the ONNX project.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use involution::ops::{Attributes, Op, Operator};
use involution::{Shape, Tensor};
use safetensors::SafeTensors;
use serde_json::Value;

/// A call with the result that somebody else computed.
pub struct Stored {
    pub name: String,
    pub operator: Operator,
    pub inputs: Vec<Tensor>,
    pub out: Tensor,
}

pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The cases of `goldens/<operator>.safetensors`.
pub fn goldens(operator: &str) -> Vec<Stored> {
    let path = directory().join("goldens").join(operator).with_extension("safetensors");
    let (mut tensors, metadata) = read(&path);
    let listed: Vec<Value> = serde_json::from_str(&metadata["cases"]).unwrap();
    let stored = listed.iter().map(|case| {
        let name = case["name"].as_str().unwrap();
        assert_eq!(case["op"].as_str().unwrap(), operator, "{name}");
        let prefix = format!("{name}/");
        let own: HashMap<String, Tensor> = tensors
            .extract_if(|key, _| key.starts_with(&prefix))
            .map(|(key, tensor)| (key[prefix.len()..].to_owned(), tensor))
            .collect();
        stored(name, operator, &case["attrs"], own)
    });
    let stored: Vec<Stored> = stored.collect();
    assert!(tensors.is_empty(), "{} belong to no case", tensors.len());
    assert!(stored.len() >= 5, "{operator} has {} golden cases", stored.len());
    stored
}

/// The case of a file below `onnx/cases/`.
#[allow(dead_code)] // for the binary of the ONNX cases alone
pub fn onnx(path: &Path) -> Stored {
    let (tensors, metadata) = read(path);
    let attributes = serde_json::from_str(&metadata["attrs"]).unwrap();
    stored(&metadata["source"], &metadata["op"], &attributes, tensors)
}

fn stored(
    name: &str,
    op: &str,
    attributes: &Value,
    mut tensors: HashMap<String, Tensor>,
) -> Stored {
    let out = tensors.remove("out").unwrap();
    let attributes = attributes.as_object().unwrap().iter();
    let attributes = Attributes::new(attributes.map(|(key, value)| (key, value.as_str().unwrap())));
    let shapes: Vec<(&str, &Shape)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape())).collect();
    let operator = Operator::from_attributes(op, &attributes, &shapes).unwrap();
    let inputs = operator.inputs().into_iter().map(|name| tensors.remove(name).unwrap()).collect();
    assert!(tensors.is_empty(), "{name}: not inputs of {op}: {:?}", tensors.keys());
    Stored { name: name.to_owned(), operator, inputs, out }
}

/// Tensors and metadata of a file.
fn read(path: &Path) -> (HashMap<String, Tensor>, HashMap<String, String>) {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = tensors.iter().map(|(name, view)| {
        assert_eq!(view.dtype(), safetensors::Dtype::F32, "{name}");
        let words = view.data().as_chunks::<4>().0.iter();
        let values = words.map(|&word| f32::from_le_bytes(word)).collect();
        (name.to_owned(), Tensor::new(Shape::new(view.shape()), values).unwrap())
    });
    (tensors.collect(), metadata.metadata().clone().unwrap_or_default())
}

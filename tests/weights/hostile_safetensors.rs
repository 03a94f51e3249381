//! Headers of safetensors that do not describe their bytes.

use involution::WeightsError;
use involution::error::WeightsLimit;

use super::craft::{ones, safetensors};
use super::{file, measured, refused};

/// A header of one tensor.
fn one(dtype: &str, shape: &str, offsets: &str) -> String {
    format!(r#"{{"w":{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{offsets}]}}}}"#)
}

#[track_caller]
fn unsound(bytes: &[u8], part: &str) {
    match refused(bytes) {
        WeightsError::Safetensors { message } => {
            assert!(message.contains(part), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn exceeds(bytes: &[u8], expected: WeightsLimit) {
    match refused(bytes) {
        WeightsError::Limit { limit, .. } => assert_eq!(limit, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn cut_short_at_every_sixteenth() {
    let bytes = file("types.safetensors");
    for part in 1..16 {
        let error = refused(&bytes[..bytes.len() * part / 16]);
        let expected =
            matches!(error, WeightsError::Truncated { .. } | WeightsError::Safetensors { .. });
        assert!(expected, "{part}/16: {error:?}");
    }
}

#[test]
fn headers_of_any_length() {
    let length = (8u64 << 20) + 1;
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.resize(8 + length as usize, b' ');
    bytes[8] = b'{';
    exceeds(&bytes, WeightsLimit::HeaderBytes);
    let mut bytes = 1000u64.to_le_bytes().to_vec();
    bytes.extend(b"{}");
    let expected = WeightsError::Truncated { what: "the header", needed: 1000, present: 2 };
    assert_eq!(refused(&bytes), expected);
    unsound(&safetensors("{", b""), "EOF");
}

/// A header of 123 bytes, whose length is a brace, is no JSON.
#[test]
fn a_length_that_looks_like_text() {
    let header = format!("{:123}", one("F32", "2", "0,8"));
    let bytes = safetensors(&header, &ones(2));
    assert_eq!(bytes[0], b'{');
    assert_eq!(measured(&bytes).unwrap().tensors.get("w").unwrap().data(), [1.0; 2]);
}

#[test]
fn offsets_that_overlap() {
    let both = |a: &str, b: &str| {
        let tensor = |name: &str, offsets: &str| {
            format!(r#""{name}":{{"dtype":"F32","shape":[2],"data_offsets":[{offsets}]}}"#)
        };
        safetensors(&format!("{{{},{}}}", tensor("a", a), tensor("b", b)), &ones(4))
    };
    assert!(measured(&both("0,8", "8,16")).is_ok());
    unsound(&both("0,8", "4,12"), "invalid offset");
    unsound(&both("0,8", "0,8"), "invalid offset");
    unsound(&both("8,16", "8,16"), "invalid offset");
    unsound(&both("0,8", "12,20"), "invalid offset");
    unsound(&both("8,0", "8,16"), "invalid offset");
}

#[test]
fn offsets_outside_the_file() {
    unsound(&safetensors(&one("F32", "2", "0,8"), &ones(1)), "not fully covered");
    unsound(&safetensors(&one("F32", "2", "0,8"), &ones(3)), "not fully covered");
    unsound(&safetensors(&one("F32", "2", "0,-8"), &ones(2)), "invalid");
    unsound(&safetensors(&one("F32", "2", "0,1e3"), &ones(2)), "invalid");
    let large = one("U8", "1000000000000", "0,1000000000000");
    unsound(&safetensors(&large, b""), "not fully covered");
}

#[test]
fn types_that_do_not_fit() {
    unsound(&safetensors(&one("F64", "2", "0,8"), &ones(2)), "invalid shape, data type");
    unsound(&safetensors(&one("F16", "2", "0,8"), &ones(2)), "invalid shape, data type");
    unsound(&safetensors(&one("F99", "2", "0,8"), &ones(2)), "unknown variant");
    unsound(&safetensors(&one("", "2", "0,8"), &ones(2)), "unknown variant");
}

#[test]
fn types_that_are_no_weights() {
    let float8 = "holds 8-bit floats: save tensor.float()";
    for (dtype, count, reason) in [
        ("F8_E4M3", 8, float8),
        ("F8_E5M2", 8, float8),
        ("F8_E8M0", 8, float8),
        ("F4", 16, "holds 4-bit floats: save tensor.float()"),
        ("C64", 1, "holds complex numbers: save torch.view_as_real(tensor)"),
        ("U16", 4, "holds integers"),
        ("BOOL", 8, "holds truth values"),
    ] {
        let bytes = safetensors(&one(dtype, &count.to_string(), "0,8"), &ones(2));
        let loaded = measured(&bytes).unwrap();
        assert!(loaded.tensors.is_empty(), "{dtype}");
        assert_eq!((loaded.skipped[0].name.as_str(), loaded.skipped[0].reason), ("w", reason));
    }
}

#[test]
fn shapes_past_what_can_be_counted() {
    let product = one("F32", "4294967296,4294967296,4294967296", "0,8");
    unsound(&safetensors(&product, &ones(2)), "overflow");
    unsound(&safetensors(&one("F32", "999999999999999,4", "0,8"), &ones(2)), "invalid shape");
    unsound(&safetensors(&one("F32", "18446744073709551615", "0,8"), &ones(2)), "15 digits");
    exceeds(
        &safetensors(&one("F32", &["1"; 17].join(","), "0,4"), &ones(1)),
        WeightsLimit::Dimensions,
    );
}

/// Sums that pass 2^64 must not get as far as being added up.
#[test]
fn offsets_that_add_up_past_what_can_be_counted() {
    let size = (1u64 << 61) - 1;
    let mut start = 0u64;
    let mut tensors = Vec::new();
    for index in 0..9 {
        let length = if index < 8 { size } else { u64::MAX - start };
        let end = start + length;
        tensors.push(format!(
            r#""{index}":{{"dtype":"U8","shape":[{length}],"data_offsets":[{start},{end}]}}"#
        ));
        start = end;
    }
    unsound(&safetensors(&format!("{{{}}}", tensors.join(",")), b""), "15 digits");
}

#[test]
fn long_numbers_in_texts_are_fine() {
    let header = r#"{"__metadata__":{"hash":"0123456789012345678901234567890\"1234567890123456"}}"#;
    assert_eq!(measured(&safetensors(header, b"")).unwrap().metadata.len(), 1);
}

#[test]
fn headers_that_grow_once_parsed() {
    let values = vec!["0"; 3 << 20].join(",");
    exceeds(&safetensors(&one("F32", &values, "0,0"), b""), WeightsLimit::HeaderValues);
    let mut objects = String::from("{\"a\":");
    objects.push_str(&"{\"a\":".repeat(1000));
    unsound(&safetensors(&objects, b""), "recursion");
    let lists = format!("{{\"a\":{}", "[".repeat(100_000));
    unsound(&safetensors(&lists, b""), "recursion");
    // As many values as are allowed.
    let most = vec!["0"; 1_040_000].join(",");
    exceeds(&safetensors(&one("F32", &most, "0,0"), b""), WeightsLimit::Dimensions);
}

#[test]
fn one_name_for_two_tensors() {
    let tensor =
        |offsets: &str| format!(r#""w":{{"dtype":"F32","shape":[1],"data_offsets":[{offsets}]}}"#);
    let header = format!("{{{},{}}}", tensor("0,4"), tensor("4,8"));
    unsound(&safetensors(&header, &ones(2)), "invalid");
}

#[test]
fn headers_that_are_no_headers() {
    unsound(&safetensors("{\"\u{0}\":1}", b""), "invalid JSON");
    unsound(&safetensors("{\"w\":1}", b""), "invalid JSON");
    unsound(&safetensors("{\"w\":{\"dtype\":\"F32\"}}", b""), "invalid JSON");
    let mut bytes = safetensors("{\"a\":\"b\"}", b"");
    bytes[10] = 0xff;
    unsound(&bytes, "UTF-8");
}

#[test]
fn names_without_end() {
    let header = one("F32", "1", "0,4").replace("\"w\"", &format!("\"{}\"", "n".repeat(513)));
    exceeds(&safetensors(&header, &ones(1)), WeightsLimit::NameBytes);
    let empty =
        |index: u32| format!(r#""{index}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
    let many = (0..66_000).map(empty).collect::<Vec<_>>().join(",");
    exceeds(&safetensors(&format!("{{{many}}}"), b""), WeightsLimit::Tensors);
}

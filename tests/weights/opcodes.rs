//! Each opcode of a pickle: the value that it makes, and what is refused of it. The values are read back as
//! the metadata of a checkpoint.

use involution::WeightsError;
use involution::error::WeightsLimit;
use involution::weights::{Limits, read};

use super::craft::{Pickle, archive, sound};
use super::{measured, refused};

/// `{"value": ..., "state_dict": {"w": ...}}`, whatever pushes the value.
fn beside(value: &[u8]) -> Vec<u8> {
    let sound = sound();
    // Without its protocol and its end.
    let state = &sound[2..sound.len() - 1];
    let pickle = Pickle::new().op(b"}").text("value").op(value).op(b"s");
    archive(pickle.text("state_dict").op(state).op(b"s").stop())
}

/// Opcodes, and the text of the value that they leave; nothing where it is no plain value.
const VALUES: &[(&[u8], &str)] = &[
    (b"I00\n", "false"),
    (b"I01\n", "true"),
    (b"I1\n", "1"),
    (b"I-7\n", "-7"),
    (b"L7L\n", "7"),
    (b"L-5L\n", "-5"),
    (b"L5\n", "5"),
    (b"J\xff\xff\xff\xff", "-1"),
    (b"J\x01\x02\0\0", "513"),
    (b"K\xff", "255"),
    (b"M\x01\x02", "513"),
    (b"\x8a\0", "0"),
    (b"\x8a\x01\x7f", "127"),
    (b"\x8a\x01\xff", "-1"),
    (b"\x8a\x02\0\x80", "-32768"),
    (b"\x8a\x03\0\x80\0", "32768"),
    (b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "9223372036854775807"),
    (b"\x8a\x09\x01\0\0\0\0\0\0\0\0", ""),
    (b"\x8b\x02\0\0\0\x01\x80", "-32767"),
    (b"G\x40\x04\0\0\0\0\0\0", "2.5"),
    (b"F-0.125\n", "-0.125"),
    (b"\x88", "true"),
    (b"\x89", "false"),
    (b"N", ""),
    (b"X\x02\0\0\0\xc3\xa9", "\u{e9}"),
    (b"\x8c\x02ab", "ab"),
    (b"\x8d\x02\0\0\0\0\0\0\0ab", "ab"),
    (b"U\x02ab", "ab"),
    (b"U\x01\xff", ""),
    (b"T\x02\0\0\0ab", "ab"),
    (b"S'ab'\n", "ab"),
    (b"S\"ab\"\n", "ab"),
    (b"Vab\n", "ab"),
    (b"C\x02ab", ""),
    (b"B\x02\0\0\0ab", ""),
    (b"\x8e\x02\0\0\0\0\0\0\0ab", ""),
    (b"\x96\x02\0\0\0\0\0\0\0ab", ""),
    // POP takes a mark, and otherwise a value; POP_MARK takes both.
    (b"K\x07(0", "7"),
    (b"K\x07(N00", "7"),
    (b"K\x07N0", "7"),
    (b"K\x07(NNN1", "7"),
    (b"K\x0720", "7"),
    // The memo.
    (b"K\x07q\x050K\x080h\x05", "7"),
    (b"K\x07r\x05\0\0\x000j\x05\0\0\0", "7"),
    (b"K\x07p5\n0g5\n", "7"),
    (b"K\x07\x940h\0", "7"),
    // Objects.
    (b")", ""),
    (b"]", ""),
    (b"}", ""),
    (b"K\x07\x85", ""),
    (b"(K\x07t", ""),
    (b"(K\x07l", ""),
    (b"(K\x07K\x08d", ""),
    (b"]K\x07a", ""),
    (b"](K\x07K\x08e", ""),
    (b"}K\x07K\x08s", ""),
    (b"}(K\x07K\x08u", ""),
    // Sets.
    (b"\x8f", ""),
    (b"\x8f(K\x07K\x08\x90", ""),
    (b"(K\x07\x91", ""),
];

#[test]
fn each_makes_its_value() {
    for &(opcodes, expected) in VALUES {
        let loaded = measured(&beside(opcodes)).unwrap();
        let found = loaded.metadata.get("value").map_or("", String::as_str);
        assert_eq!(found, expected, "{}", opcodes.escape_ascii());
        assert_eq!(loaded.tensors.get("w").unwrap().data(), [1.0; 4]);
    }
}

/// Opcodes, and why they are refused.
const REFUSED: &[(&[u8], &str)] = &[
    (b"\x80\x06", "the protocol is newer than 5"),
    (b"Ix\n", "not a number"),
    (b"L7l\n", "not a number"),
    (b"Sab\n", "a text with escapes or without quotes"),
    (b"S'a\\n'\n", "a text with escapes or without quotes"),
    (b"Va\\u0041\n", "a text with escapes or without quotes"),
    // What lies below a mark is out of reach.
    (b"N(2", "the stack is empty"),
    (b"N(\x85", "the stack is empty"),
    (b"](a", "the stack is empty"),
    (b"N(q\0", "the stack is empty"),
    (b"N(00", "the stack is empty"),
    (b"](N\x90", "items are added to something that is no set"),
    (b"}(N\x90", "items are added to something that is no set"),
    (b"K\x07(N\x90", "items are added to something that is no set"),
    (b"}Na", "items are added to something that is no list"),
    (b"]NNs", "keys are set in something that is no dictionary"),
    (b"](NNu", "keys are set in something that is no dictionary"),
    (b"](Nd", "a key without a value"),
    (b"]Nb", "a state is given to something that has none"),
];

#[test]
fn each_is_refused_for_its_reason() {
    for &(opcodes, expected) in REFUSED {
        match refused(&archive(Pickle::new().op(opcodes).stop())) {
            WeightsError::Pickle { reason, .. } => {
                assert_eq!(reason, expected, "{}", opcodes.escape_ascii());
            }
            other => panic!("{}: {other:?}", opcodes.escape_ascii()),
        }
    }
}

/// A tuple of two or three has its items in order: the sizes of a tensor.
#[test]
fn tuples_are_in_order() {
    for (sizes, dims) in
        [(&b"K\x01K\x04\x86"[..], &[1, 4][..]), (b"K\x01K\x02K\x02\x87", &[1, 2, 2])]
    {
        let storage = Pickle::new().op(b"}").text("w").global("torch._utils", "_rebuild_tensor");
        let strides: &[u8] =
            if dims.len() == 2 { b"K\x04K\x01\x86" } else { b"K\x04K\x02K\x01\x87" };
        let pickle =
            storage.op(b"(").storage("FloatStorage", "0", 4).op(b"K\0").op(sizes).op(strides);
        let loaded = measured(&archive(pickle.op(b"tRs").stop())).unwrap();
        assert_eq!(loaded.tensors.get("w").unwrap().shape().dims(), dims);
    }
}

/// Calls, and whether the tensor is read.
#[test]
fn calls_take_their_number_of_arguments() {
    let tensor = |pickle: Pickle| {
        pickle.tensor(|pickle| pickle.storage("FloatStorage", "0", 4), 0, &[4], &[1])
    };
    for (count, is_read) in [(0, true), (1, true), (2, true), (3, true), (4, false), (8, false)] {
        let call = Pickle::new().op(b"}").text("w").global("torch._utils", "_rebuild_parameter");
        let pickle = tensor(call.op(b"(")).times(count, b"N").op(b"tRs").stop();
        match measured(&archive(pickle)) {
            Ok(loaded) => assert!(is_read && loaded.tensors.len() == 1),
            Err(WeightsError::Pickle { reason, .. }) => {
                assert!(!is_read && reason == "a call with the wrong arguments", "{count}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    // Sizes and strides are lists or tuples, the offset a number, the storage one.
    for arguments in ["sNl}", "sN}l", "sNll", "sK\0lN", "NK\0ll", "lK\0ll", "sK\0l", "sK\0lll"] {
        let call =
            Pickle::new().op(b"}").text("w").global("torch._utils", "_rebuild_tensor").op(b"(");
        let pickle = arguments.bytes().fold(call, |pickle, argument| match argument {
            b's' => pickle.storage("FloatStorage", "0", 4),
            b'l' => pickle.op(b"]"),
            opcode => pickle.op([opcode]),
        });
        match refused(&archive(pickle.op(b"tRs").stop())) {
            WeightsError::Pickle { reason, .. } => {
                assert_eq!(reason, "a call with the wrong arguments", "{arguments:?}");
            }
            other => panic!("{arguments:?}: {other:?}"),
        }
    }
    let call = Pickle::new().op(b"}").text("w").global("torch._utils", "_rebuild_tensor").op(b"(");
    let call = call.storage("FloatStorage", "0", 4).op(b"K\0](K\x04e}tRs");
    match refused(&archive(call.stop())) {
        WeightsError::Pickle { reason, .. } => {
            assert_eq!(reason, "a call with the wrong arguments");
        }
        other => panic!("{other:?}"),
    }
}

/// Opcodes that need so much of something, and one less is refused by its number.
#[test]
fn limits_are_counted_exactly() {
    type Field = fn(&mut Limits) -> &mut u64;
    let cases: [(&str, &[u8], WeightsLimit, Field, u64); 9] = [
        ("values", b"NNN", WeightsLimit::StackDepth, |it| &mut it.stack_depth, 3),
        ("marks", b"N(((", WeightsLimit::StackDepth, |it| &mut it.stack_depth, 3),
        ("memo", b"Nq\x06", WeightsLimit::MemoEntries, |it| &mut it.memo_entries, 7),
        ("memo", b"Nr\x06\0\0\0", WeightsLimit::MemoEntries, |it| &mut it.memo_entries, 7),
        ("memo", b"N\x94\x94", WeightsLimit::MemoEntries, |it| &mut it.memo_entries, 2),
        ("objects", b"]]]", WeightsLimit::Objects, |it| &mut it.objects, 3),
        // The protocol and the end are counted.
        ("opcodes", b"NNN", WeightsLimit::Opcodes, |it| &mut it.opcodes, 5),
        ("string", b"X\x05\0\0\0abcde", WeightsLimit::StringBytes, |it| &mut it.string_bytes, 5),
        ("line", b"Vabcde\n", WeightsLimit::StringBytes, |it| &mut it.string_bytes, 5),
    ];
    for (what, opcodes, limit, field, count) in cases {
        // A value on top, whatever marks there are.
        let opcodes = if what == "marks" { [opcodes, b"111N"].concat() } else { opcodes.to_vec() };
        let bytes = archive(Pickle::new().op(&opcodes).stop());
        let with = |value| {
            let mut limits = Limits::default();
            *field(&mut limits) = value;
            read(&bytes, &limits).unwrap_err()
        };
        // What is left is no state dict, which is found out last.
        let enough = with(count);
        assert!(matches!(enough, WeightsError::NoStateDict { .. }), "{what}: {enough:?}");
        match with(count - 1) {
            WeightsError::Limit { limit: named, needed, allowed, .. } => {
                assert_eq!((named, needed, allowed), (limit, count, count - 1), "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// As many dimensions as are allowed are read, not left out in silence.
#[test]
fn as_many_dimensions_as_are_allowed() {
    let storage = |pickle: Pickle| pickle.storage("FloatStorage", "0", 4);
    let dims = |count: usize| {
        let sizes = vec![1; count];
        let pickle = Pickle::new().dict("w", |pickle| pickle.tensor(storage, 0, &sizes, &sizes));
        measured(&archive(pickle.stop()))
    };
    assert_eq!(dims(16).unwrap().tensors.get("w").unwrap().shape().rank(), 16);
    assert!(matches!(
        dims(17),
        Err(WeightsError::Limit { limit: WeightsLimit::Dimensions, needed: 17, allowed: 16, .. })
    ));
}

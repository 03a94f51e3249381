//! Pickles that would run something, or grow without end.

use involution::WeightsError;
use involution::error::WeightsLimit;

use super::craft::{Pickle, archive, sound, stream_parts};
use super::{measured, refused};

/// The error of a pickle, which must be the same in an archive and in a stream.
#[track_caller]
fn pickle(pickle: Pickle) -> WeightsError {
    let pickle = pickle.stop();
    let error = refused(&archive(pickle.clone()));
    let mut parts = stream_parts(pickle);
    parts[4] = Pickle::new().op(b"]").stop(); // no storages
    let in_stream = refused(&parts.concat());
    let same = match (&error, &in_stream) {
        // Places are counted from the start of the file.
        (WeightsError::Pickle { reason: a, .. }, WeightsError::Pickle { reason: b, .. }) => a == b,
        (
            WeightsError::RefusedOpcode { opcode: a, .. },
            WeightsError::RefusedOpcode { opcode: b, .. },
        ) => a == b,
        _ => error == in_stream,
    };
    assert!(same, "{error:?} in an archive, {in_stream:?} in a stream");
    error
}

#[track_caller]
fn refuses_global(source: Pickle, name: &str) {
    assert_eq!(pickle(source), WeightsError::RefusedGlobal { name: name.to_owned() });
}

#[track_caller]
fn refuses_opcode(source: Pickle, name: &str) {
    let at = source.0.len() as u64;
    let opcode: &[u8] = match name {
        "OBJ" => b"o",
        "INST" => b"icollections\nOrderedDict\n",
        "PERSID" => b"P0\n",
        "EXT1" => b"\x82\x01",
        "EXT2" => b"\x83\x01\x01",
        "EXT4" => b"\x84\x01\x01\x01\x01",
        "NEWOBJ_EX" => b"\x92",
        "NEXT_BUFFER" => b"\x97",
        "READONLY_BUFFER" => b"\x98",
        "0xff" => b"\xff",
        _ => b"\0",
    };
    let error = pickle(source.op(opcode));
    assert_eq!(error, WeightsError::RefusedOpcode { opcode: name.to_owned(), at });
}

#[track_caller]
fn exceeds(source: Pickle, expected: WeightsLimit) {
    match pickle(source) {
        WeightsError::Limit { limit, needed, allowed, .. } => {
            assert_eq!(limit, expected);
            assert!(needed > allowed);
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn unsound(source: Pickle, expected: &str) {
    match pickle(source) {
        WeightsError::Pickle { reason, .. } => assert_eq!(reason, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_of_the_shell() {
    refuses_global(Pickle::new().global("os", "system").text("id").op(b"\x85R"), "os.system");
}

#[test]
fn a_call_of_the_shell_below_a_key() {
    let call = |pickle: Pickle| pickle.global("posix", "system").text("id").op(b"\x85R");
    refuses_global(Pickle::new().dict("w", call), "posix.system");
}

#[test]
fn eval_by_names_from_the_stack() {
    let names = Pickle::new().text("builtins").text("eval").op(b"\x93");
    refuses_global(names.text("1").op(b"\x85R"), "builtins.eval");
}

#[test]
fn an_instance_of_a_class() {
    refuses_global(Pickle::new().op(b"(").text("id").op(b"ios\nsystem\n"), "os.system");
    refuses_opcode(Pickle::new().op(b"("), "INST");
}

#[test]
fn an_object_of_a_class() {
    refuses_global(Pickle::new().op(b"(").global("os", "system").op(b"o"), "os.system");
    refuses_opcode(Pickle::new().op(b"(").global("collections", "OrderedDict"), "OBJ");
}

#[test]
fn a_new_object_of_a_class() {
    let class = Pickle::new().global("subprocess", "Popen").op(b")\x81");
    refuses_global(class, "subprocess.Popen");
    refuses_opcode(Pickle::new().global("collections", "OrderedDict").op(b")}"), "NEWOBJ_EX");
}

#[test]
fn registered_extensions() {
    for name in ["EXT1", "EXT2", "EXT4"] {
        refuses_opcode(Pickle::new(), name);
    }
}

#[test]
fn opcodes_that_are_not_written() {
    for name in ["PERSID", "NEXT_BUFFER", "READONLY_BUFFER", "0xff", "0x00"] {
        refuses_opcode(Pickle::new(), name);
    }
}

#[test]
fn names_near_those_that_are_allowed() {
    for (module, name) in [
        ("torch", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch._utils ", "_rebuild_tensor_v2"),
        ("collections", "OrderedDict.__init__"),
        ("collections.OrderedDict", "fromkeys"),
        ("builtins", "getattr"),
        ("numpy", "load"),
        ("torch", "QInt9Storage"),
        ("torch", "float"),
        ("torch.sparse", "Tensor"),
        ("torch.cuda", "load"),
        ("torch._utils", "_import_dotted_name"),
        ("torch.distributed.tensor", "distribute_tensor"),
        ("torch", "Storage"),
        ("", ""),
    ] {
        refuses_global(Pickle::new().global(module, name), &format!("{module}.{name}"));
    }
}

#[test]
fn a_long_name_is_cut_in_the_message() {
    let name = "x".repeat(1 << 20);
    match pickle(Pickle::new().global("os", &name)) {
        WeightsError::RefusedGlobal { name } => assert!(name.len() < 300),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_that_are_no_texts() {
    unsound(Pickle::new().int(1).int(2).op(b"\x93"), "a name is not a text");
}

#[test]
fn calls_of_what_cannot_be_called() {
    unsound(Pickle::new().int(1).op(b")R"), "a call of something that is not a name");
    let tensor = Pickle::new().global("torch._utils", "_rebuild_tensor_v2");
    unsound(tensor.clone().int(1).op(b"R"), "a call without a tuple");
    unsound(tensor.op(b")R"), "a call with the wrong arguments");
    let storage = Pickle::new().global("torch", "FloatStorage").int(1 << 40).op(b"\x85R");
    unsound(storage, "a call with the wrong arguments");
    let parameter = Pickle::new().global("torch._utils", "_rebuild_parameter").int(1).op(b"\x85R");
    unsound(parameter, "a call with the wrong arguments");
}

/// Each would be a call of a call, as deep as the file is long.
#[test]
fn tensors_of_a_class_of_a_class() {
    let class = Pickle::new().global("torch._tensor", "_rebuild_from_type_v2").op(b"q\0");
    let inner = class.op(b"(").global("torch._utils", "_rebuild_sparse_tensor").op(b"N)Ntq\x01");
    let twice = inner.op(b"0(h\0Nh\x01NtR");
    unsound(twice, "a call with the wrong arguments");
}

#[test]
fn states_of_what_has_none() {
    let reason = "a state is given to something that has none";
    unsound(Pickle::new().global("torch", "Size").op(b"}b"), reason);
    unsound(Pickle::new().op(b"]}b"), reason);
}

#[test]
fn strings_that_are_not_there() {
    let cases: [&[u8]; 6] = [
        b"X\xff\xff\xff\xff",
        b"B\xff\xff\xff\xff",
        b"T\xff\xff\xff\x7f",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x96\0\0\0\0\0\0\0\x80",
    ];
    for opcode in cases {
        exceeds(Pickle::new().op(opcode), WeightsLimit::StringBytes);
    }
    let error = refused(&archive(Pickle::new().op(b"X\0\0\x80\0").stop()));
    assert_eq!(error, WeightsError::Truncated { what: "a pickle", needed: 1 << 23, present: 1 });
}

#[test]
fn numbers_that_are_not_there() {
    exceeds(Pickle::new().op(b"\x8b\xff\xff\xff\x7f"), WeightsLimit::StringBytes);
    unsound(Pickle::new().op(b"\x8b\xff\xff\xff\xff"), "a negative length");
    unsound(Pickle::new().op(b"T\xff\xff\xff\xff"), "a negative length");
    unsound(Pickle::new().op(b"I99999999999999999999\n"), "not a number");
    unsound(Pickle::new().op(b"Fone\n"), "not a number");
}

#[test]
fn places_of_the_memo_that_are_far_away() {
    exceeds(Pickle::new().op(b"Nr\xff\xff\xff\xff"), WeightsLimit::MemoEntries);
    exceeds(Pickle::new().op(b"Np18446744073709551615\n"), WeightsLimit::MemoEntries);
    unsound(Pickle::new().op(b"Np99999999999999999999\n"), "not an index");
    let reason = "nothing was remembered under this index";
    unsound(Pickle::new().op(b"j\xff\xff\xff\xff"), reason);
    unsound(Pickle::new().op(b"Nq\x05h\x04"), reason);
}

#[test]
fn too_much_of_anything() {
    exceeds(Pickle::new().times(1_100_000, b"N0"), WeightsLimit::Opcodes);
    exceeds(Pickle::new().times(100_000, b"N"), WeightsLimit::StackDepth);
    exceeds(Pickle::new().times(100_000, b"("), WeightsLimit::StackDepth);
    exceeds(Pickle::new().times(300_000, b"]0"), WeightsLimit::Objects);
    exceeds(Pickle::new().op(b"N").times(600_000, b"\x94"), WeightsLimit::MemoEntries);
}

/// As much memory as opcodes can get without passing a limit.
#[test]
fn memory_for_each_byte() {
    let none = |found: &str| WeightsError::NoStateDict { found: found.to_owned() };
    let dicts = Pickle::new().op(b"N").times(500_000, b"\x94").times(240_000, b"}NNs0");
    assert_eq!(pickle(dicts), none("a plain value"));
    let lists = Pickle::new().times(250_000, b"]Na0").op(b"]").times(450_000, b"Na");
    assert_eq!(pickle(lists), none("a list or tuple"));
    let dict = Pickle::new().op(b"}").times(650_000, b"NNs");
    assert_eq!(pickle(dict), none("a dictionary with no tensors, with the key None,"));
}

#[test]
fn a_billion_laughs() {
    // Each list holds the one before ten times.
    let laughs = Pickle::new().op(b"]q\0").times(9, b"](h\0h\0h\0h\0h\0h\0h\0h\0h\0h\0eq\0");
    let found = "a list or tuple".to_owned();
    assert_eq!(pickle(laughs), WeightsError::NoStateDict { found: found.clone() });
    // Each tuple holds the one before twice.
    let tuples = Pickle::new().op(b")").times(200_000, b"2\x86");
    assert_eq!(pickle(tuples), WeightsError::NoStateDict { found });
}

#[test]
fn laughs_beside_a_tensor_cost_nothing() {
    let sound = sound();
    let laughs = Pickle(sound[..sound.len() - 1].to_vec());
    let laughs = laughs.text("x").op(b"]").times(1000, b"2\x86").op(b"s").stop();
    let loaded = measured(&archive(laughs)).unwrap();
    assert_eq!((loaded.tensors.len(), loaded.skipped.len()), (1, 1));
}

#[test]
fn a_dictionary_of_a_list_many_times() {
    let list = Pickle::new().op(b"](").times(10_000, b"NN\x86").op(b"eq\0\x85q\x010");
    let many = list.global("collections", "OrderedDict").op(b"q\x020");
    exceeds(many.times(10_000, b"h\x02h\x01R0"), WeightsLimit::Objects);
}

#[test]
fn nesting_without_end() {
    let deep = Pickle::new().times(60_000, b"]").times(59_999, b"a");
    let found = "a list or tuple".to_owned();
    assert_eq!(pickle(deep), WeightsError::NoStateDict { found });
    let found = "a dictionary with no tensors, with the key 'state_dict',".to_owned();
    let deep = (0..100).fold(Pickle::new(), |pickle, _| pickle.op(b"}").text("state_dict"));
    assert_eq!(pickle(deep.op(b"N").times(100, b"s")), WeightsError::NoStateDict { found });
}

#[test]
fn a_dictionary_within_itself() {
    let keys = ["state_dict", "model", "module", "net", "ema"];
    let itself = keys.iter().fold(Pickle::new().op(b"}q\0"), |pickle, key| {
        pickle.text(key).op(b"h\0s").times(1000, b"NNs")
    });
    let keys = "'state_dict', None, 'model', 'module', 'net', 'ema'";
    let found = format!("a dictionary with no tensors, with the keys {keys},");
    assert_eq!(pickle(itself), WeightsError::NoStateDict { found });
}

#[test]
fn a_stack_that_is_empty() {
    for source in [&b"0"[..], b"2", b"a", b"s", b"R", b"b", b"Q", b"\x86", b"\x94", b"(2", b""] {
        unsound(Pickle::new().op(source), "the stack is empty");
    }
    for source in [&b"t"[..], b"l", b"d", b"e", b"u", b"1", b"\x90", b"\x91"] {
        unsound(Pickle::new().op(source), "there is no mark");
    }
    unsound(Pickle::new().op(b"}(NNNu"), "a key without a value");
}

#[test]
fn texts_that_are_none() {
    unsound(Pickle::new().op(b"X\x01\0\0\0\xff"), "not UTF-8");
    unsound(Pickle::new().op(b"S'a\\x41'\n"), "a text with escapes or without quotes");
    unsound(Pickle::new().op(b"Sa\n"), "a text with escapes or without quotes");
    unsound(Pickle::new().op(b"\x80\x06"), "the protocol is newer than 5");
}

#[test]
fn outside_objects_that_are_no_storages() {
    let reason = "an outside object that is not a storage";
    unsound(Pickle::new().op(b"NQ"), reason);
    unsound(Pickle::new().storage("device", "0", 1), reason);
    unsound(Pickle::new().storage("FloatStorage", "0", -1), reason);
    let module = Pickle::new().op(b"(").text("module").text("x").text("y").text("z").op(b"tQ");
    unsound(module, reason);
    exceeds(Pickle::new().storage("FloatStorage", &"k".repeat(600), 1), WeightsLimit::NameBytes);
}

#[test]
fn objects_that_are_no_state_dicts() {
    let cases: [(&[u8], &str); 5] = [
        (b"}", "an empty dictionary"),
        (b"}NNs", "a dictionary with no tensors, with the key None,"),
        (b"]", "a list or tuple"),
        (b")", "a list or tuple"),
        (b"N", "a plain value"),
    ];
    for (source, found) in cases {
        let error = pickle(Pickle::new().op(source));
        assert_eq!(error, WeightsError::NoStateDict { found: found.to_owned() });
    }
}

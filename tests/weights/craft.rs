//! Files made by hand, sound or not: pickles, archives, streams and safetensors.

/// A pickle that is written opcode by opcode.
#[derive(Clone, Default)]
pub struct Pickle(pub Vec<u8>);

impl Pickle {
    /// A pickle of protocol 2, as PyTorch writes it.
    pub fn new() -> Self {
        Pickle(vec![0x80, 2])
    }

    pub fn op(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    /// Repeats these opcodes.
    pub fn times(mut self, count: usize, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend(bytes.as_ref().repeat(count));
        self
    }

    pub fn text(self, text: &str) -> Self {
        self.op(b"X").op((text.len() as u32).to_le_bytes()).op(text)
    }

    pub fn int(self, value: i64) -> Self {
        self.op(b"\x8a\x08").op(value.to_le_bytes())
    }

    pub fn global(self, module: &str, name: &str) -> Self {
        self.op(b"c").op(module).op(b"\n").op(name).op(b"\n")
    }

    fn ints(self, values: &[i64]) -> Self {
        values.iter().fold(self.op(b"("), |pickle, &value| pickle.int(value)).op(b"t")
    }

    /// A storage of this type, as PyTorch refers to one.
    pub fn storage(self, kind: &str, key: &str, count: i64) -> Self {
        let id = self.op(b"(").text("storage").global("torch", kind).text(key).text("cpu");
        id.int(count).op(b"tQ")
    }

    /// A call of `_rebuild_tensor_v2` on the storage that `storage` pushes.
    pub fn tensor(
        self,
        storage: impl FnOnce(Self) -> Self,
        offset: i64,
        sizes: &[i64],
        strides: &[i64],
    ) -> Self {
        let call = self.global("torch._utils", "_rebuild_tensor_v2").op(b"(");
        let call = storage(call).int(offset).ints(sizes).ints(strides);
        call.op(b"\x89").global("collections", "OrderedDict").op(b")RtR")
    }

    /// `{name: value}`, whatever `value` pushes.
    pub fn dict(self, name: &str, value: impl FnOnce(Self) -> Self) -> Self {
        value(self.op(b"}").text(name)).op(b"s")
    }

    pub fn stop(self) -> Vec<u8> {
        self.op(b".").0
    }
}

/// An entry of an archive and what is said of it.
#[derive(Clone)]
pub struct Entry {
    pub name: String,
    pub data: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    /// What both headers say of the size.
    pub size: u32,
    /// The name in front of the bytes, where it is to be another one.
    pub local_name: Option<String>,
    /// The 64-bit part in the directory.
    pub extra: Vec<u8>,
    /// Where the directory says it is, where that is to be wrong.
    pub offset: Option<u32>,
}

impl Entry {
    pub fn new(name: &str, data: impl Into<Vec<u8>>) -> Self {
        let data = data.into();
        Entry {
            name: name.to_owned(),
            size: data.len() as u32,
            data,
            method: 0,
            flags: 0,
            local_name: None,
            extra: Vec::new(),
            offset: None,
        }
    }
}

/// A zip archive of these entries, and where its directory starts.
pub fn zip_parts(entries: &[Entry]) -> (Vec<u8>, usize) {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = entry.offset.unwrap_or(body.len() as u32);
        let local = entry.local_name.as_ref().unwrap_or(&entry.name);
        let common = |name: &str, extra: usize| {
            let mut bytes = Vec::new();
            bytes.extend(20u16.to_le_bytes());
            bytes.extend(entry.flags.to_le_bytes());
            bytes.extend(entry.method.to_le_bytes());
            bytes.extend([0; 8]); // time and checksum
            bytes.extend(entry.size.to_le_bytes());
            bytes.extend(entry.size.to_le_bytes());
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend((extra as u16).to_le_bytes());
            bytes
        };
        body.extend(b"PK\x03\x04");
        body.extend(common(local, 0));
        body.extend(local.as_bytes());
        body.extend(&entry.data);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(common(&entry.name, entry.extra.len()));
        directory.extend([0; 10]); // comment, disk and attributes
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
        directory.extend(&entry.extra);
    }
    let start = body.len();
    body.extend(&directory);
    body.extend(b"PK\x05\x06\0\0\0\0");
    body.extend((entries.len() as u16).to_le_bytes());
    body.extend((entries.len() as u16).to_le_bytes());
    body.extend((directory.len() as u32).to_le_bytes());
    body.extend((start as u32).to_le_bytes());
    body.extend([0; 2]);
    (body, start)
}

pub fn zip(entries: &[Entry]) -> Vec<u8> {
    zip_parts(entries).0
}

/// The entries of an archive as PyTorch writes it: a pickle and one storage of 16 bytes.
pub fn entries(pickle: Vec<u8>) -> Vec<Entry> {
    vec![
        Entry::new("top/data.pkl", pickle),
        Entry::new("top/byteorder", "little"),
        Entry::new("top/data/0", ones(4)),
        Entry::new("top/version", "3\n"),
    ]
}

/// An archive with this pickle and one storage of four ones.
pub fn archive(pickle: Vec<u8>) -> Vec<u8> {
    zip(&entries(pickle))
}

pub fn ones(count: usize) -> Vec<u8> {
    1f32.to_le_bytes().repeat(count)
}

/// The pickle of `{"w": tensor}` with two rows of two, in a storage of four.
pub fn sound() -> Vec<u8> {
    let storage = |pickle: Pickle| pickle.storage("FloatStorage", "0", 4);
    Pickle::new().dict("w", |pickle| pickle.tensor(storage, 0, &[2, 2], &[2, 1])).stop()
}

/// The parts of a stream: magic number, version, host, object, keys.
pub fn stream_parts(object: Vec<u8>) -> [Vec<u8>; 5] {
    let magic = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    [
        Pickle::new().op(magic).stop(),
        Pickle::new().int(1001).stop(),
        Pickle::new().dict("little_endian", |pickle| pickle.op(b"\x88")).stop(),
        object,
        Pickle::new().op(b"]").text("0").op(b"a").stop(),
    ]
}

/// A stream of these parts with one storage of four ones.
pub fn stream(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = parts.concat();
    bytes.extend(4u64.to_le_bytes());
    bytes.extend(ones(4));
    bytes
}

/// A safetensors file with this header.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn what_is_made_here_can_be_read() {
    for bytes in [archive(sound()), stream(&stream_parts(sound()))] {
        let loaded = super::measured(&bytes).unwrap();
        let tensor = loaded.tensors.get("w").unwrap();
        assert_eq!((tensor.shape().dims(), tensor.data()), (&[2, 2][..], &[1.0; 4][..]));
        assert!(loaded.metadata.is_empty());
    }
    let header = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let loaded = super::measured(&safetensors(header, &ones(2))).unwrap();
    assert_eq!(loaded.tensors.get("w").unwrap().data(), [1.0; 2]);
}

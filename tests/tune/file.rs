//! The file: what is written can be read, by people, too, and nothing that may lie there does any harm.

use std::fs;
use std::path::Path;

use involution::Gpu;
use involution::autotune::{Cache, Entry, Identity, Ignored, MAX_BYTES, Tuned};

use super::{entry, folder, names, pointwise};
use crate::adapters;

fn identity() -> Identity {
    Identity {
        involution: "1.2.3".to_owned(),
        adapter: "An \"adapter\" é".to_owned(),
        backend: "Vulkan".to_owned(),
        driver: "driver".to_owned(),
        driver_info: "4.5".to_owned(),
    }
}

fn some_cache(identity: Identity) -> Cache {
    let (op, shapes) = pointwise();
    let mut cache = Cache::new(identity);
    cache.insert(Entry { fixed_ms: None, ..entry(&op, &shapes, "conv/conv2d[T=2]") });
    let wider = [involution::Shape::from([1, 8, 40, 40]), shapes[1].clone()];
    cache.insert(entry(&op, &wider, "conv/conv2d[T=8]"));
    cache
}

#[test]
fn what_is_written_is_read_again() {
    let path = folder("round_trip").join("deeper/still/tuned.json");
    let cache = some_cache(identity());
    cache.save(&path).unwrap();
    assert_eq!(Cache::load(&path, &identity()).unwrap(), cache);
    assert_eq!(cache.choices().len(), 2);
    // Again in its place, with an entry more and one replaced.
    let mut more = cache.clone();
    let (op, shapes) = pointwise();
    more.insert(entry(&op, &shapes, "conv/pointwise[T=8]"));
    assert_eq!(more.entries().len(), 2);
    more.save(&path).unwrap();
    let read = Cache::load(&path, &identity()).unwrap();
    assert_eq!(read, more);
    let key = entry(&op, &shapes, "").key;
    assert_eq!(read.get(&key).unwrap().kernel, "conv/pointwise[T=8]");
    // Nothing is left beside it but its lock.
    let mut left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    left.retain(|file| file.as_ref().unwrap().file_name() != ".tuned.json.lock");
    assert_eq!(left.len(), 1);
}

/// What others wrote meanwhile stays, but for the calls that are written anew; what is for something else goes.
#[test]
fn what_the_file_holds_of_other_calls_stays() {
    let path = folder("merged").join("tuned.json");
    let (op, shapes) = pointwise();
    let wider = [involution::Shape::from([1, 8, 40, 40]), shapes[1].clone()];
    let one = |shapes: &[involution::Shape], kernel: &str| {
        let mut cache = Cache::new(identity());
        cache.insert(entry(&op, shapes, kernel));
        cache
    };
    one(&shapes, "first").save(&path).unwrap();
    one(&wider, "second").save(&path).unwrap();
    one(&shapes, "third").save(&path).unwrap();
    Cache::new(identity()).save(&path).unwrap();
    let read = Cache::load(&path, &identity()).unwrap();
    let kernels: Vec<&str> = read.entries().map(|entry| entry.kernel.as_str()).collect();
    assert_eq!(kernels, ["second", "third"]);
    let other = Identity { driver_info: "4.6".to_owned(), ..identity() };
    Cache::new(other.clone()).save(&path).unwrap();
    assert_eq!(Cache::load(&path, &other).unwrap().entries().len(), 0);
    fs::write(&path, "{").unwrap();
    one(&wider, "second").save(&path).unwrap();
    assert_eq!(Cache::load(&path, &identity()).unwrap(), one(&wider, "second"));
}

/// Ten that write at the same time, twenty times: nothing is lost, and whoever reads finds a whole file.
#[test]
fn writers_at_the_same_time_lose_nothing() {
    let folder = folder("at_once");
    let (op, shapes) = pointwise();
    let start = std::sync::Barrier::new(10);
    for round in 0..20 {
        let path = folder.join(format!("{round}.json"));
        std::thread::scope(|scope| {
            for writer in 0..10 {
                let (op, path, start, weight) = (&op, &path, &start, shapes[1].clone());
                scope.spawn(move || {
                    let shapes = [involution::Shape::from([1 << writer, 8, 12, 12]), weight];
                    let mut cache = Cache::new(identity());
                    cache.insert(entry(op, &shapes, "conv/conv2d[T=2]"));
                    start.wait();
                    cache.save(path).unwrap();
                    let read = Cache::load(path, &identity()).unwrap();
                    assert!(
                        read.entries().len() <= 10
                            && read.get(&cache.entries().next().unwrap().key).is_some()
                    );
                });
            }
        });
        assert_eq!(Cache::load(&path, &identity()).unwrap().entries().len(), 10, "{round}");
    }
}

#[test]
fn the_text_can_be_read_by_people() {
    let text = some_cache(identity()).to_json();
    for line in [
        r#"  "format": 1,"#,
        r#"  "adapter": "An \"adapter\" é","#,
        r#"      "op": "conv2d","#,
        r#"      "attributes": "groups=2","#,
        r#"      "shapes": "x [1, 8, 128-255 width%4=0], weight [16, 4, 1, 1]","#,
        r#"      "kernel": "conv/conv2d[T=2]","#,
        r#"      "fixed": "the fixed one","#,
        r#"      "ms": 0.5,"#,
        r#"      "fixed_ms": null"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing:\n{text}");
    }
}

#[test]
fn an_entry_that_keeps_the_fixed_choice_changes_nothing() {
    let (op, shapes) = pointwise();
    let mut cache = Cache::new(identity());
    cache.insert(entry(&op, &shapes, "the fixed one"));
    assert_eq!((cache.entries().len(), cache.choices().len()), (1, 0));
}

/// Each file is ignored for this reason, by a device that opens with it as well.
#[test]
fn what_is_not_for_this_device_is_ignored() {
    let folder = folder("ignored");
    adapters::each(|gpu| {
        let right = gpu.adapter().identity();
        let whole = some_cache(right.clone()).to_json();
        let with = |change: &dyn Fn(&mut Identity)| {
            let mut identity = right.clone();
            change(&mut identity);
            some_cache(identity).to_json().into_bytes()
        };
        let deep = [&b"{\"format\": "[..], &vec![b'['; 1 << 20]].concat();
        let deep_beside = [
            &b"{\"entries\": [], \"beside\": "[..],
            &vec![b'['; 5000],
            &vec![b']'; 5000],
            &whole.as_bytes()[1..],
        ];
        let mut large = whole.clone().into_bytes();
        large.resize(MAX_BYTES as usize + 1, b' ');
        let damaged = |why: &Ignored| matches!(why, Ignored::Damaged(_));
        let is = |wanted: &'static str| move |why: &Ignored| matches!(why, Ignored::Other { what, .. } if *what == wanted);
        type Reason<'a> = &'a dyn Fn(&Ignored) -> bool;
        let rows: &[(&str, Vec<u8>, Reason<'_>)] = &[
            ("empty", Vec::new(), &damaged),
            ("half", whole.as_bytes()[..whole.len() / 2].to_vec(), &damaged),
            ("not text", vec![0xff; 100], &damaged),
            ("another thing", b"[1, 2, 3]".to_vec(), &damaged),
            ("a number too large", whole.replace("0.5", "1e999").into_bytes(), &damaged),
            ("a number as text", whole.replace("0.5", "\"0.5\"").into_bytes(), &damaged),
            ("deep", deep, &damaged),
            ("deep beside", deep_beside.concat(), &damaged),
            ("large", large, &|why| *why == Ignored::TooLarge),
            ("format", whole.replace("\"format\": 1", "\"format\": 2").into_bytes(), &is("format")),
            ("version", with(&|other| other.involution += "1"), &is("version")),
            ("adapter", with(&|other| other.adapter += "x"), &is("adapter")),
            ("interface", with(&|other| other.backend = "Gl".to_owned()), &is("interface")),
            ("driver", with(&|other| other.driver += "x"), &is("driver")),
            ("driver version", with(&|other| other.driver_info += "x"), &is("driver")),
        ];
        for (name, bytes, reason) in rows {
            let path = folder.join("tuned.json");
            fs::write(&path, bytes).unwrap();
            let why = Cache::load(&path, &right).unwrap_err();
            assert!(reason(&why), "{name}: {why:?}");
            runs_by_the_fixed_choice(gpu, &path, name);
        }
        // What is no file at all, and what is not there.
        let why = Cache::load(&folder, &right).unwrap_err();
        assert!(matches!(why, Ignored::Unreadable(_)), "{why:?}");
        runs_by_the_fixed_choice(gpu, &folder, "a folder");
        for nowhere in [folder.join("nothing.json"), folder.join("tuned.json/below")] {
            assert_eq!(Cache::load(&nowhere, &right).unwrap_err(), Ignored::Missing);
            runs_by_the_fixed_choice(gpu, &nowhere, "nothing");
        }
        // The same without a fault is used: it was not ignored for something else.
        let path = folder.join("whole.json");
        fs::write(&path, &whole).unwrap();
        let tuned = adapters::fresh(gpu, |options| options.tuned = Tuned::File(path.clone()));
        assert_eq!(tuned.tuned().len(), 2);
    });
}

/// To open a pipe would wait for ever.
#[cfg(unix)]
#[test]
fn a_pipe_is_not_read() {
    let path = folder("pipe").join("tuned.json");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if made.is_ok_and(|status| status.success()) {
        let why = Cache::load(&path, &identity()).unwrap_err();
        assert!(matches!(why, Ignored::Unreadable(_)), "{why:?}");
    }
}

fn runs_by_the_fixed_choice(gpu: &Gpu, path: &Path, name: &str) {
    let opened = adapters::fresh(gpu, |options| options.tuned = Tuned::File(path.to_owned()));
    assert!(opened.tuned().is_empty(), "{name}");
    let (op, shapes) = pointwise();
    let (fixed, now) = names(&opened, &op, &shapes);
    assert_eq!(fixed, now, "{name}");
}

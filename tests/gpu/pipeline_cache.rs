//! Compiled pipelines in a file: written where a driver keeps any, read by the next device, ignored where anything
//! about the file is off. What that can be in a file of its own, `src/gpu/pipeline_cache.rs` tries byte by byte.

use std::fs;
use std::path::{Path, PathBuf};

use involution::gpu::{Gpu, PipelineFile};
use involution::{Error, Tensor};

use super::some_work;
use crate::{adapters, harness};

/// An empty folder of this name below the build products.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pipeline_cache").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn open(gpu: &Gpu, path: &Path) -> Gpu {
    adapters::fresh(gpu, |options| options.pipeline_cache = PipelineFile::At(path.to_owned()))
}

fn work(gpu: &Gpu) -> Tensor {
    let (op, inputs) = some_work();
    gpu.run(op, &harness::views(&inputs)).unwrap()
}

/// Calls `test` with each adapter that keeps pipelines, and a file that one of its devices wrote after some work.
fn each(name: &str, test: impl Fn(&Gpu, &Path, &Tensor)) {
    adapters::each(|gpu| {
        let path = folder(name).join("deeper/pipelines.bin");
        let first = open(gpu, &path);
        let result = work(&first);
        assert_eq!(first.pipeline_stats().restored, 0);
        match first.save_pipeline_cache().unwrap() {
            Some(written) => {
                assert_eq!(written, path);
                test(gpu, &path, &result);
            }
            None => {
                assert_ne!(gpu.adapter().backend, "Vulkan");
                assert!(!path.exists());
            }
        }
    });
}

#[test]
fn what_one_device_wrote_the_next_one_reads() {
    each("again", |gpu, path, result| {
        let written = fs::read(path).unwrap();
        let again = open(gpu, path);
        let restored = again.pipeline_stats().restored;
        assert!(restored > 0 && restored < written.len() as u64, "{restored} bytes");
        assert_eq!(work(&again), *result);
        assert_eq!(again.save_pipeline_cache().unwrap().as_deref(), Some(path));
        assert!(open(gpu, path).pipeline_stats().restored >= restored);
        // Nothing is left beside it.
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        // The device that takes the place of a lost one reads it, too.
        again.destroy();
        assert!(matches!(again.save_pipeline_cache(), Err(Error::DeviceLost { .. })));
        assert!(again.recreate().unwrap().pipeline_stats().restored >= restored);
        adapters::count(2);
    });
}

#[test]
fn a_file_that_is_off_is_ignored_and_written_anew() {
    each("off", |gpu, path, result| {
        let whole = fs::read(path).unwrap();
        let last = whole.len() - 1;
        let mut flipped = whole.clone();
        flipped[last] ^= 1;
        let version = env!("CARGO_PKG_VERSION").as_bytes();
        let place = whole.windows(version.len()).position(|bytes| bytes == version).unwrap();
        let mut older = whole.clone();
        older[place] ^= 1;
        let driver = gpu.adapter().driver_info.as_bytes();
        let place = whole.windows(driver.len()).position(|bytes| bytes == driver).unwrap();
        let mut other_driver = whole.clone();
        other_driver[place] ^= 1;
        let mut huge = whole.clone();
        huge.resize((64 << 20) + 1, 0);
        let rows = [
            ("empty", Vec::new()),
            ("something else", b"{}".to_vec()),
            ("truncated", whole[..last].to_vec()),
            ("half", whole[..last / 2].to_vec()),
            ("longer", [&whole[..], &[0]].concat()),
            ("corrupt", flipped),
            ("another version", older),
            ("another driver", other_driver),
            ("huge", huge),
        ];
        for (name, bytes) in rows {
            fs::write(path, &bytes).unwrap();
            let device = open(gpu, path);
            assert_eq!(device.pipeline_stats().restored, 0, "{name}");
            assert_eq!(work(&device), *result, "{name}");
            device.save_pipeline_cache().unwrap();
            assert!(open(gpu, path).pipeline_stats().restored > 0, "{name}");
        }
        adapters::count(9);
    });
}

/// What cannot be a file is ignored when it is read, and an error where it is to be written.
#[test]
fn a_place_that_cannot_be_written_to_is_an_error() {
    each("nowhere", |gpu, path, result| {
        let folder = path.parent().unwrap();
        for nowhere in [folder.to_owned(), path.join("below")] {
            let device = open(gpu, &nowhere);
            assert_eq!(device.pipeline_stats().restored, 0);
            assert_eq!(work(&device), *result);
            let error = device.save_pipeline_cache().unwrap_err();
            assert!(matches!(error, Error::CacheFile { .. }), "{error}");
        }
    });
}

/// It is off unless somebody asks for it.
#[test]
fn nothing_is_kept_by_itself() {
    adapters::each(|gpu| assert_eq!(gpu.save_pipeline_cache(), Ok(None)));
}

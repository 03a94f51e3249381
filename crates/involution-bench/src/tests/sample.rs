//! A run for the tests of what is made from runs.

use crate::row::{Peer, Row, Step};
use crate::run::{Limits, Run};
use crate::stats::Stats;

/// A run with all that can be told of one, and a row that failed.
pub fn run() -> Run {
    let step = |step: &str, ms| Step {
        step: step.to_owned(),
        kernel: "conv2d".to_owned(),
        shape: vec![1, 8],
        ms,
    };
    let row = |case: &str, batch, size, median| Row {
        case: case.to_owned(),
        kernel: Some("conv2d|general".to_owned()),
        checked: true,
        gpu_ms: Stats::of(vec![median, median, median]),
        wall_ms: Stats::of(vec![2.0 * median]),
        samples: 3,
        flops: 1_000_000,
        bytes: 50_000,
        gflops: Some(1.0 / median),
        gbps: Some(0.05 / median),
        floor_ms: Some(0.25),
        bound: Some("arithmetic".to_owned()),
        of_floor: Some(0.25 / median),
        batch: Some(batch),
        size: Some(size),
        ns_per_pixel: Some(median / batch as f64),
        ..Row::default()
    };
    let warning = Some("spread".to_owned());
    let steps = vec![step("stem", 0.5), step("head", 1.5)];
    let note = Some("wrong, by \"much\"".to_owned());
    let peer = |peer: &str, ratio: Option<f64>, note: Option<&str>| Peer {
        peer: peer.to_owned(),
        wall_ms: ratio.and_then(|ratio| Stats::of(vec![4.0 / ratio])),
        ratio,
        error_over_bound: ratio.map(|_| 0.25),
        note: note.map(str::to_owned),
        ..Peer::default()
    };
    let peers = vec![
        peer("slow", Some(0.01), None),
        peer("<fast>", Some(2.0), None),
        peer("broken", None, Some("no \"such\" | operator")),
    ];
    let failed = Row { case: "bad".to_owned(), note, ..Row::default() };
    Run {
        involution: "0.1.0".to_owned(),
        suite: "sweep".to_owned(),
        adapter: "a <b>quick</b> adapter".to_owned(),
        backend: Some("Vulkan".to_owned()),
        driver: Some("driver 1".to_owned()),
        software: true,
        quick: true,
        limits: Some(Limits {
            copy_gbps: 2.0,
            multiply_add_gflops: 20.0,
            dispatch_us: 20.0,
            submission_us: 100.0,
        }),
        rows: vec![
            Row { warning, steps, peers, ..row("conv 1", 1, 224, 2.0) },
            row("conv <2>", 8, 224, 3.0),
            row("conv 3", 1, 448, 9.0),
            failed,
        ],
        ..Run::default()
    }
}

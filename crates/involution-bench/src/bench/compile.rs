//! The suite `compile`: how long the first use of each kernel takes, with an empty cache of the driver's and with what it
//! kept. A process has its driver's cache for as long as it lives, so each sample is a process of its own.

pub mod first_use;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use involution::Gpu;

use super::Args;
use super::record::Run;
use super::row::Row;
use super::sampling::{self, Effort, Sampled, interrupted};
use super::selection::named;
use crate::adapter::Runner;
use crate::{output, workloads};
use first_use::First;

/// Samples that will do after so much time.
const LEAST_SAMPLES: usize = 1;
const ENOUGH: Duration = Duration::from_secs(10);

const NETWORKS: [&str; 3] = ["rednet50", "resnet50", "mobilenet_v2"];

/// Where drivers are told to keep what they compiled: those of Mesa, and that of NVIDIA on Linux.
const CACHES: [&str; 2] = ["MESA_SHADER_CACHE_DIR", "__GL_SHADER_DISK_CACHE_PATH"];

/// What a process uses for the first time: the calls of some kernels one after the other, or a network.
pub type Subject = (&'static str, Vec<String>);

/// What the arguments select: one call of each kind, the kernels of a network at once.
pub fn select(args: &Args) -> Result<Vec<Subject>> {
    let calls = workloads::all()?.into_iter().filter(|workload| workload.quick);
    let calls = calls.map(|workload| ("calls", workload.name));
    let networks = NETWORKS.iter().map(|&name| ("networks", name.to_owned()));
    let selected = named(calls.chain(networks).collect(), args, |(_, name)| name.clone())?;
    let (calls, networks): (Vec<_>, Vec<_>) =
        selected.into_iter().partition(|(group, _)| *group == "calls");
    let calls = calls.into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    let calls = (!calls.is_empty()).then_some(("calls", calls));
    Ok(calls
        .into_iter()
        .chain(networks.into_iter().map(|(group, name)| (group, vec![name])))
        .collect())
}

/// Times what was selected.
pub fn measure(runner: &Runner, gpu: &Gpu, subjects: Vec<Subject>, args: &Args) -> Result<Run> {
    let start = Instant::now();
    sampling::listen()?;
    let effort = Effort::new(args, LEAST_SAMPLES, ENOUGH);
    let bar = output::progress("compiling");
    bar.set_length(subjects.len() as u64);
    let mut rows = Vec::new();
    for (group, names) in &subjects {
        bar.set_message(names[0].clone());
        let pairs = effort.sample(|| Ok(cold_and_warm(gpu, names)))?;
        let pairs: Result<Vec<[Vec<First>; 2]>> =
            pairs.map(|pairs| pairs.runs).unwrap_or_default().into_iter().collect();
        // A process that Ctrl-C ended has failed, too.
        if interrupted() {
            break;
        }
        rows.extend(rows_of(group, &pairs?));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let legend = legend(runner.driver().as_deref().unwrap_or_default());
    Ok(Run { legend, ..Run::new(runner, None, args, start, rows) })
}

fn legend(driver: &str) -> String {
    let known = ["mesa", "nvidia"].iter().any(|name| driver.to_lowercase().contains(name));
    let cold = match known {
        true => {
            "cold: with an empty cache of the driver's; warm: with what the cold process left there."
        }
        false => {
            "This driver's cache cannot be emptied from here: what is called cold may be warm."
        }
    };
    format!(
        "{cold}\nFirst use: preparing, compiling and one run, of a network also loading zeros as weights."
    )
}

/// What a process finds with an empty cache, and one after it with the same.
fn cold_and_warm(gpu: &Gpu, names: &[String]) -> Result<[Vec<First>; 2]> {
    let cache = tempfile::tempdir().context("a folder for the driver's cache")?;
    Ok([process(gpu, names, cache.path())?, process(gpu, names, cache.path())?])
}

/// The first uses of a process that keeps what it compiles in this folder.
fn process(gpu: &Gpu, names: &[String], cache: &Path) -> Result<Vec<First>> {
    let mut command = Command::new(std::env::current_exe().context("this program")?);
    command.args(["bench", "first-use", "--adapter", &gpu.adapter().index.to_string()]).args(names);
    command.envs(CACHES.map(|name| (name, cache))).env_remove("MESA_SHADER_CACHE_DISABLE");
    let ran = command.output().context("a process of its own")?;
    let said = || String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    match ran.status.success() {
        true => serde_json::from_slice(&ran.stdout).context("what a process of its own found"),
        false => Err(anyhow!("a process of its own ended with {}: {}", ran.status, said())),
    }
}

/// Two rows for each first use, that of empty caches first.
fn rows_of(group: &str, pairs: &[[Vec<First>; 2]]) -> Vec<Row> {
    let mut times: BTreeMap<(usize, usize), (&First, Vec<Duration>)> = BTreeMap::new();
    for pair in pairs {
        for (state, firsts) in pair.iter().enumerate() {
            for (place, first) in firsts.iter().enumerate() {
                let entry = times.entry((place, state)).or_insert((first, Vec::new()));
                entry.1.push(Duration::from_secs_f64(first.ms / 1e3));
                // One that was wrong once is wrong.
                if first.wrong.is_some() {
                    entry.0 = first;
                }
            }
        }
    }
    let rows = times.into_iter().map(|((_, state), (first, runs))| {
        let case = format!("{} {}", first.name, ["cold", "warm"][state]);
        let op = case.split(' ').next().unwrap_or_default().to_owned();
        let kernel = Some(first.kernel.clone());
        let row = Row { op, case, group: group.to_owned(), kernel, ..Row::default() };
        let right = first.wrong.clone().map_or(Ok(()), Err);
        row.timed_by_host(Sampled { runs, cpu_ms: None, waited: None, probe: None }, right)
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cold_stands_beside_warm_and_one_wrong_answer_takes_both_times_away() {
        let first = |name: &str, ms, wrong: Option<&str>| First {
            name: name.to_owned(),
            kernel: "k".to_owned(),
            ms,
            wrong: wrong.map(str::to_owned),
        };
        let pairs = [
            [
                vec![first("a", 4.0, None), first("b", 2.0, None)],
                vec![first("a", 1.0, None), first("b", 2.0, None)],
            ],
            [
                vec![first("a", 6.0, None), first("b", 2.0, Some("off"))],
                vec![first("a", 1.0, None), first("b", 2.0, None)],
            ],
        ];
        let rows = rows_of("calls", &pairs);
        let seen: Vec<_> = rows
            .iter()
            .map(|row| (&*row.case, row.checked, row.wall_ms.as_ref().map(|wall| wall.median)))
            .collect();
        assert_eq!(
            seen,
            [
                ("a cold", true, Some(5.0)),
                ("a warm", true, Some(1.0)),
                ("b cold", false, None),
                ("b warm", true, Some(2.0))
            ]
        );
    }

    #[test]
    fn what_cannot_be_emptied_is_said() {
        assert!(legend("llvmpipe Mesa 25.0.7").contains("with an empty cache"));
        assert!(legend("radv Mesa 24").contains("with an empty cache"));
        assert!(legend("some driver").contains("may be warm"));
    }
}

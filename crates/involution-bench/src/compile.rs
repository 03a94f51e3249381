//! The suite `compile`: how long the first use of each kernel takes, with an empty cache of the driver's and with what it
//! kept. A process has its driver's cache for as long as it lives, so each sample is a process of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use involution::gpu::Timing;
use involution::models::{self, Model};
use involution::{Error, Gpu, StateDict, Tensor};
use serde::{Deserialize, Serialize};

use crate::adapter::{Flags, Open};
use crate::request::Request;
use crate::row::Row;
use crate::run::Run;
use crate::sampling::{Effort, Sampled, interrupted};
use crate::stats::milliseconds;
use crate::{Outcome, calls, output};

/// Samples that will do after so much time.
const LEAST_SAMPLES: usize = 1;
const ENOUGH: Duration = Duration::from_secs(10);

const NETWORKS: [&str; 3] = ["rednet50", "resnet50", "mobilenet_v2"];

/// What a network's head gives for an input of zeros and weights of zeros, but for its bias: that.
const BIAS: f32 = 0.75;

/// Where drivers are told to keep what they compiled: those of Mesa, and that of NVIDIA on Linux.
const CACHES: [&str; 2] = ["MESA_SHADER_CACHE_DIR", "__GL_SHADER_DISK_CACHE_PATH"];

/// What a process uses for the first time: calls one after the other, or a network.
enum Subject {
    Calls(Vec<String>),
    Network(String),
}

/// What a process found.
#[derive(Serialize, Deserialize)]
struct Firsts {
    rows: Vec<Row>,
}

/// Times what the arguments select: one call of each kind, and the kernels of a network at once.
pub fn measure(open: Open<'_>, args: &Request) -> Result<Run> {
    let calls = calls::all()?.into_iter().filter(|call| call.quick).map(|call| call.name);
    let selected =
        args.selected(calls.chain(NETWORKS.map(str::to_owned)).collect(), String::clone)?;
    let is_network = |name: &String| NETWORKS.contains(&name.as_str());
    let (networks, calls): (Vec<_>, Vec<_>) = selected.into_iter().partition(is_network);
    let mut subjects: Vec<Subject> = networks.into_iter().map(Subject::Network).collect();
    if !calls.is_empty() {
        subjects.insert(0, Subject::Calls(calls));
    }
    let runner = open()?;
    let gpu = runner.device()?;
    let effort = Effort::new(args, LEAST_SAMPLES, ENOUGH);
    let bar = output::progress("compiling");
    bar.set_length(subjects.len() as u64);
    let mut rows = Vec::new();
    for subject in &subjects {
        let (mut pairs, begin) = (Vec::new(), Instant::now());
        while !interrupted() && !effort.is_enough(pairs.len(), begin.elapsed()) {
            let cache = tempfile::tempdir().context("a folder for the driver's cache")?;
            let process = || process(gpu, subject, cache.path());
            match process().and_then(|cold| Ok([cold, process()?])) {
                Ok(pair) => pairs.push(pair),
                // A process that a signal ended has failed, too.
                Err(_) if interrupted() => break,
                Err(error) => return Err(error),
            }
        }
        rows.extend(rows_of(&pairs));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let legend = legend(runner.driver().as_deref().unwrap_or_default());
    Ok(Run { legend, ..Run::new(&runner, None, args, rows) })
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

/// The first uses of a process that keeps what it compiles in this folder.
fn process(gpu: &Gpu, subject: &Subject, cache: &Path) -> Result<Vec<Row>> {
    let mut command = Command::new(std::env::current_exe().context("this program")?);
    command.args(["bench", "--adapter", &gpu.adapter().index.to_string()]);
    match subject {
        Subject::Network(name) => command.args(["first-use", name]),
        Subject::Calls(names) => {
            let filter = names.join(",");
            command.args(["--quick", "--repeat", "1", "--json", "-", "--filter", &filter])
        }
    };
    command.envs(CACHES.map(|name| (name, cache))).env_remove("MESA_SHADER_CACHE_DISABLE");
    let ran = command.output().context("a process of its own")?;
    let said = || String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    let firsts: Firsts = serde_json::from_slice(&ran.stdout)
        .map_err(|_| anyhow!("a process of its own ended with {}: {}", ran.status, said()))?;
    let mut rows = firsts.rows;
    // What an earlier call compiled is not used for the first time, and a text may select more than one call.
    rows.retain(|row| match subject {
        Subject::Calls(names) => !row.checked || (row.compiled > 0 && names.contains(&row.case)),
        Subject::Network(_) => true,
    });
    Ok(rows)
}

/// Two rows for each first use, that of empty caches first.
fn rows_of(pairs: &[[Vec<Row>; 2]]) -> Vec<Row> {
    let mut times: BTreeMap<(usize, usize), (&Row, Vec<Timing>)> = BTreeMap::new();
    for (state, firsts) in pairs.iter().flat_map(|pair| pair.iter().enumerate()) {
        for (place, first) in firsts.iter().enumerate() {
            let entry = times.entry((place, state)).or_insert((first, Vec::new()));
            let wall = Duration::from_secs_f64(first.compile_ms.unwrap_or_default() / 1e3);
            entry.1.push(Timing { dispatches: None, span: None, wall });
            // One that was wrong once is wrong.
            if !first.checked {
                entry.0 = first;
            }
        }
    }
    let rows = times.into_iter().map(|((_, state), (first, runs))| {
        let row = Row {
            op: first.op.clone(),
            case: format!("{} {}", first.case, ["cold", "warm"][state]),
            group: first.group.clone(),
            kernel: first.kernel.clone(),
            ..Row::default()
        };
        let wrong = || first.note.clone().unwrap_or_default();
        let right = first.checked.then_some(()).ok_or_else(wrong);
        row.timed_by_host(Sampled { runs, cpu_ms: None }, right)
    });
    rows.collect()
}

/// What a process does for a network: its first run, from its weights. With zeros for all but the bias of its head, that
/// is its answer.
pub fn first_use(flags: &Flags, name: &str) -> Result<Outcome> {
    let runner = flags.open()?;
    let gpu = runner.device()?;
    let model: Arc<dyn Model> = models::by_name(name, None)?.into();
    let x = model.preprocessing().input(1);
    let plan = model.plan(&x)?;
    let head = plan.weights().iter().rfind(|weight| weight.name.ends_with("bias"));
    let head = head.map(|weight| weight.name.clone());
    let weights = plan.weights().iter().map(|weight| {
        let value = if Some(&weight.name) == head.as_ref() { BIAS } else { 0.0 };
        let tensor = Tensor::filled(weight.shape.clone(), value).map_err(Error::at("weights"))?;
        Ok((weight.name.clone(), tensor))
    });
    let weights: StateDict = weights.collect::<involution::Result<_>>()?;
    let input = Tensor::filled(x.clone(), 0.0).map_err(Error::at("x"))?;
    let start = Instant::now();
    let network = gpu.load_shared(model, weights)?;
    let output = network.run(&input)?;
    let compile_ms = Some(milliseconds(start.elapsed()));
    let checked = !output.data().is_empty() && output.data().iter().all(|&value| value == BIAS);
    let note = (!checked).then(|| "the answer is not the bias of its head".to_owned());
    let dispatches = network.dispatches(&x, &[network.layer().output()])?.len();
    let kernel = Some(output::count(dispatches, "dispatch"));
    let (op, group) = (network.layer().name(), "networks".to_owned());
    let row = Row {
        op,
        group,
        case: name.to_owned(),
        kernel,
        compile_ms,
        checked,
        note,
        ..Row::default()
    };
    output::print(&output::json(&Firsts { rows: vec![row] })?)?;
    Ok(Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cold_stands_beside_warm_and_one_wrong_answer_takes_both_times_away() {
        let first = |case: &str, ms, wrong: Option<&str>| Row {
            case: case.to_owned(),
            compile_ms: Some(ms),
            checked: wrong.is_none(),
            note: wrong.map(str::to_owned),
            ..Row::default()
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
        let rows = rows_of(&pairs);
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

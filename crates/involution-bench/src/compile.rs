//! The suite `compile`: how long the first use of each kernel takes, with an empty cache of the driver's and with what it
//! kept. A process has its driver's cache for as long as it lives, so each sample is a process of its own.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use involution::models::{self, Model};
use involution::{Error, Gpu, StateDict, Tensor};

use crate::adapter::{Flags, Open};
use crate::request::Request;
use crate::row::Row;
use crate::run::Run;
use crate::sampling::{Effort, interrupted};
use crate::stats::milliseconds;
use crate::{Outcome, calls, output};

const NETWORKS: [&str; 3] = ["rednet50", "resnet50", "mobilenet_v2"];

/// What a network's head gives for an input of zeros and weights of zeros, but for its bias: that.
const BIAS: f32 = 0.75;

/// Where drivers are told to keep what they compiled: those of Mesa, and that of NVIDIA on Linux.
const CACHES: [&str; 2] = ["MESA_SHADER_CACHE_DIR", "__GL_SHADER_DISK_CACHE_PATH"];

const LEGEND: &str = "\
cold: with an empty cache of the driver's (Mesa's, NVIDIA's on Linux; another may be warm); warm: with what
the cold process left there. First use: preparing, compiling and one run, of a network also loading zeros as weights.";

/// Times what the arguments select: one call of each kind, and the kernels of a network at once.
pub fn measure(open: Open<'_>, args: &Request) -> Result<Run> {
    let calls = calls::all()?.into_iter().filter(|call| call.quick).map(|call| call.name);
    let all = calls.chain(NETWORKS.map(str::to_owned)).collect();
    let selected = args.selected(all, String::clone)?;
    let is_network = |name: &&String| NETWORKS.contains(&name.as_str());
    let (networks, calls): (Vec<_>, Vec<_>) =
        selected.iter().cloned().partition(|it| is_network(&it));
    // The calls run one after the other in a process, each network in its own.
    let calls = Some(calls.join(",")).filter(|calls| !calls.is_empty());
    let quick = ["--quick", "--repeat", "1", "--json", "-", "--filter"].map(str::to_owned);
    let processes = calls.map(|calls| [&quick[..], &[calls]].concat()).into_iter();
    let networks = networks.into_iter().map(|name| vec!["first-use".to_owned(), name]);
    let processes: Vec<Vec<String>> = processes.chain(networks).collect();
    let runner = open()?;
    let gpu = runner.device()?;
    let effort = Effort::new(args, 1, Duration::from_secs(10));
    let bar = output::progress("compiling", processes.len());
    let mut rows = Vec::new();
    for arguments in &processes {
        let (mut pairs, begin) = (Vec::new(), Instant::now());
        while !interrupted() && !effort.is_enough(pairs.len(), begin.elapsed()) {
            let cache = tempfile::tempdir().context("a folder for the driver's cache")?;
            let process = || process(gpu, arguments, &selected, cache.path());
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
    Ok(Run { legend: LEGEND.to_owned(), ..Run::new(&runner, None, args, rows) })
}

/// The first uses of a process that keeps what it compiles in this folder.
fn process(gpu: &Gpu, args: &[String], selected: &[String], cache: &Path) -> Result<Vec<Row>> {
    let mut command = Command::new(std::env::current_exe().context("this program")?);
    command.args(["bench", "--adapter", &gpu.adapter().index.to_string()]).args(args);
    command.envs(CACHES.map(|name| (name, cache))).env_remove("MESA_SHADER_CACHE_DISABLE");
    let ran = command.output().context("a process of its own")?;
    let said = || String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    let mut run: Run = serde_json::from_slice(&ran.stdout)
        .map_err(|_| anyhow!("a process of its own ended with {}: {}", ran.status, said()))?;
    // What an earlier call compiled is not used for the first time, and a text may select more than one call.
    run.rows.retain(|row| !row.checked || (row.compiled > 0 && selected.contains(&row.case)));
    Ok(run.rows)
}

/// Two rows for each first use, that of empty caches first.
fn rows_of(pairs: &[[Vec<Row>; 2]]) -> Vec<Row> {
    let places = 0..pairs.first().map_or(0, |[cold, _]| cold.len());
    let both = places.flat_map(|place| [(place, 0, "cold"), (place, 1, "warm")]);
    let rows = both.filter_map(|(place, state, name)| {
        let runs: Vec<&Row> = pairs.iter().filter_map(|pair| pair[state].get(place)).collect();
        // One that was wrong once is wrong.
        let wrong = runs.iter().find(|row| !row.checked);
        let wrong = wrong.map_or(Ok(()), |row| Err(row.note.clone().unwrap_or_default()));
        let times = runs.iter().filter_map(|row| row.compile_ms).collect();
        let Row { op, group, case, kernel, .. } = (*runs.first()?).clone();
        let row = Row { op, group, case: format!("{case} {name}"), kernel, ..Row::default() };
        Some(row.timed_by_host(times, wrong))
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
    let run = Run::new(&runner, None, &Request::default(), vec![row]);
    output::print(&output::json(&run)?)?;
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
}

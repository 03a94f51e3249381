//! This library as `benches/peers/run.py` asks it, a line of JSON each way, as it asks the others.

use std::fs;
use std::io::{BufRead, stdin};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use involution::{Gpu, Tensor};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::adapter::Flags;
use crate::stats::milliseconds;
use crate::subject::Subject;
use crate::workload::Workload;
use crate::{Outcome, layers, output, tensors};

/// A call that is shorter is run once untimed at the beginning of a turn: the others have filled the caches. Peers do
/// the same.
const SHORT: Duration = Duration::from_millis(100);

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
enum Request {
    /// To write the inputs and weights of a row into a file: `input.0`, `input.1`, and `weight.` before names.
    Export { workload: String, files: PathBuf },
    /// To run a row, to warm up, and to write its answer, floats with the low byte first.
    Load { workload: String, answer: PathBuf },
    /// To run it once more.
    Sample,
    /// To forget it.
    Drop,
}

/// Answers until nobody asks any more.
pub fn run(flags: &Flags) -> Result<Outcome> {
    let runner = flags.open()?;
    let gpu = runner.device()?;
    let all = layers::peers()?;
    let mut loaded = None;
    output::print(&format!("{}\n", json!({"version": format!("involution on {runner}")})))?;
    for line in stdin().lock().lines() {
        let request = serde_json::from_str(&line?).context("no request");
        let reply = request.and_then(|request| answer(gpu, &all, request, &mut loaded));
        let reply = reply.unwrap_or_else(|error| json!({"error": format!("{error:#}")}));
        output::print(&format!("{reply}\n"))?;
    }
    Ok(Outcome::Passed)
}

fn answer<'a>(
    gpu: &Gpu,
    all: &'a [Workload],
    request: Request,
    loaded: &mut Option<Subject<'a>>,
) -> Result<Value> {
    let known = |name: &str| {
        let found = all.iter().find(|workload| workload.name == name);
        found.ok_or_else(|| anyhow!("there is no row {name}"))
    };
    match request {
        Request::Export { workload, files } => export(gpu, known(&workload)?, &files)?,
        Request::Load { workload, answer } => {
            *loaded = None;
            let row = known(&workload)?;
            let subject = Subject::new(gpu, row, &row.weights(gpu)?)?;
            let output = subject.output()?;
            let bytes = output.data().iter().flat_map(|value| value.to_le_bytes());
            fs::write(&answer, bytes.collect::<Vec<u8>>()).context(answer.display().to_string())?;
            *loaded = Some(subject);
            return Ok(json!({"shape": output.shape().dims(), "tolerance": row.tolerance}));
        }
        Request::Sample => {
            let subject = loaded.as_ref().context("nothing is loaded")?;
            if subject.once < SHORT {
                subject.host_to_host()?;
            }
            return Ok(json!({"ms": milliseconds(subject.host_to_host()?.wall)}));
        }
        Request::Drop => *loaded = None,
    }
    Ok(json!({}))
}

fn export(gpu: &Gpu, workload: &Workload, files: &Path) -> Result<()> {
    let (inputs, weights) =
        (workload.inputs(involution::tensor::DType::F32)?, workload.weights(gpu)?);
    let inputs = inputs.iter().zip(0..).map(|(input, at)| (format!("input.{at}"), input));
    let weights = weights.iter().map(|(name, weight)| (format!("weight.{name}"), weight));
    let named: Vec<(String, &Tensor)> = inputs.chain(weights).collect();
    let named = named.iter().map(|(name, tensor)| (name.as_str(), *tensor));
    tensors::write(&files.with_extension("safetensors"), named)
}

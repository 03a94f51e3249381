//! Another library in a process of its own: a line of JSON asks, a line of JSON answers. It cannot take the benchmark
//! with it: one that ends, hangs or says nonsense is an error in words.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a library may take to be there, or to load a model and warm up; and for anything else.
const LOAD: Duration = Duration::from_secs(120);
const ANSWER: Duration = Duration::from_secs(60);

/// How a peer is started.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub name: String,
    pub command: Vec<String>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Seconds that it may take to load a model, where that is more than usual.
    #[serde(default)]
    pub patience_s: Option<u64>,
}

impl Entry {
    fn patience(&self) -> Duration {
        self.patience_s.map_or(LOAD, Duration::from_secs)
    }
}

/// What a peer is asked.
#[derive(Debug, Serialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub enum Request<'a> {
    /// To load the model of these files, which differ in what follows the name, to warm up, and to write its answer.
    Load { files: &'a Path, answer: &'a Path },
    /// To run once more.
    Sample,
    /// To forget the model.
    Drop,
}

/// What it says: which library it is when it is there, and then to each request what belongs to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reply {
    pub version: Option<String>,
    pub error: Option<String>,
    pub first_ms: Option<f64>,
    /// Of the answer, whose values are a file of floats, the low byte first.
    pub shape: Vec<usize>,
    pub ms: Option<f64>,
}

/// A peer, which runs from the first question on, and again after it failed.
#[derive(Debug)]
pub struct Worker {
    entry: Entry,
    /// What it writes to stderr.
    log: PathBuf,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    requests: ChildStdin,
    replies: Receiver<String>,
    version: Option<String>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Worker {
    pub fn new(entry: Entry, folder: &Path) -> Self {
        let log = folder.join(format!("{}.log", entry.name));
        Worker { entry, log, process: None }
    }

    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// The library, as it named itself.
    pub fn version(&self) -> Option<String> {
        self.process.as_ref()?.version.clone()
    }

    /// Asks, and waits for the reply. A process that gave none is ended.
    pub fn ask(&mut self, request: &Request<'_>) -> Result<Reply, String> {
        let mut process = match self.process.take() {
            Some(process) => process,
            None => self.start()?,
        };
        let limit = match request {
            Request::Load { .. } => self.entry.patience(),
            _ => ANSWER,
        };
        let reply = process.ask(request, limit).map_err(|error| self.explained(&error))?;
        self.process = Some(process);
        match reply.error {
            Some(error) => Err(error),
            None => Ok(reply),
        }
    }

    fn start(&self) -> Result<Process, String> {
        let Some((program, arguments)) = self.entry.command.split_first() else {
            return Err("it has no command".to_owned());
        };
        let log =
            File::create(&self.log).map_err(|error| format!("{}: {error}", self.log.display()))?;
        let mut command = Command::new(program);
        command.args(arguments).envs(&self.entry.environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // Ctrl-C is for the benchmark, which ends its peers by itself.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let (Some(requests), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{program}: no pipe"));
        };
        let (sender, replies) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut process = Process { child, requests, replies, version: None };
        let hello = process.reply(LOAD).map_err(|error| self.explained(&error))?;
        process.version = hello.version;
        Ok(process)
    }

    /// An error with the last thing that the process said.
    fn explained(&self, error: &str) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        match log.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{error}: {}", line.trim()),
            None => error.to_owned(),
        }
    }
}

impl Process {
    fn ask(&mut self, request: &Request<'_>, limit: Duration) -> Result<Reply, String> {
        let line = serde_json::to_string(request).map_err(|error| error.to_string())?;
        // One that does not listen any more has ended, which is what waiting for it says.
        let _ = writeln!(self.requests, "{line}").and_then(|()| self.requests.flush());
        self.reply(limit)
    }

    fn reply(&mut self, limit: Duration) -> Result<Reply, String> {
        let line = self.replies.recv_timeout(limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("no answer within {} s", limit.as_secs()),
            RecvTimeoutError::Disconnected => match self.child.wait() {
                Ok(status) => format!("it ended, {status}"),
                Err(error) => format!("it ended, {error}"),
            },
        })?;
        serde_json::from_str(&line).map_err(|_| format!("not an answer: {line}"))
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn asked(script: &str) -> Result<(Reply, Option<String>), String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let environment = BTreeMap::new();
        let entry = Entry { name: "x".to_owned(), command, environment, patience_s: Some(60) };
        let mut worker = Worker::new(entry, folder.path());
        let reply = worker.ask(&Request::Sample)?;
        Ok((reply, worker.version()))
    }

    #[test]
    fn a_peer_says_who_it_is_and_then_answers() -> Result<(), String> {
        let script = r#"echo '{"version": "peer 1"}'; read line; echo '{"ms": 2.5, "new": 1}'"#;
        let (reply, version) = asked(script)?;
        assert_eq!((reply.ms, version.as_deref()), (Some(2.5), Some("peer 1")));
        Ok(())
    }

    #[test]
    fn whatever_goes_wrong_is_an_error_in_words() {
        let hello = r#"echo '{"version": "peer 1"}'; read line; "#;
        for (script, part) in [
            ("echo 'no module' >&2; exit 3", "3: no module"),
            ("echo hello", "not an answer: hello"),
            (&format!("{hello} exit 4"), "4"),
            (&format!(r#"{hello} echo '{{"error": "no such operator"}}'"#), "no such operator"),
        ] {
            let error = asked(script).map(|_| ()).err().unwrap_or_default();
            assert!(error.contains(part), "{script}: {error}");
        }
    }
}

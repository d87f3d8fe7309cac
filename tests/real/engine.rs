//! The real binary without a screen, used as an operator's script uses it.

use pilothouse::lab::Lab;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// Whatever is awaited has happened by then.
const DEADLINE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The words of `run` that take a rollout through every stage.
pub const TO_THE_END: [&str; 3] = ["--allow-contract", "--confirm", "balance-cents"];

/// Waits until a condition holds; fails the test when it never does.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < DEADLINE, "never came: {what}");
        // Asks again whether it holds: servers and files tell nobody.
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self}"))
    }

    /// The exit code was this one.
    #[track_caller]
    pub fn is(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// It said this, on either stream.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let said = self.out.contains(text) || self.err.contains(text);
        assert!(said, "{text:?} is not in {self}");
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, out, err } = self;
        write!(f, "exit code {code}\n--- stdout\n{out}\n--- stderr\n{err}")
    }
}

/// An operator of one fleet and one migration.
#[derive(Clone)]
pub struct Operator {
    pub fleet: PathBuf,
    pub migration: PathBuf,
    pub store: PathBuf,
}

impl Operator {
    /// Of a lab, with quicker rules: each pair replaces a line of its fleet
    /// file.
    pub fn of(lab: &Lab, rules: &[(&str, &str)]) -> Self {
        let fleet = lab.fleet_file();
        let mut text = std::fs::read_to_string(&fleet).unwrap();
        for (line, instead) in rules {
            assert!(text.contains(line), "{line} is not in {text}");
            text = text.replace(line, instead);
        }
        std::fs::write(&fleet, text).unwrap();
        let example = "config/examples/pgbench-balance-cents.toml";
        Self {
            fleet,
            migration: Path::new(env!("CARGO_MANIFEST_DIR")).join(example),
            store: lab.layout().store(),
        }
    }

    /// The same fleet with the example migration changed: `more` is put
    /// before its operations.
    pub fn with_migration(&self, directory: &Path, name: &str, more: &str) -> Self {
        let text = std::fs::read_to_string(&self.migration).unwrap();
        let text = text.replacen("[[operation]]", &format!("{more}\n[[operation]]"), 1);
        let migration = directory.join(name);
        std::fs::write(&migration, text).unwrap();
        Self {
            migration,
            ..self.clone()
        }
    }

    fn command(&self, verb: &[&str], more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
        command.args(verb).arg("--fleet").arg(&self.fleet);
        if matches!(verb, ["run" | "plan", ..]) {
            command.arg("--migration").arg(&self.migration);
        }
        command.args(more).stdin(Stdio::null()).kill_on_drop(true);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub async fn pilothouse(&self, verb: &str, more: &[&str]) -> Ended {
        let work = self.command(&[verb], more).output();
        let output = tokio::time::timeout(DEADLINE, work).await;
        let output = output
            .unwrap_or_else(|_| panic!("{verb} {more:?} does not end"))
            .unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// `run --headless --promote auto` to its end.
    pub async fn run_auto(&self, more: &[&str]) -> Ended {
        self.start_auto(more).ended().await
    }

    /// The same in the background.
    pub fn start_auto(&self, more: &[&str]) -> Running {
        let words = ["--headless", "--promote", "auto"];
        let all: Vec<&str> = words.iter().chain(more).copied().collect();
        Running::of(self.command(&["run"], &all))
    }

    /// The id of the rollout, as `plan --json` tells it.
    pub async fn rollout_id(&self) -> String {
        let plan = self.pilothouse("plan", &["--json"]).await.is(0).json();
        plan["rollout"].as_str().unwrap().to_owned()
    }

    /// Head of the journal and verdict over it.
    pub async fn verify_journal(&self, head: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
        command.args(["journal", "verify"]).arg(&self.store);
        let output = command.args(["--since", head]).output().await.unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// An engine at work.
pub struct Running {
    child: Child,
    out: JoinHandle<String>,
    err: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Running {
    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let err = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&err);
        let reader = tokio::spawn(async move {
            let mut piece = [0u8; 4096];
            while let Ok(n @ 1..) = stderr.read(&mut piece).await {
                let text = String::from_utf8_lossy(&piece[..n]);
                heard.lock().unwrap().push_str(&text);
            }
        });
        let out = tokio::spawn(async move {
            let mut all = String::new();
            stdout.read_to_string(&mut all).await.unwrap();
            all
        });
        Self {
            child,
            out,
            err,
            reader,
        }
    }

    /// What it has said on stderr so far.
    pub fn said(&self) -> String {
        self.err.lock().unwrap().clone()
    }

    /// Waits until it has said this.
    pub async fn says(&mut self, text: &str) {
        let started = Instant::now();
        while !self.said().contains(text) {
            let over = self.child.try_wait().unwrap();
            let late = started.elapsed() > DEADLINE;
            let said = self.said();
            assert!(over.is_none() && !late, "never said {text:?}: {said}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends a signal to this one process.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> Ended {
        let status = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("does not end: {}", self.said()));
        self.reader.await.unwrap();
        let err = self.err.lock().unwrap().clone();
        Ended {
            code: status.unwrap().code().unwrap_or(-1),
            out: self.out.await.unwrap(),
            err,
        }
    }
}

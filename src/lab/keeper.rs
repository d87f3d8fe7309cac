//! A lab in a process of its own.
//!
//! The keeper raises what the record in its directory asks for, holds the
//! servers as direct children and listens on `keeper.sock`. It restarts
//! nothing by itself. It ends on SIGTERM, SIGINT or `shutdown`; its files stay
//! for whoever takes the lab down.

use super::control::{Answer, Request};
use super::handle::obey;
use super::servers::{Servers, StopMode};
use super::teardown::{self, Down};
use super::writer::{Forms, KeyClass, Writer, WriterSpec};
use super::{Binaries, LabError, LabRecord, LabSpec, Layout, Load, binaries, build, layout, sql};
use crate::base::{ShardName, Untrusted};
use crate::flags::ProcessMark;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Command;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// The one line that a keeper says to whoever started it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The lab stands.
    Ready,
    /// It does not, and nothing of it runs.
    Failed(Untrusted),
}

/// Claims the directory, starts a keeper process with `command` (to which the
/// directory is added) and waits for its report. On failure nothing of the
/// lab runs and what it made is removed.
pub async fn launch(spec: LabSpec, command: &[OsString]) -> Result<Layout, LabError> {
    // Asked here as well, so that nothing is touched when they are missing.
    Binaries::locate()?;
    let (layout, _) = sql::aside(move || build::claim(&spec)).await?;
    match hear(&layout, command).await {
        Ok(Report::Ready) => Ok(layout),
        Ok(Report::Failed(why)) => fail(&layout, why).await,
        Err(err) => fail(&layout, Untrusted::new(err.to_string())).await,
    }
}

async fn fail(layout: &Layout, why: Untrusted) -> Result<Layout, LabError> {
    let cause = LabError::Keeper(why);
    match teardown::down(layout.root()).await? {
        Down::Left(left) => Err(LabError::Leftovers {
            cause: Box::new(cause),
            left,
        }),
        Down::NothingThere | Down::Removed => Err(cause),
    }
}

/// Starts the keeper and reads its report. Other lines are not for us.
async fn hear(layout: &Layout, command: &[OsString]) -> Result<Report, LabError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(LabError::Spec("a keeper needs a program"));
    };
    let path = layout.keeper_log();
    let log = fs::File::create(&path).map_err(LabError::io("make", &path))?;
    let mut child = Command::new(program)
        .args(arguments)
        .arg(layout.root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(LabError::io("start", Path::new(program)))?;
    if let Some(out) = child.stdout.take() {
        let mut lines = BufReader::new(out).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Ok(report) = serde_json::from_str(&line) {
                return Ok(report);
            }
        }
    }
    let words = fs::read(&path).unwrap_or_default();
    Ok(Report::Failed(binaries::tail_of(&words)))
}

/// Raises the claimed lab in `directory` and keeps it until told to end. Says
/// one [`Report`] on standard output.
pub async fn run(directory: &Path) -> Result<(), LabError> {
    // A closed terminal must not take the lab with it. Refused only when this
    // process leads a group already, and then it is out of reach as well.
    let _ = rustix::process::setsid();
    let layout = Layout::new(directory);
    let outcome = stand(&layout).await;
    let report = match &outcome {
        Ok(_) => Report::Ready,
        Err(err) => Report::Failed(Untrusted::new(err.to_string())),
    };
    say(&report);
    outcome?.serve().await
}

/// Whoever asked may have gone; that changes nothing.
fn say(report: &Report) {
    if let Ok(line) = serde_json::to_string(report) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}");
        let _ = out.flush();
    }
}

struct Keeper {
    servers: Arc<Servers>,
    record: Arc<LabRecord>,
    listener: UnixListener,
    writers: Vec<Writer>,
    terminate: Signal,
    interrupt: Signal,
}

async fn stand(layout: &Layout) -> Result<Keeper, LabError> {
    let record = layout.read_record()?;
    if let Some(mark) = ProcessMark::own() {
        layout::write_json(&layout.keeper_mark(), &mark)?;
    }
    let socket = layout.keeper_socket();
    // From here on the signals no longer end the process without its servers.
    let on = |kind| signal(kind).map_err(LabError::io("watch signals for", layout.root()));
    let (mut terminate, mut interrupt) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let raising = build::raise(layout, record);
    let (servers, record) = tokio::select! {
        raised = raising => raised?,
        _ = terminate.recv() => return Err(LabError::Closing),
        _ = interrupt.recv() => return Err(LabError::Closing),
    };
    let listener = UnixListener::bind(&socket).map_err(LabError::io("listen on", &socket))?;
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))
        .map_err(LabError::io("close to others", &socket))?;
    let writers = start_writers(layout, &record)?;
    Ok(Keeper {
        servers,
        record: Arc::new(record),
        listener,
        writers,
        terminate,
        interrupt,
    })
}

fn start_writers(layout: &Layout, record: &LabRecord) -> Result<Vec<Writer>, LabError> {
    let Load::Writers { rate_per_s } = record.spec.load else {
        return Ok(Vec::new());
    };
    let start = |shard: &str| {
        let name = ShardName::new(shard).map_err(|_| LabError::NoServer(shard.to_owned()))?;
        let addresses = super::read_shard(&layout.fleet_file(), &name)?;
        Writer::start(WriterSpec {
            rate_per_s,
            forms: Forms::Auto(addresses.flags),
            keys: record.spec.fill.accounts(),
            ..WriterSpec::new(
                name,
                addresses.candidates,
                layout.ledger(shard),
                KeyClass::WHOLE,
            )
        })
    };
    record.shards().map(start).collect()
}

impl Keeper {
    async fn serve(mut self) -> Result<(), LabError> {
        let told = Arc::new(Notify::new());
        loop {
            tokio::select! {
                taken = self.listener.accept() => {
                    if let Ok((stream, _)) = taken {
                        let (servers, record) = (Arc::clone(&self.servers), Arc::clone(&self.record));
                        let told = Arc::clone(&told);
                        tokio::spawn(converse(stream, servers, record, told));
                    }
                }
                () = told.notified() => break,
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
            }
        }
        let servers = self.servers;
        let ended = sql::aside(move || {
            servers.shutdown(StopMode::Fast);
            Ok(())
        })
        .await;
        // After the servers: a writer may wait for one that is frozen.
        for writer in self.writers {
            writer.kill().await;
        }
        ended
    }
}

/// One connection: a request per line, an answer per line.
async fn converse(
    stream: UnixStream,
    servers: Arc<Servers>,
    record: Arc<LabRecord>,
    told: Arc<Notify>,
) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let request = serde_json::from_str::<Request>(&line);
        let ends = matches!(request, Ok(Request::Shutdown));
        let answer = match request {
            Ok(Request::Status) => Answer::Status(servers.status()),
            Ok(request) => match obey(&servers, &record, request).await {
                Ok(()) => Answer::Done,
                Err(err) => Answer::Refused(Untrusted::new(err.to_string())),
            },
            Err(err) => Answer::Refused(Untrusted::new(err.to_string())),
        };
        let mut text = serde_json::to_vec(&answer).unwrap_or_default();
        text.push(b'\n');
        // An asker that has gone needs no answer, but its order stands.
        let heard = writer.write_all(&text).await;
        if ends {
            told.notify_one();
        }
        if heard.is_err() {
            return;
        }
    }
}

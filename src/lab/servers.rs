//! The servers as direct children: start, kill, freeze, thaw, reap.
//!
//! Blocking; callers in async code go through a blocking thread. A server
//! that ends by itself is reaped and stays down.

use super::spawner::Spawner;
use super::{Account, Binaries, LabError, LabRecord, Layout, layout};
use crate::base::Untrusted;
use crate::flags::ProcessMark;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to end after it was asked nicely.
const FAST_STOP_MAX: Duration = Duration::from_secs(10);
/// How long the rest of a killed server may take to vanish.
const VANISH_MAX: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

/// What a server is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// It runs.
    Running,
    /// All its processes are stopped; nothing answers, nothing is closed.
    Frozen,
    /// It does not run.
    Down,
}

impl ServerState {
    /// The word for screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Frozen => "frozen",
            Self::Down => "down",
        }
    }
}

/// One line of a status answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerStatus {
    /// The server.
    pub name: String,
    /// What it is doing.
    pub state: ServerState,
    /// Its first process, while it has one.
    pub pid: Option<u32>,
    /// Its port.
    pub port: u16,
}

/// How servers are asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopMode {
    /// Sessions are ended, then a clean shutdown.
    Fast,
    /// At once, but without leaving shared memory behind.
    Immediate,
}

/// The servers of a lab, as children of this process.
pub(super) struct Servers {
    binaries: Binaries,
    account: Account,
    layout: Layout,
    spawner: Spawner,
    table: Mutex<Table>,
}

struct Table {
    closing: bool,
    slots: BTreeMap<String, Slot>,
}

struct Slot {
    port: u16,
    running: Option<Running>,
}

struct Running {
    child: Child,
    mark: ProcessMark,
    frozen: bool,
}

impl Servers {
    pub(super) fn new(
        binaries: Binaries,
        account: Account,
        layout: Layout,
        record: &LabRecord,
    ) -> Result<Self, LabError> {
        let slot = |port| Slot {
            port,
            running: None,
        };
        let slots = record
            .servers
            .iter()
            .map(|s| (s.name.clone(), slot(s.port)));
        Ok(Self {
            binaries,
            account,
            layout,
            spawner: Spawner::new()?,
            table: Mutex::new(Table {
                closing: false,
                slots: slots.collect(),
            }),
        })
    }

    pub(super) fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A change of the table is complete before anything can panic.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a server that is down; returns before it takes connections.
    pub(super) fn spawn(&self, name: &str) -> Result<(), LabError> {
        let mut table = self.lock();
        if table.closing {
            return Err(LabError::Closing);
        }
        let slot = table.slot(name)?;
        slot.expect(name, "started", ServerState::Down)?;
        let child = self
            .spawner
            .spawn(self.server_command(name, slot.port)?)
            .map_err(LabError::io("start", &self.binaries.path("postgres")))?;
        let mark = match ProcessMark::of(child.id()) {
            Some(mark) => mark,
            // Ended already; the pid stays ours until it is reaped.
            None => ProcessMark {
                pid: child.id(),
                start_ticks: 0,
            },
        };
        slot.running = Some(Running {
            child,
            mark,
            frozen: false,
        });
        layout::write_json(&self.layout.mark(name), &mark)
    }

    fn server_command(&self, name: &str, port: u16) -> Result<Command, LabError> {
        let path = self.layout.log(name);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(LabError::io("open", &path))?;
        let errors = log.try_clone().map_err(LabError::io("open", &path))?;
        let home = self.layout.server(name);
        let program = self.binaries.path("postgres");
        let mut command = self.spawner.command(&program, &self.account, &home);
        command.arg("-D").arg(self.layout.data(name));
        command.args([
            "-p",
            &port.to_string(),
            "-c",
            &format!("cluster_name={name}"),
        ]);
        command.arg("-k");
        match self.layout.socket_directory(name) {
            Some(directory) => command.arg(directory),
            None => command.arg(""),
        };
        command.stdout(log).stderr(errors);
        Ok(command)
    }

    /// Ends a server the hard way: every one of its processes at once, as
    /// when a machine stops. A frozen one can be killed too.
    pub(super) fn kill(&self, name: &str) -> Result<(), LabError> {
        let mut table = self.lock();
        let slot = table.slot(name)?;
        slot.look();
        let Some(running) = slot.running.take() else {
            return Err(slot.wrong(name, "killed"));
        };
        kill_all(running);
        let _ = fs::remove_file(self.layout.mark(name));
        Ok(())
    }

    /// Stops every process of a server where it stands.
    pub(super) fn freeze(&self, name: &str) -> Result<(), LabError> {
        let mut table = self.lock();
        let slot = table.slot(name)?;
        slot.expect(name, "frozen", ServerState::Running)?;
        if let Some(running) = &mut slot.running {
            // The first process first: it starts no other one after that.
            signal(running.mark, Signal::STOP);
            for process in running.mark.children() {
                signal(process, Signal::STOP);
            }
            running.frozen = true;
        }
        Ok(())
    }

    /// Lets a frozen server go on.
    pub(super) fn thaw(&self, name: &str) -> Result<(), LabError> {
        let mut table = self.lock();
        let slot = table.slot(name)?;
        slot.expect(name, "thawed", ServerState::Frozen)?;
        if let Some(running) = &mut slot.running {
            running.thaw();
        }
        Ok(())
    }

    pub(super) fn state(&self, name: &str) -> Result<ServerState, LabError> {
        Ok(self.lock().slot(name)?.look())
    }

    pub(super) fn status(&self) -> Vec<ServerStatus> {
        let mut table = self.lock();
        let lines = table.slots.iter_mut().map(|(name, slot)| ServerStatus {
            name: name.clone(),
            state: slot.look(),
            pid: slot.running.as_ref().map(|running| running.mark.pid),
            port: slot.port,
        });
        lines.collect()
    }

    /// The last lines of a server's log.
    pub(super) fn last_words(&self, name: &str) -> Untrusted {
        let log = fs::read(self.layout.log(name)).unwrap_or_default();
        super::binaries::tail_of(&log)
    }

    /// Ends every server and lets none start again. Twice is fine.
    pub(super) fn shutdown(&self, mode: StopMode) {
        let mut table = self.lock();
        table.closing = true;
        let word = match mode {
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        };
        let mut leaving: Vec<Running> = Vec::new();
        for (name, slot) in &mut table.slots {
            slot.look();
            leaving.extend(slot.running.take());
            let _ = fs::remove_file(self.layout.mark(name));
        }
        for running in &mut leaving {
            running.thaw();
            signal(running.mark, word);
        }
        let deadline = Instant::now() + FAST_STOP_MAX;
        for mut running in leaving {
            while matches!(running.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                thread::sleep(POLL);
            }
            kill_all(running);
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.shutdown(StopMode::Immediate);
    }
}

impl Table {
    fn slot(&mut self, name: &str) -> Result<&mut Slot, LabError> {
        let found = self.slots.get_mut(name);
        found.ok_or_else(|| LabError::NoServer(name.to_owned()))
    }
}

impl Slot {
    /// What the server is doing now; one that has ended is reaped here.
    fn look(&mut self) -> ServerState {
        let Some(running) = &mut self.running else {
            return ServerState::Down;
        };
        match running.child.try_wait() {
            Ok(None) if running.frozen => ServerState::Frozen,
            Ok(None) => ServerState::Running,
            Ok(Some(_)) | Err(_) => {
                self.running = None;
                ServerState::Down
            }
        }
    }

    fn expect(
        &mut self,
        name: &str,
        wanted: &'static str,
        state: ServerState,
    ) -> Result<(), LabError> {
        match self.look() == state {
            true => Ok(()),
            false => Err(self.wrong(name, wanted)),
        }
    }

    fn wrong(&mut self, name: &str, wanted: &'static str) -> LabError {
        LabError::WrongState {
            name: name.to_owned(),
            state: self.look().word(),
            wanted,
        }
    }
}

impl Running {
    fn thaw(&mut self) {
        if std::mem::take(&mut self.frozen) {
            for process in self.mark.children() {
                signal(process, Signal::CONT);
            }
            signal(self.mark, Signal::CONT);
        }
    }
}

/// Kills a server with all its processes, reaps it and waits until the last
/// of them has let go of the data directory.
fn kill_all(mut running: Running) {
    if let Ok(Some(_)) = running.child.try_wait() {
        return;
    }
    // Stopped first, so that the list of its processes is complete.
    signal(running.mark, Signal::STOP);
    let rest = running.mark.children();
    let _ = running.child.kill();
    for process in &rest {
        signal(*process, Signal::KILL);
    }
    let _ = running.child.wait();
    let deadline = Instant::now() + VANISH_MAX;
    while rest.iter().any(|process| process.is_alive()) && Instant::now() < deadline {
        thread::sleep(POLL);
    }
}

/// Signals exactly this process, never a later one with its pid.
pub(super) fn signal(process: ProcessMark, signal: Signal) {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    if let (true, Some(pid)) = (process.is_alive(), pid) {
        // It may end just now; then there is nobody left to tell.
        let _ = kill_process(pid, signal);
    }
}

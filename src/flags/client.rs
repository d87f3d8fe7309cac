//! The application's side of the built-in provider: watches the flags and
//! says what it has seen.
//!
//! A version counts as seen only when no statement that was decided under an
//! older one is still on its way: that is what makes "seen back" a licence to
//! drop a trigger.

use super::file::{ClientFile, FileFlags, FlagFile, now_ms, replace};
use super::form::{ReadForm, WriteForm};
use super::presence::ProcessMark;
use super::provider::FlagVersion;
use crate::base::ShardName;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How often the flags are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often the client says that it is there.
const SPEAK_EVERY: Duration = Duration::from_secs(1);

/// Who a client is.
#[derive(Clone, Debug)]
pub struct ClientSpec {
    /// Unique among the clients; letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// The directory of the flags.
    pub directory: PathBuf,
    /// The shards it works on.
    pub shards: Vec<ShardName>,
}

/// Why a client could not register.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The id cannot be a file name.
    #[error(
        "a flag client's id has letters, digits, '-', '_' and '.', starts with a letter or digit and is at most 64 long"
    )]
    Id,
    /// The first registration could not be written.
    #[error("could not register as a flag client in {}: {source}", .path.display())]
    Register {
        /// The client's file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A registered client. Dropping it takes its registration away.
#[derive(Debug)]
pub struct Client {
    shared: Arc<Shared>,
    watcher: JoinHandle<()>,
}

/// What to do for one key. Keep it until the statement's outcome is known.
#[derive(Debug)]
pub struct Decision {
    /// The form to read.
    pub read: ReadForm,
    /// The form to write.
    pub write: WriteForm,
    version: FlagVersion,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    flags: FileFlags,
    spec: ClientSpec,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: FlagFile,
    /// Decisions not yet dropped, by the version they were made under.
    open: BTreeMap<FlagVersion, usize>,
    /// The client has left and must not write its file again.
    left: bool,
}

impl Client {
    /// Reads the flags, registers and keeps watching. Needs a tokio runtime.
    pub fn register(spec: ClientSpec) -> Result<Self, ClientError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let starts_well = spec.id.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts_well || !spec.id.chars().all(plain) || spec.id.len() > 64 {
            return Err(ClientError::Id);
        }
        let flags = FileFlags::new(&spec.directory);
        let file = flags.load().unwrap_or_default();
        let shared = Arc::new(Shared {
            flags,
            spec,
            state: Mutex::new(State {
                file,
                ..State::default()
            }),
        });
        let path = shared.path();
        let said = shared.seen();
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| shared.say(said))
            .map_err(|source| ClientError::Register { path, source })?;
        let watcher = tokio::spawn(watch(Arc::clone(&shared), said));
        Ok(Self { shared, watcher })
    }

    /// The forms for a key, held as a decision until it is dropped.
    pub fn decide(&self, shard: &ShardName, key: &str) -> Decision {
        let mut state = self.shared.lock();
        let (read, write) = state.file.share(shard).forms(key);
        let version = state.file.version;
        *state.open.entry(version).or_default() += 1;
        Decision {
            read,
            write,
            version,
            shared: Arc::clone(&self.shared),
        }
    }

    /// The forms for a key now. Nothing is held: the caller must not act on
    /// it later. Prefer [`decide`](Self::decide).
    pub fn form(&self, shard: &ShardName, key: &str) -> (ReadForm, WriteForm) {
        self.shared.lock().file.share(shard).forms(key)
    }

    /// The newest version that this client fully follows.
    pub fn version_seen(&self) -> FlagVersion {
        self.shared.seen()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.watcher.abort();
        self.shared.lock().left = true;
        // A file left behind only delays until the client counts as gone.
        let _ = fs::remove_file(self.shared.path());
    }
}

impl Drop for Decision {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(count) = state.open.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                state.open.remove(&self.version);
            }
        }
    }
}

impl Shared {
    /// Every change under this lock is complete in itself, so a panic of
    /// another thread leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self) -> PathBuf {
        self.flags.client_path(&self.spec.id)
    }

    fn seen(&self) -> FlagVersion {
        let state = self.lock();
        let oldest_open = state.open.keys().next().copied();
        oldest_open.map_or(state.file.version, |open| open.min(state.file.version))
    }

    fn say(&self, version_seen: FlagVersion) -> std::io::Result<()> {
        let own = ProcessMark::own();
        let file = ClientFile {
            id: self.spec.id.clone(),
            pid: std::process::id(),
            start_ticks: own.map(|mark| mark.start_ticks),
            version_seen,
            at_ms: now_ms(),
            shards: self.spec.shards.clone(),
        };
        // Under the lock, so that leaving and speaking cannot cross.
        let state = self.lock();
        match state.left {
            true => Ok(()),
            false => replace(&self.path(), &file),
        }
    }
}

/// Follows the flags. What cannot be read is not followed and not
/// acknowledged: the last flags stay in force and the engine sees a client
/// that is behind.
async fn watch(shared: Arc<Shared>, mut said: FlagVersion) {
    let mut said_at = Instant::now();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        if let Ok(file) = shared.flags.load() {
            shared.lock().file = file;
        }
        let seen = shared.seen();
        let due = seen != said || said_at.elapsed() + LOOK_EVERY >= SPEAK_EVERY;
        if due && shared.say(seen).is_ok() {
            said = seen;
            said_at = Instant::now();
        }
    }
}

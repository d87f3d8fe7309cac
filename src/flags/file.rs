//! The built-in provider: one file of flags and one file per client, all in
//! one directory of this machine.
//!
//! `flags.json` is replaced as a whole (written beside, synced, renamed,
//! directory synced), so a reader sees the old or the new flags and nothing
//! in between. Setters of several processes take turns by a lock file.

use super::form::Share;
use super::presence::ProcessMark;
use super::provider::{FlagError, FlagProvider, FlagVersion, Seen};
use crate::base::{ShardName, Untrusted};
use futures_util::future::BoxFuture;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A client whose last word is older than this is silent.
const SILENT_AFTER: Duration = Duration::from_secs(10);

const FLAGS_FILE: &str = "flags.json";
const CLIENTS_DIRECTORY: &str = "clients";

/// Flags in a directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FileFlags {
    directory: PathBuf,
}

/// The content of `flags.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlagFile {
    pub(super) version: FlagVersion,
    pub(super) shards: BTreeMap<ShardName, ShardFlag>,
}

/// One shard in `flags.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShardFlag {
    reads: u8,
    writes: u8,
    stickiness: Stickiness,
}

/// What keeps a key in its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stickiness {
    /// The key itself, see [`super::bucket`].
    Key,
}

/// The content of `clients/<id>.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientFile {
    pub(super) id: String,
    pub(super) pid: u32,
    /// Tells a recycled pid; a client that cannot know it leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) start_ticks: Option<u64>,
    pub(super) version_seen: FlagVersion,
    pub(super) at_ms: u64,
    pub(super) shards: Vec<ShardName>,
}

impl FlagFile {
    /// The share of a shard; a shard without an entry uses the old form.
    pub(super) fn share(&self, shard: &ShardName) -> Share {
        self.shards.get(shard).map_or(Share::NONE, |flag| Share {
            reads_percent: flag.reads.min(100),
            writes_percent: flag.writes.min(100),
        })
    }
}

impl FileFlags {
    /// Flags in this directory, which is made at the first write.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn client_path(&self, id: &str) -> PathBuf {
        self.clients().join(format!("{id}.json"))
    }

    fn clients(&self) -> PathBuf {
        self.directory.join(CLIENTS_DIRECTORY)
    }

    /// Reads the flags; no file means that nothing was ever set.
    pub(super) fn load(&self) -> Result<FlagFile, FlagError> {
        let path = self.directory.join(FLAGS_FILE);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|why| FlagError::Malformed {
                path,
                why: Untrusted::new(why.to_string()),
            }),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(FlagFile::default()),
            Err(source) => Err(failed("read it", &path)(source)),
        }
    }

    fn store(&self, shard: &ShardName, share: Share) -> Result<FlagVersion, FlagError> {
        let share = share.checked()?;
        fs::create_dir_all(self.clients())
            .map_err(failed("make the directory", &self.directory))?;
        let lock_path = self.directory.join("flags.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed("open it", &lock_path))?;
        // Held until the file is closed at the end of this function.
        flock(&lock, FlockOperation::LockExclusive)
            .map_err(|err| failed("lock it", &lock_path)(err.into()))?;
        let mut flags = self.load()?;
        if flags.shards.contains_key(shard) && flags.share(shard) == share {
            return Ok(flags.version);
        }
        flags.version = FlagVersion(flags.version.0 + 1);
        let flag = ShardFlag {
            reads: share.reads_percent,
            writes: share.writes_percent,
            stickiness: Stickiness::Key,
        };
        flags.shards.insert(shard.clone(), flag);
        replace_durably(&self.directory.join(FLAGS_FILE), &flags)?;
        Ok(flags.version)
    }

    fn witnesses(&self, version: FlagVersion) -> Result<Seen, FlagError> {
        let directory = self.clients();
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Seen::default()),
            Err(source) => return Err(failed("list it", &directory)(source)),
        };
        let now = now_ms();
        let mut seen = Seen::default();
        for entry in entries {
            let path = entry.map_err(failed("list it", &directory))?.path();
            if path.extension().is_none_or(|kind| kind != "json") {
                continue;
            }
            match judge(&path, version, now) {
                Presence::Gone => {}
                Presence::UpToDate => seen.clients_live += 1,
                Presence::Behind(name) => {
                    seen.clients_live += 1;
                    seen.clients_behind.push(name);
                }
            }
        }
        seen.clients_behind.sort();
        Ok(seen)
    }
}

enum Presence {
    Gone,
    UpToDate,
    Behind(String),
}

/// What a client's file says about it. What cannot be read counts as behind:
/// somebody is there and we do not know what they do.
fn judge(path: &Path, version: FlagVersion, now_ms: u64) -> Presence {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        // Left between listing and reading.
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Presence::Gone,
        Err(_) => return Presence::Behind(stem.into_owned()),
    };
    let Ok(client) = serde_json::from_slice::<ClientFile>(&bytes) else {
        return Presence::Behind(stem.into_owned());
    };
    let silent = u128::from(now_ms.saturating_sub(client.at_ms)) > SILENT_AFTER.as_millis();
    if silent {
        let alive = match client.start_ticks {
            Some(start_ticks) => ProcessMark {
                pid: client.pid,
                start_ticks,
            }
            .is_alive(),
            None => ProcessMark::of(client.pid).is_some(),
        };
        return match alive {
            true => Presence::Behind(client.id),
            false => Presence::Gone,
        };
    }
    match client.version_seen >= version {
        true => Presence::UpToDate,
        false => Presence::Behind(client.id),
    }
}

impl FlagProvider for FileFlags {
    fn set<'a>(
        &'a self,
        shard: &'a ShardName,
        share: Share,
    ) -> BoxFuture<'a, Result<FlagVersion, FlagError>> {
        let (flags, shard) = (self.clone(), shard.clone());
        Box::pin(aside(move || flags.store(&shard, share)))
    }

    fn seen(&self, version: FlagVersion) -> BoxFuture<'_, Result<Seen, FlagError>> {
        let flags = self.clone();
        Box::pin(aside(move || flags.witnesses(version)))
    }

    fn read<'a>(&'a self, shard: &'a ShardName) -> BoxFuture<'a, Result<Share, FlagError>> {
        let (flags, shard) = (self.clone(), shard.clone());
        Box::pin(aside(move || Ok(flags.load()?.share(&shard))))
    }
}

/// Runs blocking file work off the runtime's threads.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FlagError> + Send + 'static,
) -> Result<T, FlagError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(FlagError::CutOff))
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FlagError {
    let path = path.to_owned();
    move |source| FlagError::Io {
        doing,
        path,
        source,
    }
}

/// Replaces a file as a whole so that a power loss leaves the old or the new.
fn replace_durably(path: &Path, content: &impl Serialize) -> Result<(), FlagError> {
    let beside = write_beside(path, content).map_err(failed("write it", path))?;
    beside.1.sync_all().map_err(failed("sync it", path))?;
    fs::rename(&beside.0, path).map_err(failed("replace it", path))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let handle = File::open(directory).map_err(failed("open its directory", path))?;
    handle
        .sync_all()
        .map_err(failed("sync its directory", path))
}

/// Replaces a file as a whole; after a power loss there is nobody to care.
pub(super) fn replace(path: &Path, content: &impl Serialize) -> io::Result<()> {
    let (beside, _file) = write_beside(path, content)?;
    fs::rename(beside, path)
}

fn write_beside(path: &Path, content: &impl Serialize) -> io::Result<(PathBuf, File)> {
    let beside = path.with_extension(format!("tmp-{}", std::process::id()));
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(content)?)?;
    Ok((beside, file))
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;

//! Where things are in a lab's directory, and the record of what is in it.

use super::{LabError, LabSpec};
use crate::base::Untrusted;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The longest path a Unix socket can have, with PostgreSQL's file name.
const SOCKET_PATH_MAX: usize = 107;

/// Paths inside a lab's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

/// Written before anything else is, so that whatever happens the lab can be
/// taken down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabRecord {
    /// What was asked for.
    pub spec: LabSpec,
    /// Whether the directory itself was made for the lab.
    pub made_directory: bool,
    /// Every server, primaries first.
    pub servers: Vec<ServerRecord>,
}

/// One server of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerRecord {
    /// `s01`, or `s01-r1` for its first standby.
    pub name: String,
    /// The shard it was made for.
    pub shard: String,
    /// The server it was made to follow; `None` for a primary.
    pub follows: Option<String>,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Layout {
    /// The layout of a directory.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            root: std::path::absolute(&root).unwrap_or(root),
        }
    }

    /// The lab's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The fleet file.
    pub fn fleet_file(&self) -> PathBuf {
        self.root.join("fleet.toml")
    }

    /// The flags of the built-in provider.
    pub fn flags(&self) -> PathBuf {
        self.root.join("flags")
    }

    /// Where the engine keeps its journal.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// The ledger of a shard's writer.
    pub fn ledger(&self, shard: &str) -> PathBuf {
        self.ledgers().join(format!("{shard}.jsonl"))
    }

    /// The control socket of the keeper.
    pub fn keeper_socket(&self) -> PathBuf {
        self.root.join("keeper.sock")
    }

    pub(super) fn keeper_mark(&self) -> PathBuf {
        self.root.join("keeper.pid")
    }

    pub(super) fn keeper_log(&self) -> PathBuf {
        self.root.join("keeper.log")
    }

    pub(super) fn ledgers(&self) -> PathBuf {
        self.root.join("ledgers")
    }

    pub(super) fn record_file(&self) -> PathBuf {
        self.root.join("lab.json")
    }

    pub(super) fn servers(&self) -> PathBuf {
        self.root.join("servers")
    }

    /// Home of one server; everything below belongs to the servers' user.
    pub(super) fn server(&self, name: &str) -> PathBuf {
        self.servers().join(name)
    }

    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.server(name).join("data")
    }

    /// The log of one server.
    pub fn log(&self, name: &str) -> PathBuf {
        self.server(name).join("log")
    }

    pub(super) fn mark(&self, name: &str) -> PathBuf {
        self.server(name).join("pid.json")
    }

    /// The directory for a server's own socket; `None` when the path would be
    /// too long for one (the server then listens on loopback only).
    pub(super) fn socket_directory(&self, name: &str) -> Option<PathBuf> {
        let directory = self.server(name).join("sock");
        let longest = directory.join(".s.PGSQL.65535");
        (longest.as_os_str().len() <= SOCKET_PATH_MAX).then_some(directory)
    }

    /// Reads the record.
    pub fn read_record(&self) -> Result<LabRecord, LabError> {
        let path = self.record_file();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                return Err(LabError::NotALab(self.root.clone()));
            }
            Err(source) => return Err(LabError::io("read", &path)(source)),
        };
        serde_json::from_slice(&bytes).map_err(|why| LabError::Malformed {
            path,
            why: Untrusted::new(why.to_string()),
        })
    }

    pub(super) fn write_record(&self, record: &LabRecord) -> Result<(), LabError> {
        write_json(&self.record_file(), record)
    }
}

/// Replaces a file as a whole.
pub(super) fn write_json(path: &Path, content: &impl Serialize) -> Result<(), LabError> {
    let beside = path.with_extension("new");
    serde_json::to_vec(content)
        .map_err(io::Error::from)
        .and_then(|bytes| fs::write(&beside, bytes))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(LabError::io("write", path))
}

impl LabRecord {
    /// The shards in order.
    pub fn shards(&self) -> impl Iterator<Item = &str> {
        let primaries = self.servers.iter().filter(|s| s.follows.is_none());
        primaries.map(|server| server.shard.as_str())
    }

    /// One server.
    pub fn server(&self, name: &str) -> Result<&ServerRecord, LabError> {
        let found = self.servers.iter().find(|server| server.name == name);
        found.ok_or_else(|| LabError::NoServer(name.to_owned()))
    }

    /// The servers of one shard, the first primary first.
    pub fn of_shard(&self, shard: &str) -> Result<Vec<&ServerRecord>, LabError> {
        let found: Vec<_> = self.servers.iter().filter(|s| s.shard == shard).collect();
        match found.is_empty() {
            true => Err(LabError::NoServer(shard.to_owned())),
            false => Ok(found),
        }
    }
}

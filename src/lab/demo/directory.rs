//! The directory of a demo: made here, and taken away again however it ends.

use crate::lab::LabError;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tries to remove it, while a last file is still being closed.
const REMOVALS_MAX: u32 = 50;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(20);

/// A directory of our own. A temporary one is removed when it is dropped,
/// after a panic too.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    kept: bool,
}

impl Directory {
    /// A fresh one in the system's temporary directory.
    pub fn temporary() -> Result<Self, LabError> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let stamp = since.map_or(0, |since| since.subsec_nanos());
        let name = format!("pilothouse-demo-{}-{stamp:x}", std::process::id());
        let path = std::env::temp_dir().join(name);
        make(&path)?;
        Ok(Self { path, kept: false })
    }

    /// This one, which stays; it must be absent or empty.
    pub fn at(path: &Path) -> Result<Self, LabError> {
        let path = std::path::absolute(path).map_err(LabError::io("find", path))?;
        match fs::read_dir(&path).map(|mut entries| entries.next().is_some()) {
            Ok(true) => return Err(LabError::Taken(path)),
            Ok(false) => {}
            Err(err) if err.kind() == io::ErrorKind::NotFound => make(&path)?,
            Err(source) => return Err(LabError::io("look into", &path)(source)),
        }
        Ok(Self { path, kept: true })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it stays.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// Takes it away, unless it stays; gives what is left behind.
    pub fn leave(self) -> Option<PathBuf> {
        let path = self.path.clone();
        drop(self);
        path.exists().then_some(path)
    }
}

fn make(path: &Path) -> Result<(), LabError> {
    let mut builder = fs::DirBuilder::new();
    // Nobody else's business, and nobody else's files in it.
    builder.recursive(false).mode(0o700);
    builder.create(path).map_err(LabError::io("make", path))
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        for _ in 0..REMOVALS_MAX {
            match fs::remove_dir_all(&self.path) {
                Err(err) if err.kind() != io::ErrorKind::NotFound => {
                    std::thread::sleep(BETWEEN_REMOVALS);
                }
                _ => return,
            }
        }
    }
}

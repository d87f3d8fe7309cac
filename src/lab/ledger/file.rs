//! The ledger as a file.

use super::{Ledger, Note};
use crate::base::Untrusted;
use crate::lab::LabError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// An open ledger: every note goes to the file and into the fold.
#[derive(Debug)]
pub struct LedgerFile {
    path: PathBuf,
    file: File,
    ledger: Ledger,
}

impl LedgerFile {
    /// Opens a ledger, going on where a former writer ended.
    pub fn open(path: &Path) -> Result<Self, LabError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(err) if err.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(LabError::io("read", path)(source)),
        };
        let (ledger, whole) = fold(path, &bytes)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(LabError::io("open", path))?;
        // A line cut short would otherwise run into the next one.
        file.set_len(whole).map_err(LabError::io("cut", path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            ledger,
        })
    }

    /// Reads a ledger, also of a writer that was killed.
    pub fn load(path: &Path) -> Result<Ledger, LabError> {
        let bytes = fs::read(path).map_err(LabError::io("read", path))?;
        let (mut ledger, _) = fold(path, &bytes)?;
        ledger.close();
        Ok(ledger)
    }

    /// Writes a note and folds it in. It is in the system's hands on return.
    pub fn note(&mut self, note: &Note) -> Result<(), LabError> {
        let failed = LabError::io("write", &self.path);
        let mut line = serde_json::to_vec(note)
            .map_err(io::Error::from)
            .map_err(failed)?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .map_err(LabError::io("write", &self.path))?;
        self.ledger.note(note);
        Ok(())
    }

    /// What is known so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// Folds whole lines; gives the length of what they take. What follows the
/// last line end was being written when the writer was killed: a `try` that
/// is not whole was not sent, an outcome that is not whole is unknown.
fn fold(path: &Path, bytes: &[u8]) -> Result<(Ledger, u64), LabError> {
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let mut ledger = Ledger::default();
    for line in bytes[..whole].split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        let note = serde_json::from_slice(line).map_err(|why| LabError::Malformed {
            path: path.to_owned(),
            why: Untrusted::new(why.to_string()),
        })?;
        ledger.note(&note);
    }
    Ok((ledger, whole as u64))
}

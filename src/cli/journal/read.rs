//! Reads a journal wherever it lies: in a store, also a running one's, or in
//! an export.

use super::{EXIT_BAD_INPUT, EXIT_FAILED, EXIT_UNREADABLE, Outcome};
use crate::base::Untrusted;
use crate::journal::{Break, Ending, Entry, Head, Verdict, Verifier, verify_each};
use crate::store::{JOURNAL_FILE, Reader, StoreError};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// The first bytes of every SQLite file.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

const PAGE_ROWS: u32 = 1_000;

/// Why there is no verdict.
pub(in crate::cli) enum Problem {
    NotThere(PathBuf),
    Store(StoreError),
    /// What it should be held against is not usable.
    Input(String),
    Failed(String),
}

impl Problem {
    /// What to say of it, and how to end.
    pub(in crate::cli) fn outcome(self) -> Outcome {
        let (text, code) = match self {
            Self::NotThere(path) => (
                format!(
                    "no journal at {}; give a state directory, a {JOURNAL_FILE} or an exported .jsonl",
                    path.display()
                ),
                EXIT_BAD_INPUT,
            ),
            Self::Store(error) => {
                let code = match &error {
                    StoreError::Missing { .. }
                    | StoreError::Foreign { .. }
                    | StoreError::Empty { .. }
                    | StoreError::Newer { .. } => EXIT_BAD_INPUT,
                    // SQLite cannot make sense of the file.
                    StoreError::Database { .. } => EXIT_UNREADABLE,
                    _ => EXIT_FAILED,
                };
                (error.to_string(), code)
            }
            Self::Input(why) => (why, EXIT_BAD_INPUT),
            Self::Failed(why) => (
                format!("could not read or copy the journal: {why}"),
                EXIT_FAILED,
            ),
        };
        Outcome {
            text: format!("{}\n", Untrusted::new(text)),
            code,
        }
    }
}

pub(super) enum Opened {
    Store(Reader),
    Lines(BufReader<File>),
}

pub(super) async fn open(source: &Path) -> Result<Opened, Problem> {
    let path = if source.is_dir() {
        source.join(JOURNAL_FILE)
    } else {
        source.to_owned()
    };
    let Ok(file) = File::open(&path) else {
        return Err(Problem::NotThere(path));
    };
    let mut lines = BufReader::new(file);
    let start = lines
        .fill_buf()
        .map_err(|e| Problem::Failed(e.to_string()))?;
    if start.starts_with(SQLITE_MAGIC) {
        let reader = Reader::open(&path).await.map_err(Problem::Store)?;
        return Ok(Opened::Store(reader));
    }
    Ok(Opened::Lines(lines))
}

/// Feeds every line to a verifier and every good entry to `each`.
pub(in crate::cli) async fn check(
    source: &Path,
    expected: Option<Head>,
    each: impl FnMut(Entry),
) -> Result<Verdict, Problem> {
    match open(source).await? {
        Opened::Store(reader) => {
            let verdict = check_store(&reader, expected, each).await;
            reader.close().await.map_err(Problem::Store)?;
            verdict
        }
        Opened::Lines(lines) => {
            verify_each(lines, expected, each).map_err(|e| Problem::Failed(e.to_string()))
        }
    }
}

async fn check_store(
    reader: &Reader,
    expected: Option<Head>,
    mut each: impl FnMut(Entry),
) -> Result<Verdict, Problem> {
    let mut verifier = Verifier::new(expected);
    let (mut after, mut line) = (i64::MIN, 0);
    loop {
        let rows = reader
            .stored_page(after, PAGE_ROWS)
            .await
            .map_err(Problem::Store)?;
        let Some(end) = rows.last() else {
            return Ok(verifier.finish(Ending::Whole));
        };
        after = end.seq;
        for row in rows {
            line += 1;
            let entry = match verifier.push(&row.line) {
                Ok(entry) => entry,
                Err(verdict) => return Ok(verdict),
            };
            // The row's own number is what the engine reads by.
            if i64::try_from(entry.seq) != Ok(row.seq) || entry.log != *reader.log() {
                let (seq, expected) = (entry.seq, line);
                let why = if entry.log == *reader.log() {
                    Break::Sequence { expected }
                } else {
                    Break::OtherLog
                };
                return Ok(Verdict::Broken { line, seq, why });
            }
            each(entry);
        }
    }
}

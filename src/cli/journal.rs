//! `pilothouse journal show | export | verify`, on a state directory, a
//! `journal.db` or an exported `.jsonl`; an engine may be running.
//!
//! Knows nothing of argument parsing: takes values, gives text and exit code.

use crate::base::Untrusted;
use crate::journal::{Break, Ending, Entry, Head, Verdict, Verifier, verify_each};
use crate::store::{JOURNAL_FILE, Reader, StoreError};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};

/// Exit code: done, intact.
pub const EXIT_INTACT: u8 = 0;
/// Exit code: something failed on the way.
pub const EXIT_FAILED: u8 = 1;
/// Exit code: the journal to read is not there or is none.
pub const EXIT_BAD_INPUT: u8 = 2;
/// Exit code: a line does not fit the chain.
pub const EXIT_BROKEN: u8 = 10;
/// Exit code: the journal ends before the expected head.
pub const EXIT_TRUNCATED: u8 = 11;
/// Exit code: a line cannot be read.
pub const EXIT_UNREADABLE: u8 = 12;

/// The first bytes of every SQLite file.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

const PAGE_ROWS: u32 = 1_000;

/// How much of a body `show` prints, in characters.
const BODY_CHARS_MAX: usize = 96;

/// What a command says and how it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For the screen.
    pub text: String,
    /// For the calling program.
    pub code: u8,
}

/// Which entries `show` prints; an empty filter means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// From this number on.
    pub from_seq: Option<u64>,
    /// Of this kind only.
    pub kind: Option<String>,
    /// Of this scope only.
    pub scope: Option<String>,
    /// By this actor only.
    pub actor: Option<String>,
    /// Only the last so many of those.
    pub last: Option<usize>,
}

impl Filter {
    fn wants(&self, entry: &Entry) -> bool {
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        self.from_seq.is_none_or(|from| entry.seq >= from)
            && same(&self.kind, &entry.kind)
            && same(&self.scope, &entry.scope)
            && same(&self.actor, &entry.actor.name)
    }
}

/// Prints one line per entry. The whole journal is checked on the way; if it
/// is not intact, the last line says so and the exit code is that of
/// [`verify`].
pub async fn show(source: &Path, filter: &Filter) -> Outcome {
    let mut shown = std::collections::VecDeque::new();
    let each = |entry: Entry| {
        if filter.wants(&entry) {
            shown.push_back(one_line(&entry));
            if filter.last.is_some_and(|last| shown.len() > last) {
                shown.pop_front();
            }
        }
    };
    match check(source, None, each).await {
        Ok(verdict) => {
            let mut text: String = shown.into_iter().collect();
            if !matches!(verdict, Verdict::Intact { .. }) {
                text.push_str(&verdict_line(&verdict));
            }
            let code = exit_code(&verdict);
            Outcome { text, code }
        }
        Err(problem) => problem.outcome(),
    }
}

/// Copies the journal to `out` as JSON Lines, byte by byte as recorded, and
/// names the head of the copy. A damaged journal is copied as it is.
pub async fn export(source: &Path, out: &mut (dyn Write + Send)) -> Outcome {
    match export_lines(source, out).await {
        Ok(text) => Outcome {
            text,
            code: EXIT_INTACT,
        },
        Err(problem) => problem.outcome(),
    }
}

async fn export_lines(source: &Path, out: &mut (dyn Write + Send)) -> Result<String, Problem> {
    match open(source).await? {
        Opened::Store(reader) => {
            let head = reader.lines(out).await.map_err(Problem::Store)?;
            reader.close().await.map_err(Problem::Store)?;
            Ok(format!("exported, head {head}\n"))
        }
        Opened::Lines(mut lines) => {
            let copied = std::io::copy(&mut lines, out).and_then(|bytes| {
                out.flush()?;
                Ok(bytes)
            });
            let bytes = copied.map_err(|e| Problem::Failed(e.to_string()))?;
            Ok(format!("copied {bytes} bytes of an export\n"))
        }
    }
}

/// Checks the journal. Without `head` a missing tail cannot be seen, and the
/// text says so.
pub async fn verify(source: &Path, head: Option<Head>) -> Outcome {
    match check(source, head, drop).await {
        Ok(verdict) => {
            let mut text = verdict_line(&verdict);
            if head.is_none() && matches!(verdict, Verdict::Intact { .. }) {
                text.push_str(
                    "a missing tail is only found against a head noted elsewhere: give --head SEQ:HEX\n",
                );
            }
            let code = exit_code(&verdict);
            Outcome { text, code }
        }
        Err(problem) => problem.outcome(),
    }
}

/// The exit code for a verdict.
pub fn exit_code(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Intact { .. } => EXIT_INTACT,
        Verdict::Broken { .. } => EXIT_BROKEN,
        Verdict::Truncated { .. } => EXIT_TRUNCATED,
        Verdict::Unreadable { .. } => EXIT_UNREADABLE,
    }
}

fn verdict_line(verdict: &Verdict) -> String {
    // A verdict may quote the damaged line.
    format!("{}\n", Untrusted::new(verdict.to_string()))
}

fn one_line(entry: &Entry) -> String {
    let safe = |text: &str| Untrusted::new(text).to_string();
    let body = entry.body.to_string();
    let mut short: String = body.chars().take(BODY_CHARS_MAX).collect();
    if short.len() < body.len() {
        short.push('…');
    }
    format!(
        "{:>6}  {}  {}  {}  {}  {}  {}\n",
        entry.seq,
        entry.at,
        safe(&entry.actor.name),
        safe(&entry.scope),
        entry.kind,
        entry.cause,
        safe(&short),
    )
}

/// Why there is no verdict.
enum Problem {
    NotThere(PathBuf),
    Store(StoreError),
    Failed(String),
}

impl Problem {
    fn outcome(self) -> Outcome {
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

enum Opened {
    Store(Reader),
    Lines(BufReader<File>),
}

async fn open(source: &Path) -> Result<Opened, Problem> {
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
async fn check(
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

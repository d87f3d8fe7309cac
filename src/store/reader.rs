//! Reading the journal, also while an engine writes to it.

use super::database;
use super::error::StoreError;
use super::snapshot::{self, Snapshots};
use crate::journal::{Entry, Head, LogId, Verdict, Verifier};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use std::io::Write;
use std::path::Path;
use tokio::sync::Mutex;

/// Entries read per query: bounds memory, and how long a read holds back the
/// clean-up of the write-ahead log.
const PAGE_ROWS: u32 = 1_000;

/// One stored row, as it lies in the database; not checked in any way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLine {
    /// The row's number.
    pub seq: i64,
    /// The row's line, without line feed.
    pub line: Vec<u8>,
}

/// The journal, open for reading.
#[derive(Debug)]
pub struct Reader {
    connection: Mutex<SqliteConnection>,
    log: LogId,
}

impl Reader {
    /// Opens a journal file that must be there.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let (connection, log) = database::open_journal_read_only(path).await?;
        Ok(Self {
            connection: Mutex::new(connection),
            log,
        })
    }

    /// The journal's name.
    pub fn log(&self) -> &LogId {
        &self.log
    }

    /// Where the journal ends, after checking the last line.
    pub async fn head(&self) -> Result<Head, StoreError> {
        head(&mut *self.connection.lock().await).await
    }

    /// The hash of one entry, after checking its line; `None` beyond the end.
    pub async fn head_at(&self, seq: u64) -> Result<Option<Head>, StoreError> {
        let line: Option<Vec<u8>> = sqlx::query_scalar("SELECT line FROM entry WHERE seq = ?")
            .bind(row_number(seq))
            .fetch_optional(&mut *self.connection.lock().await)
            .await
            .map_err(StoreError::database("read the journal"))?;
        line.map(|line| head_of(seq, &line)).transpose()
    }

    /// At most `limit` rows behind row `after`, unchecked: for export and for
    /// verification, which judge the rows themselves. Start with `i64::MIN`.
    pub async fn stored_page(&self, after: i64, limit: u32) -> Result<Vec<StoredLine>, StoreError> {
        let rows: Vec<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT seq, line FROM entry WHERE seq > ? ORDER BY seq LIMIT ?")
                .bind(after)
                .bind(limit)
                .fetch_all(&mut *self.connection.lock().await)
                .await
                .map_err(StoreError::database("read the journal"))?;
        Ok(rows
            .into_iter()
            .map(|(seq, line)| StoredLine { seq, line })
            .collect())
    }

    /// At most `limit` entries from `from_seq` on, each checked: canonical,
    /// hash and link to the entry before.
    pub async fn entries_page(&self, from_seq: u64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let mut verifier = self.verifier_from(from_seq).await?;
        let after = row_number(verifier.head().seq);
        let rows = self.stored_page(after, limit).await?;
        check_rows(&mut verifier, &rows)
    }

    /// All entries from `from_seq` on, checked like [`Reader::entries_page`].
    pub async fn entries(&self, from_seq: u64) -> Result<Vec<Entry>, StoreError> {
        let mut verifier = self.verifier_from(from_seq).await?;
        let mut entries = Vec::new();
        loop {
            let after = row_number(verifier.head().seq);
            let rows = self.stored_page(after, PAGE_ROWS).await?;
            if rows.is_empty() {
                return Ok(entries);
            }
            entries.extend(check_rows(&mut verifier, &rows)?);
        }
    }

    /// A verifier that stands before `from_seq`, linked to the entry there.
    async fn verifier_from(&self, from_seq: u64) -> Result<Verifier, StoreError> {
        if from_seq <= 1 {
            return Ok(Verifier::after(self.log.clone(), Head::EMPTY));
        }
        let before = from_seq - 1;
        // Beyond the end there are no rows, so the link is never looked at.
        let head = self.head_at(before).await?.unwrap_or(Head {
            seq: before,
            ..Head::EMPTY
        });
        Ok(Verifier::after(self.log.clone(), head))
    }

    /// Writes every line and a line feed, exactly as stored, and tells where
    /// the copy ends. Not a verification: a damaged journal must be exportable
    /// too.
    pub async fn lines(&self, out: &mut (dyn Write + Send)) -> Result<Head, StoreError> {
        let failed = |error: std::io::Error| StoreError::File {
            doing: "write",
            path: "the export".into(),
            why: error.to_string(),
        };
        let mut after = i64::MIN;
        let mut last = None;
        loop {
            let rows = self.stored_page(after, PAGE_ROWS).await?;
            let Some(end) = rows.last() else { break };
            after = end.seq;
            for row in &rows {
                out.write_all(&row.line).map_err(failed)?;
                out.write_all(b"\n").map_err(failed)?;
            }
            last = rows.into_iter().next_back();
        }
        out.flush().map_err(failed)?;
        // The head of a damaged last line is unknown; the export still stands.
        Ok(last
            .and_then(|row| Entry::read(&row.line).ok())
            .map_or(Head::EMPTY, |entry| entry.head()))
    }

    /// The newest sound snapshot, and the newer ones that had to be ignored.
    pub async fn snapshot_latest(&self) -> Result<Snapshots, StoreError> {
        let mut connection = self.connection.lock().await;
        let end = head(&mut connection).await?;
        snapshot::latest(&mut connection, end).await
    }

    /// Closes the file.
    pub async fn close(self) -> Result<(), StoreError> {
        self.connection
            .into_inner()
            .close()
            .await
            .map_err(StoreError::database("close the journal"))
    }
}

/// Where the journal ends as the database has it.
pub(super) async fn head(connection: &mut SqliteConnection) -> Result<Head, StoreError> {
    let last: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT seq, line FROM entry ORDER BY seq DESC LIMIT 1")
            .fetch_optional(connection)
            .await
            .map_err(StoreError::database("read the end of the journal"))?;
    match last {
        Some((seq, line)) => head_of(u64::try_from(seq).unwrap_or(0), &line),
        None => Ok(Head::EMPTY),
    }
}

fn head_of(seq: u64, line: &[u8]) -> Result<Head, StoreError> {
    let entry = Entry::read(line)
        .map_err(|why| StoreError::Damaged(Verdict::Unreadable { line: seq, why }))?;
    let broken = |why| {
        let verdict = Verdict::Broken {
            line: seq,
            seq: entry.seq,
            why,
        };
        Err(StoreError::Damaged(verdict))
    };
    if entry.seq != seq {
        return broken(crate::journal::Break::Sequence { expected: seq });
    }
    if !entry.hash_fits(line) {
        return broken(crate::journal::Break::Hash);
    }
    Ok(entry.head())
}

fn check_rows(verifier: &mut Verifier, rows: &[StoredLine]) -> Result<Vec<Entry>, StoreError> {
    rows.iter()
        .map(|row| verifier.push(&row.line).map_err(StoreError::Damaged))
        .collect()
}

/// Entry numbers end at 2^53, so the saturation is never reached by one.
pub(super) fn row_number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

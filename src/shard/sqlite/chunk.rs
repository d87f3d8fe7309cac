//! One chunk: fence, rows, log and checkpoint commit together.

use super::dialect::ddl;
use super::dialect::rows as sql;
use super::dialect::shape::TableShape;
use super::dialect::steps::JobTarget;
use super::dialect::trigger::Authority;
use super::dialect::work::TableWork;
use super::failure::refused;
use super::range::{Checkpoint, key_literal, key_of};
use super::statement::{first, number, rows, run, text};
use super::{catalog, install, intact};
use crate::base::{Digest, Stop, quote_literal};
use crate::rollout::Restored;
use crate::worker::{CallError, Key, Reply, RowJobKind};
use sqlx::SqliteConnection;

/// What a chunk works on.
pub(super) struct Chunk<'a> {
    pub(super) job: &'a str,
    pub(super) target: &'a JobTarget,
    pub(super) work: &'a super::dialect::work::Work,
    pub(super) shape: &'a TableShape,
    pub(super) rows: u32,
}

/// What a chunk found or did, before it is noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Worked {
    pub(super) rows: u64,
    pub(super) upto: Option<Key>,
    pub(super) stale: u64,
    pub(super) exact: u64,
    pub(super) sample: Option<String>,
    pub(super) digests: [u64; 2],
}

impl Chunk<'_> {
    fn table(&self) -> &TableWork {
        &self.work.tables[self.target.table]
    }

    /// Finds the rows after the cursor: how many, and the key of the last.
    async fn bounds(
        &self,
        conn: &mut SqliteConnection,
        after: Option<&Key>,
        hi: Option<&Key>,
    ) -> Result<(u64, Option<Key>), CallError> {
        let literals = |key: Option<&Key>| key.map(|k| k.0.clone());
        let (after, hi) = (literals(after), literals(hi));
        let range = sql::between(self.shape, after.as_deref(), hi.as_deref());
        let wanted = u64::from(self.rows.max(1));
        let nth = sql::nth_key(self.table(), self.shape, &range, wanted);
        if let Some(row) = first(conn, nth).await? {
            return Ok((wanted, Some(key_of(&row))));
        }
        let left = number(conn, sql::count(self.table(), &range)).await?;
        let last = first(conn, sql::last_key(self.table(), self.shape, &range)).await?;
        Ok((left, last.map(|row| key_of(&row))))
    }

    fn range(&self, after: Option<&Key>, upto: &Key) -> String {
        let after = after.map(|k| k.0.clone());
        sql::between(self.shape, after.as_deref(), Some(&upto.0))
    }

    /// What a merge restore would give the next rows.
    pub(super) async fn count_restore(
        &self,
        conn: &mut SqliteConnection,
        after: Option<Key>,
    ) -> Result<Reply, CallError> {
        let (n, table) = (self.target.table, self.table());
        let mut restored = Restored::default();
        let mut dropped = false;
        for old in table.down.keys() {
            dropped |= !catalog::has_column(conn, &table.table, old).await?;
        }
        let after = match self.bounds(conn, after.as_ref(), None).await? {
            (found, Some(upto)) if dropped => {
                let range = self.range(after.as_ref(), &upto);
                let exact = sql::count_exact(n, table, self.shape, &range);
                restored.exported = number(conn, exact).await?;
                restored.down = found.saturating_sub(restored.exported);
                Some(upto)
            }
            _ => None,
        };
        Ok(Reply::RestoreCounted { restored, after })
    }

    /// Finds the rows after the cursor.
    pub(super) async fn find(
        &self,
        conn: &mut SqliteConnection,
        at: &Checkpoint,
    ) -> Result<Worked, CallError> {
        let (rows, upto) = self
            .bounds(conn, at.cursor.as_ref(), at.hi.as_ref())
            .await?;
        Ok(Worked {
            rows,
            upto,
            ..Worked::default()
        })
    }

    /// Works on the rows that were found, in the caller's transaction.
    pub(super) async fn work(
        &self,
        conn: &mut SqliteConnection,
        at: &Checkpoint,
        mut worked: Worked,
    ) -> Result<Worked, CallError> {
        let Some(upto) = &worked.upto else {
            return Ok(worked);
        };
        let range = self.range(at.cursor.as_ref(), upto);
        let (n, table) = (self.target.table, self.table());
        match self.target.kind {
            RowJobKind::Fill => run(conn, sql::fill(table, &range)).await?,
            RowJobKind::Verify => self.read(conn, &range, &mut worked).await?,
            RowJobKind::Export => {
                run(conn, sql::export(n, table, self.shape, &range)).await?;
                self.read(conn, &range, &mut worked).await?;
                // Right and wrong is the verify's business; here it is a copy.
                worked.stale = 0;
                worked.sample = None;
            }
            RowJobKind::Restore => self.restore(conn, &range, &mut worked).await?,
        }
        Ok(worked)
    }

    /// Reads both forms of every row: which are wrong, and two digests.
    ///
    /// SQLite has no hash function, so rows are hashed here: SHA-256 over the
    /// literals, its first two words summed as the two seeds. That is one row
    /// through the driver and one hash each, a few microseconds; a sum in SQL
    /// would be cheaper and blind to chosen values.
    async fn read(
        &self,
        conn: &mut SqliteConnection,
        range: &str,
        worked: &mut Worked,
    ) -> Result<(), CallError> {
        let authority = if self.target.stop == Stop::Drop {
            Authority::New
        } else {
            Authority::Old
        };
        let query = sql::read(self.table(), self.shape, range, authority);
        for row in rows(conn, query).await? {
            let values = &row[1.min(row.len())..];
            if text(&row, 0) == Some("1") {
                worked.stale += 1;
                let key = &values[..self.shape.keys.len().min(values.len())];
                worked
                    .sample
                    .get_or_insert_with(|| key_of(&key.to_vec()).0.join(", "));
            }
            let digest = row_digest(values);
            for (sum, word) in worked.digests.iter_mut().zip(digest) {
                *sum = sum.wrapping_add(word);
            }
        }
        Ok(())
    }

    /// Brings dropped values back. The triggers would overrule what the export
    /// says, so they are away inside this transaction only: nobody else can
    /// write before it commits.
    async fn restore(
        &self,
        conn: &mut SqliteConnection,
        range: &str,
        worked: &mut Worked,
    ) -> Result<(), CallError> {
        let (n, table) = (self.target.table, self.table());
        worked.exact = number(conn, sql::count_exact(n, table, self.shape, range)).await?;
        let version = install::schema_version(conn).await?;
        for statement in ddl::drop_triggers(&table.table) {
            run(conn, statement).await?;
        }
        for statement in sql::restore(n, table, self.shape, range) {
            run(conn, statement).await?;
        }
        for statement in ddl::set_triggers(table, self.shape, Authority::New) {
            run(conn, statement).await?;
        }
        intact::note_own_change(conn, version).await
    }

    /// Writes log and checkpoint, in the caller's transaction.
    pub(super) async fn note(
        &self,
        conn: &mut SqliteConnection,
        at: &Checkpoint,
        worked: &Worked,
        epoch: u64,
    ) -> Result<(), CallError> {
        if worked.rows == 0 {
            return Ok(());
        }
        let job = quote_literal(self.job);
        let range = at.at.range;
        let (lo, hi) = (
            key_literal(at.cursor.as_ref()),
            key_literal(worked.upto.as_ref()),
        );
        let n = at.at.chunks + 1;
        let rows = worked.rows;
        let digests: Vec<u64> = at
            .digests
            .iter()
            .zip(worked.digests)
            .map(|(sum, more)| sum.wrapping_add(more))
            .collect();
        let [digest1, digest2] = digests.as_slice() else {
            return Err(refused("sqlite/digest", "two digests are kept"));
        };
        let sample = at.sample.as_ref().or(worked.sample.as_ref());
        let sample = sample.map_or("NULL".into(), |s| quote_literal(s));
        let statement = format!(
            "INSERT INTO pilothouse_chunk_log VALUES ({job}, {range}, {n}, {lo}, {hi}, {epoch}, {rows}); \
             UPDATE pilothouse_checkpoint SET cursor = {hi}, rows = rows + {rows}, chunks = {n}, \
             stale = stale + {}, exact = exact + {}, sample = {sample}, \
             digest1 = '{digest1}', digest2 = '{digest2}' \
             WHERE job = {job} AND range = {range};",
            worked.stale, worked.exact
        );
        run(conn, statement).await
    }

    /// Closes the range if a fresh look finds no row left in it.
    pub(super) async fn close(
        &self,
        conn: &mut SqliteConnection,
        at: &Checkpoint,
    ) -> Result<bool, CallError> {
        let (left, _) = self
            .bounds(conn, at.cursor.as_ref(), at.hi.as_ref())
            .await?;
        let closed = u8::from(left == 0);
        let job = quote_literal(self.job);
        let statement = format!(
            "UPDATE pilothouse_checkpoint SET closed = {closed} WHERE job = {job} AND range = {}",
            at.at.range
        );
        run(conn, statement).await?;
        Ok(left == 0)
    }
}

/// Two words per row; each value carries its length, so that no two rows run
/// into each other.
fn row_digest(values: &[Option<String>]) -> [u64; 2] {
    let mut bytes = Vec::new();
    for value in values {
        let value = value.as_deref().unwrap_or("NULL");
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    let digest = Digest::of("sqlite/row/1", &[&bytes]);
    let mut words = [0_u64; 2];
    for (word, chunk) in words.iter_mut().zip(digest.bytes().chunks_exact(8)) {
        *word = chunk
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    }
    words
}

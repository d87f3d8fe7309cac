//! How a chunk gets into the file: what is read, written and committed in
//! which transaction.

use super::chunk::Worked;
use super::dialect::steps::JobTarget;
use super::install::{Fence, fence_of};
use super::range;
use super::session::Call;
use super::statement::run;
use super::transaction::{begin, finish, give_back};
use crate::worker::{CallError, ChunkDone, Key, Reply, RowJob, RowJobKind};
use sqlx::SqliteConnection;
use std::time::Instant;

enum Inside {
    Worked(Box<range::Checkpoint>, Worked),
    Truth(Reply),
}

impl Call<'_> {
    pub(super) async fn chunk(
        &self,
        conn: &mut SqliteConnection,
        job: &RowJob,
        number: u32,
        after: Option<Key>,
        rows: u32,
    ) -> Result<Reply, CallError> {
        let started = Instant::now();
        let target = self.target(job)?;
        // A verify reads one snapshot without holding writers up; only its
        // notes need the write lock.
        let read_first = target.kind == RowJobKind::Verify;
        let fence = if read_first {
            begin(conn, "BEGIN").await?;
            let fence = fence_of(conn, self.epoch).await;
            match fence {
                Ok(fence) => fence,
                Err(error) => return give_back(conn, Err(error)).await,
            }
        } else {
            self.begin_fenced(conn).await?
        };
        let done = self
            .chunk_inside(conn, (job, &target), number, (after, rows), &fence)
            .await;
        let (at, worked) = match done {
            Ok(Inside::Worked(at, worked)) => (*at, worked),
            Ok(Inside::Truth(reply)) => return give_back(conn, Ok(reply)).await,
            Err(error) => return give_back(conn, Err(error)).await,
        };
        if read_first {
            run(conn, "ROLLBACK".to_owned()).await?;
            let fence = self.begin_fenced(conn).await?;
            let again = range::checkpoint_of(conn, &job.id, number, fence.generation).await;
            let noted = match again {
                Ok(again) if again == at => self.note(conn, (job, &target), &at, &worked).await,
                Ok(again) => return give_back(conn, Ok(Reply::Range(again.at))).await,
                Err(error) => Err(error),
            };
            finish(conn, noted).await?;
        } else {
            finish(conn, Ok(())).await?;
        }
        Ok(Reply::Chunk(ChunkDone {
            rows: worked.rows,
            after: worked.upto.or(at.at.after),
            stale: worked.stale,
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        }))
    }

    async fn note(
        &self,
        conn: &mut SqliteConnection,
        (job, target): (&RowJob, &JobTarget),
        at: &range::Checkpoint,
        worked: &Worked,
    ) -> Result<(), CallError> {
        let shape = self.shape(conn, target).await?;
        let chunk = self.chunk_of(job, target, &shape, 1);
        chunk.note(conn, at, worked, self.epoch).await
    }

    /// The rows of a chunk, in the caller's transaction; noted there too,
    /// unless it is a verify.
    async fn chunk_inside(
        &self,
        conn: &mut SqliteConnection,
        (job, target): (&RowJob, &JobTarget),
        number: u32,
        (after, rows): (Option<Key>, u32),
        fence: &Fence,
    ) -> Result<Inside, CallError> {
        let at = range::checkpoint_of(conn, &job.id, number, fence.generation).await?;
        if at.at.closed || at.at.after != after {
            return Ok(Inside::Truth(Reply::Range(at.at)));
        }
        let shape = self.shape(conn, target).await?;
        let chunk = self.chunk_of(job, target, &shape, rows);
        let found = chunk.find(conn, &at).await?;
        if self.place.variant.splits_checkpoint() {
            // Wrong on purpose: what fails from here on is lost.
            chunk.note(conn, &at, &found, self.epoch).await?;
            run(conn, "COMMIT; BEGIN IMMEDIATE".to_owned()).await?;
            let worked = chunk.work(conn, &at, found).await?;
            return Ok(Inside::Worked(Box::new(at), worked));
        }
        let worked = chunk.work(conn, &at, found).await?;
        if target.kind != RowJobKind::Verify {
            chunk.note(conn, &at, &worked, self.epoch).await?;
        }
        Ok(Inside::Worked(Box::new(at), worked))
    }
}

//! One connection that executes calls.

use super::chunk::Chunk;
use super::conclude::conclude;
use super::dialect::steps::{Action, JobTarget, Look};
use super::failure::{refused, sorted};
use super::file::Place;
use super::install::{Fence, fence_of};
use super::transaction::{begin, finish, give_back};
use super::{act, attach, catalog, install, intact, look, preflight, range, receipt};
use crate::base::{Stop, code};
use crate::shard::{Session, SessionRole};
use crate::worker::{CallError, ErrorKind, Key, Op, Reply, RowJob, ShardCall};
use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long we wait for the file's write lock before we give way.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);
/// Steps and bookkeeping are few; they may wait longer for their turn.
const LEAD_LOCK_TIMEOUT: Duration = Duration::from_millis(1_000);
/// SQLite asks whether it should go on every so many of its instructions.
const ASK_EVERY: i32 = 2_000;

pub(super) struct SqliteSession {
    place: Arc<Place>,
    role: SessionRole,
    open: Option<Open>,
}

/// A connection, with the cancel count at the beginning of its call.
struct Open {
    conn: SqliteConnection,
    began: Arc<AtomicU64>,
}

impl SqliteSession {
    pub(super) fn new(place: Arc<Place>, role: SessionRole) -> Self {
        Self {
            place,
            role,
            open: None,
        }
    }

    async fn execute(&mut self, call: ShardCall) -> Result<Reply, CallError> {
        // Taken out for the time of the call: if the call is dropped or ends
        // badly, the connection is gone with whatever it had open.
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open::new(&self.place, self.role).await?,
        };
        let cancels = self.place.cancels.load(Ordering::SeqCst);
        open.began.store(cancels, Ordering::SeqCst);
        let answer = Call {
            place: &self.place,
            epoch: call.epoch,
        }
        .dispatch(&mut open.conn, call.op)
        .await;
        let keep = match &answer {
            Ok(_) => true,
            Err(error) => !matches!(error.kind, ErrorKind::Unknown | ErrorKind::Unreachable),
        };
        if keep {
            self.open = Some(open);
        }
        answer
    }
}

impl Session for SqliteSession {
    fn call(&mut self, call: ShardCall) -> BoxFuture<'_, Reply> {
        Box::pin(async move { self.execute(call).await.unwrap_or_else(Reply::Error) })
    }
}

/// Opens the file; it must be there.
pub(super) async fn connect(
    place: &Place,
    role: SessionRole,
) -> Result<SqliteConnection, CallError> {
    let timeout = match role {
        SessionRole::Lead => LEAD_LOCK_TIMEOUT,
        SessionRole::Range => LOCK_TIMEOUT,
    };
    SqliteConnectOptions::new()
        .filename(&place.path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(timeout)
        .statement_cache_capacity(0)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(|error| CallError {
            kind: ErrorKind::Unreachable,
            ..sorted(&error)
        })
}

impl Open {
    async fn new(place: &Place, role: SessionRole) -> Result<Self, CallError> {
        let mut conn = connect(place, role).await?;
        let cancels = Arc::clone(&place.cancels);
        let began = Arc::new(AtomicU64::new(cancels.load(Ordering::SeqCst)));
        let at_start = Arc::clone(&began);
        let goes_on = move || cancels.load(Ordering::SeqCst) == at_start.load(Ordering::SeqCst);
        conn.lock_handle()
            .await
            .map_err(|error| sorted(&error))?
            .set_progress_handler(ASK_EVERY, goes_on);
        Ok(Self { conn, began })
    }
}

pub(super) struct Call<'a> {
    pub(super) place: &'a Place,
    pub(super) epoch: u64,
}

impl Call<'_> {
    async fn dispatch(&self, conn: &mut SqliteConnection, op: Op) -> Result<Reply, CallError> {
        match op {
            Op::Attach { .. } | Op::Probe(_) | Op::ReadRange { .. } | Op::CountRestore { .. } => {
                self.read(conn, op).await
            }
            Op::Check(id) => self.check(conn, &id).await,
            Op::SetShare(percent) => self.set_share(conn, percent).await,
            Op::ShareSeen(percent) => self.share_seen(conn, percent).await,
            Op::TakeOver { known_epoch } => {
                begin(conn, "BEGIN IMMEDIATE").await?;
                let taken = attach::take_over(conn, self.place, known_epoch).await;
                let epoch = finish(conn, taken).await?;
                Ok(Reply::TakenOver { epoch })
            }
            Op::Chunk {
                job,
                range,
                after,
                rows,
            } => self.chunk(conn, &job, range, after, rows).await,
            effect => {
                let fence = self.begin_fenced(conn).await?;
                let done = self.effect(conn, effect, &fence).await;
                finish(conn, done).await
            }
        }
    }

    /// The fence is compared in the transaction of the effect itself.
    pub(super) async fn begin_fenced(
        &self,
        conn: &mut SqliteConnection,
    ) -> Result<Fence, CallError> {
        begin(conn, "BEGIN IMMEDIATE").await?;
        let found = if self.place.variant.skips_fence() {
            let there = install::fence(conn).await;
            there.map(|f| f.ok_or_else(|| super::failure::fenced(self.epoch, 0)))
        } else {
            Ok(fence_of(conn, self.epoch).await)
        };
        match found.and_then(|fence| fence) {
            Ok(fence) => Ok(fence),
            Err(error) => finish(conn, Err(error)).await,
        }
    }

    async fn read(&self, conn: &mut SqliteConnection, op: Op) -> Result<Reply, CallError> {
        begin(conn, "BEGIN").await?;
        let found = match op {
            Op::Attach { pin } => attach::look(conn, self.place, pin.as_deref())
                .await
                .map(Reply::Attached),
            Op::Probe(id) => match self.action(&id) {
                Ok(action) => act::probe(conn, &self.place.compiled.work, action)
                    .await
                    .map(Reply::Probed),
                Err(error) => Err(error),
            },
            Op::ReadRange { job, range } => self.read_range(conn, &job, range).await,
            Op::CountRestore { job, after, rows } => {
                self.count_restore(conn, &job, after, rows).await
            }
            other => Err(refused(
                "sqlite/call",
                format!("{other:?} does not only read"),
            )),
        };
        give_back(conn, found).await
    }

    async fn read_range(
        &self,
        conn: &mut SqliteConnection,
        job: &RowJob,
        range: u32,
    ) -> Result<Reply, CallError> {
        let fence = fence_of(conn, self.epoch).await?;
        let found = range::checkpoint_of(conn, &job.id, range, fence.generation).await?;
        Ok(Reply::Range(found.at))
    }

    async fn count_restore(
        &self,
        conn: &mut SqliteConnection,
        job: &RowJob,
        after: Option<Key>,
        rows: u32,
    ) -> Result<Reply, CallError> {
        let target = self.target(job)?;
        let shape = self.shape(conn, &target).await?;
        self.chunk_of(job, &target, &shape, rows)
            .count_restore(conn, after)
            .await
    }

    async fn check(&self, conn: &mut SqliteConnection, id: &str) -> Result<Reply, CallError> {
        let work = &self.place.compiled.work;
        let look = self.place.compiled.steps.looks.get(id);
        let look = look.ok_or_else(|| refused(code::UNKNOWN_STEP, format!("no check {id}")))?;
        let mut checks = Vec::new();
        match look {
            Look::Quiet => return Ok(Reply::Checked(look::quiet(self.place).await)),
            Look::Preflight => checks.push(preflight::writable(conn).await?),
            Look::Invariants => {}
        }
        begin(conn, "BEGIN").await?;
        let found = match look {
            Look::Preflight => preflight::checks(conn, self.place).await,
            Look::Invariants | Look::Quiet => look::invariants(conn, work).await,
        };
        checks.extend(give_back(conn, found).await?);
        Ok(Reply::Checked(checks))
    }

    /// The fence, if it is still ours.
    async fn fence(&self, conn: &mut SqliteConnection) -> Result<Fence, CallError> {
        begin(conn, "BEGIN").await?;
        let fence = fence_of(conn, self.epoch).await;
        give_back(conn, fence).await
    }

    async fn set_share(
        &self,
        conn: &mut SqliteConnection,
        percent: u8,
    ) -> Result<Reply, CallError> {
        let fence = self.fence(conn).await?;
        let place = self.place;
        match place.flags.set(&place.name, percent).await {
            Ok(()) => Ok(Reply::Done {
                generation: fence.generation,
            }),
            Err(fault) => Err(flag_error(&fault)),
        }
    }

    async fn share_seen(
        &self,
        conn: &mut SqliteConnection,
        percent: u8,
    ) -> Result<Reply, CallError> {
        // A deposed engine must learn here that it has lost its say.
        self.fence(conn).await?;
        let place = self.place;
        match place.flags.seen(&place.name, percent).await {
            Ok(seen) => Ok(Reply::Seen {
                clients: seen.clients,
                behind: seen.behind,
            }),
            Err(fault) => Err(flag_error(&fault)),
        }
    }

    fn action(&self, id: &str) -> Result<Action, CallError> {
        let found = self.place.compiled.steps.actions.get(id).copied();
        found.ok_or_else(|| refused(code::UNKNOWN_STEP, format!("no step {id}")))
    }

    pub(super) fn target(&self, job: &RowJob) -> Result<JobTarget, CallError> {
        let found = self.place.compiled.steps.jobs.get(&job.id).copied();
        found.ok_or_else(|| refused(code::UNKNOWN_STEP, format!("no row job {}", job.id)))
    }

    /// Everything that writes, inside a fenced transaction.
    async fn effect(
        &self,
        conn: &mut SqliteConnection,
        op: Op,
        fence: &Fence,
    ) -> Result<Reply, CallError> {
        let work = &self.place.compiled.work;
        let mut generation = fence.generation;
        match op {
            Op::BeginStop { stop, warrant } => {
                attach::begin_stop(conn, stop).await?;
                receipt::witness(conn, stop, &warrant, self.epoch).await?;
            }
            Op::EndStop(stop) => {
                if stop > Stop::DualWrite {
                    // Before that triggers may be left of an earlier pass.
                    intact::demand(conn, work).await?;
                }
                receipt::write(conn, &self.place.compiled.steps, stop, fence).await?;
                attach::end_stop(conn, stop).await?;
            }
            Op::EndUndo { undone, remains } => {
                attach::end_undo(conn, self.place, undone, remains).await?;
            }
            Op::Apply(id) => act::apply(conn, work, self.action(&id)?, self.epoch).await?,
            Op::MendDualWrite => generation = attach::mend(conn, work).await?,
            Op::Split { job, ranges } => {
                let target = self.target(&job)?;
                let table = &work.tables[target.table];
                let shape = catalog::shape(conn, &table.table).await?;
                let version = install::schema_version(conn).await?;
                let pair = (table, &shape);
                let cut = range::split(conn, &job.id, &target, pair, ranges, fence).await?;
                intact::note_own_change(conn, version).await?;
                return Ok(Reply::Ranges(cut));
            }
            Op::CloseRange { job, range } => {
                let target = self.target(&job)?;
                let shape = self.shape(conn, &target).await?;
                let at = range::checkpoint_of(conn, &job.id, range, generation).await?;
                let chunk = self.chunk_of(&job, &target, &shape, 1);
                let empty = chunk.close(conn, &at).await?;
                return Ok(Reply::Closed { empty });
            }
            Op::Conclude(job) => {
                let target = self.target(&job)?;
                intact::demand(conn, work).await?;
                return conclude(conn, &job.id, &target, fence)
                    .await
                    .map(Reply::Concluded);
            }
            other => return Err(refused("sqlite/call", format!("{other:?} writes nothing"))),
        }
        Ok(Reply::Done { generation })
    }

    pub(super) async fn shape(
        &self,
        conn: &mut SqliteConnection,
        target: &JobTarget,
    ) -> Result<super::dialect::shape::TableShape, CallError> {
        let table = &self.place.compiled.work.tables[target.table];
        catalog::shape(conn, &table.table).await
    }

    pub(super) fn chunk_of<'c>(
        &'c self,
        job: &'c RowJob,
        target: &'c JobTarget,
        shape: &'c super::dialect::shape::TableShape,
        rows: u32,
    ) -> Chunk<'c> {
        Chunk {
            job: &job.id,
            target,
            work: &self.place.compiled.work,
            shape,
            rows,
        }
    }
}

fn flag_error(fault: &crate::base::Fault) -> CallError {
    CallError {
        // A flag provider that does not answer is tried again.
        kind: ErrorKind::Yielded,
        code: fault.code.clone(),
        message: fault.what.clone(),
    }
}

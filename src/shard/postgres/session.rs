//! One connection that executes calls. A call that failed in any way that
//! leaves its outcome open poisons the connection.

use super::connect::{self, Purpose};
use super::{Failure, Inner, act, check, chunk, registry, split};
use crate::shard::{Session, SessionRole};
use crate::worker::{ErrorKind, Op, Reply, ShardCall};
use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnection;
use std::sync::Arc;
use std::time::Duration;

/// See the module.
pub(super) struct PostgresSession {
    shard: Arc<Inner>,
    role: SessionRole,
    connection: Option<PgConnection>,
    /// What the quiet check saw last.
    quiet: check::QuietMemory,
}

/// A call that takes longer than any statement may is lost.
const CALL_STEP: Duration = Duration::from_secs(90);
/// Validation and concurrent builds may run for hours.
const CALL_LONG: Duration = Duration::from_secs(24 * 3600);

impl PostgresSession {
    pub(super) fn new(shard: Arc<Inner>, role: SessionRole) -> Self {
        Self {
            shard,
            role,
            connection: None,
            quiet: check::QuietMemory::default(),
        }
    }

    fn purpose(&self) -> Purpose {
        match self.role {
            SessionRole::Lead => Purpose::Step,
            SessionRole::Range => Purpose::Chunk {
                statement_ms: self.shard.chunk_statement_ms(),
            },
        }
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, Failure> {
        if self.connection.is_none() {
            let known = self.shard.known();
            let found = connect::primary(
                &self.shard.spec.candidates,
                &self.shard.identity,
                self.purpose(),
                &known,
            )
            .await?;
            self.shard.remember(&found);
            self.connection = Some(found.connection);
        }
        // Set right above when it was missing.
        self.connection.as_mut().ok_or_else(|| {
            Failure(super::error::own(
                ErrorKind::Unreachable,
                "connection",
                "no connection",
            ))
        })
    }

    async fn execute(&mut self, call: ShardCall) -> Result<Reply, Failure> {
        let shard = Arc::clone(&self.shard);
        if let Op::Attach { pin } = &call.op {
            // Attach always looks afresh: the primary may have moved.
            self.connection = None;
            if let Some(pin) = pin {
                shard.expect(pin);
            }
        }
        if let Op::SetShare(percent) = call.op {
            return act::set_share(&shard, percent).await;
        }
        if let Op::ShareSeen(percent) = call.op {
            return act::share_seen(&shard, percent).await;
        }
        let quiet = std::mem::take(&mut self.quiet);
        let connection = self.connection().await?;
        let epoch = call.epoch;
        let (reply, quiet) = match call.op {
            Op::Check(id) => check::check(connection, &shard, &id, quiet).await?,
            op => (dispatch(connection, &shard, epoch, op).await?, quiet),
        };
        self.quiet = quiet;
        Ok(reply)
    }
}

async fn dispatch(
    connection: &mut PgConnection,
    shard: &Inner,
    epoch: u64,
    op: Op,
) -> Result<Reply, Failure> {
    match op {
        Op::Attach { .. } => registry::attach(connection, shard).await,
        Op::TakeOver { known_epoch } => registry::take_over(connection, shard, known_epoch).await,
        Op::BeginStop(stop) => registry::begin_stop(connection, shard, epoch, stop).await,
        Op::EndStop(stop) => registry::end_stop(connection, epoch, stop).await,
        Op::EndUndo { remains, .. } => registry::end_undo(connection, epoch, remains).await,
        Op::Probe(id) => act::probe(connection, shard, &id).await,
        Op::Apply(id) => act::apply(connection, shard, epoch, &id).await,
        Op::Split { job, ranges } => split::split(connection, shard, epoch, &job, ranges).await,
        Op::ReadRange { job, range } => chunk::read_range(connection, &job, range).await,
        Op::Chunk {
            job,
            range,
            after,
            rows,
        } => {
            let wanted = chunk::Wanted {
                job: &job,
                range,
                after,
                rows,
            };
            chunk::chunk(connection, shard, epoch, wanted).await
        }
        Op::CloseRange { job, range } => {
            chunk::close_range(connection, shard, epoch, &job, range).await
        }
        Op::Conclude(job) => split::conclude(connection, epoch, &job).await,
        Op::MendDualWrite => registry::mend(connection, shard, epoch).await,
        // Handled before a connection is needed.
        Op::Check(_) | Op::SetShare(_) | Op::ShareSeen(_) => Err(Failure(super::error::own(
            ErrorKind::Refused,
            "session",
            "not a connection call",
        ))),
    }
}

impl Session for PostgresSession {
    fn call(&mut self, call: ShardCall) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let long = match &call.op {
                Op::Apply(id) => self.shard.program().is_long(id),
                Op::Check(_) => true,
                _ => false,
            };
            let limit = if long { CALL_LONG } else { CALL_STEP };
            match tokio::time::timeout(limit, self.execute(call)).await {
                Ok(Ok(reply)) => reply,
                Ok(Err(Failure(error))) => {
                    // A refused or yielded statement may have left its
                    // transaction open; a lost connection is lost.
                    self.connection = None;
                    Reply::Error(error)
                }
                Err(_) => {
                    self.connection = None;
                    Reply::Error(super::error::own(
                        ErrorKind::Unknown,
                        "timeout",
                        format!("no answer within {} s", limit.as_secs()),
                    ))
                }
            }
        })
    }
}

//! One connection that executes calls. A call that failed in any way that
//! leaves its outcome open poisons the connection.

use super::connect::{self, Known, Purpose};
use super::{Failure, Inner, Met, act, check, chunk, lock_wait, long, registry, split, sql};
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
    /// Never connected yet: nothing can have been lost.
    is_fresh: bool,
    /// What the quiet check saw last.
    quiet: check::QuietMemory,
}

/// A call that takes longer than any statement may is lost.
const CALL_STEP: Duration = Duration::from_secs(90);
/// A server that cannot even roll back in this time is lost.
const ROLLBACK: Duration = Duration::from_secs(2);
/// Validation and concurrent builds may run for hours.
const CALL_LONG: Duration = Duration::from_secs(24 * 3600);

impl PostgresSession {
    pub(super) fn new(shard: Arc<Inner>, role: SessionRole) -> Self {
        Self {
            shard,
            role,
            connection: None,
            is_fresh: true,
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

    /// Connects to the database with this identity; only if it is found is it
    /// remembered as ours.
    async fn connect(&mut self, known: &Known) -> Result<(), Failure> {
        let found = connect::primary(
            &self.shard.spec.candidates,
            &self.shard.identity,
            self.purpose(),
            known,
        )
        .await?;
        self.shard.remember(&found);
        self.connection = Some(found.connection);
        self.is_fresh = false;
        Ok(())
    }

    /// The connection. Only a call that reads the shard's truth afresh may
    /// open one: a connection that died may have taken its server along, and
    /// on another server what this worker did may never have happened.
    async fn connection(&mut self, opens: Opens) -> Result<&mut PgConnection, Failure> {
        if self.connection.is_none() && opens == Opens::Never {
            let message = "the connection was lost; the shard has to be read again";
            return Err(Failure(super::error::own(
                ErrorKind::Unknown,
                "connection",
                message,
            )));
        }
        if self.connection.is_none() {
            self.connect(&self.shard.known()).await?;
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

    /// After an error: a server that answered can roll back and go on; any
    /// other connection is given up.
    async fn recover(&mut self, kind: ErrorKind) {
        let answered = matches!(
            kind,
            ErrorKind::Yielded | ErrorKind::Refused | ErrorKind::Fenced { .. }
        );
        let Some(mut connection) = self.connection.take().filter(|_| answered) else {
            return;
        };
        let rolled_back = async {
            sql::run(&mut connection, "ROLLBACK").await?;
            // A step that runs alone may have left its own limits behind, and
            // a look at other sessions its role.
            sql::run(&mut connection, long::RELEASE).await?;
            sql::run(&mut connection, "RESET ROLE").await?;
            sql::run(&mut connection, "RESET search_path").await?;
            sql::run(&mut connection, "RESET lock_timeout").await?;
            sql::run(&mut connection, "RESET statement_timeout").await
        };
        if let Ok(Ok(_)) = tokio::time::timeout(ROLLBACK, rolled_back).await {
            self.connection = Some(connection);
        }
    }

    async fn execute(&mut self, call: ShardCall) -> Result<Reply, Failure> {
        let shard = Arc::clone(&self.shard);
        if let Op::Attach { pin } = &call.op {
            // Attach always looks afresh: the primary may have moved.
            self.connection = None;
            if let Some(pin) = pin {
                let known = Known {
                    pin: Some(pin.clone()),
                    ..shard.known()
                };
                self.connect(&known).await?;
            }
        }
        let quiet = std::mem::take(&mut self.quiet);
        let opens = match call.op {
            Op::Attach { .. } | Op::ReadRange { .. } | Op::CountRestore { .. } => Opens::IfNeeded,
            _ if self.is_fresh => Opens::IfNeeded,
            _ => Opens::Never,
        };
        let connection = self.connection(opens).await?;
        let epoch = call.epoch;
        let (reply, quiet) = match call.op {
            Op::Check(id) => check::check(connection, &shard, &id, quiet).await?,
            op => (dispatch(connection, &shard, epoch, op).await?, quiet),
        };
        self.quiet = quiet;
        Ok(reply)
    }
}

/// SQLSTATE of a lock that was not to be had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Whether a call may open a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opens {
    IfNeeded,
    Never,
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
        Op::BeginStop { stop, warrant } => {
            registry::begin_stop(connection, shard, epoch, stop, &warrant).await
        }
        Op::EndStop(stop) => registry::end_stop(connection, shard, epoch, stop).await,
        Op::EndUndo { undone, remains } => {
            registry::end_undo(connection, epoch, undone, remains).await
        }
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
        Op::CountRestore { job, after, rows } => {
            chunk::count_restore(connection, shard, &job, after, rows).await
        }
        Op::Conclude(job) => split::conclude(connection, shard, epoch, &job).await,
        Op::MendDualWrite => registry::mend(connection, shard, epoch).await,
        Op::SetShare(percent) => act::set_share(connection, shard, epoch, percent).await,
        // Handled before a connection is needed.
        Op::ShareSeen(percent) => act::share_seen(connection, shard, epoch, percent).await,
        Op::Check(_) => Err(Failure(super::error::own(
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
            let is_step = matches!(call.op, Op::Apply(_));
            match tokio::time::timeout(limit, self.execute(call)).await {
                Ok(Ok(reply)) => {
                    if is_step {
                        self.shard.note_way(Met::Nobody);
                    }
                    reply
                }
                Ok(Err(Failure(mut error))) => {
                    self.recover(error.kind).await;
                    if is_step && error.code == LOCK_NOT_AVAILABLE {
                        self.shard.note_way(Met::Lock);
                        error.message.push_str(&lock_wait::told(&self.shard).await);
                    }
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

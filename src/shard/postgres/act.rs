//! Actions and flag shares.

use super::dialect::{Action, Mode};
use super::error::own;
use super::fence::{self, Durability};
use super::sql;
use super::{Failure, Inner, int, long};
use crate::base::{Fault, code};
use crate::worker::{CallError, ErrorKind, Probe, Reply};
use sqlx::postgres::PgConnection;

fn action<'a>(shard: &'a Inner, id: &str) -> Result<&'a Action, Failure> {
    shard.program().actions.get(id).ok_or_else(|| {
        Failure(own(
            ErrorKind::Refused,
            code::UNKNOWN_STEP,
            format!("the plan has no step {id}"),
        ))
    })
}

/// Is it already so?
pub(super) async fn probe(
    connection: &mut PgConnection,
    shard: &Inner,
    id: &str,
) -> Result<Reply, Failure> {
    let action = action(shard, id)?;
    let found = sql::text(connection, &action.probe, vec![]).await?;
    Ok(Reply::Probed(match found.as_deref() {
        Some("already") => Probe::Already,
        Some("half") => Probe::Half,
        _ => Probe::Absent,
    }))
}

/// Brings it about.
pub(super) async fn apply(
    connection: &mut PgConnection,
    shard: &Inner,
    epoch: u64,
    id: &str,
) -> Result<Reply, Failure> {
    let action = action(shard, id)?;
    if action.mode.is_long() {
        let wait = match action.mode {
            Mode::Build => long::AS_LONG_AS_IT_TAKES,
            Mode::Alone | Mode::Transaction => long::BRIEFLY,
        };
        let fence = long::run(connection, epoch, wait, &action.statements).await?;
        return Ok(Reply::Done {
            generation: fence.generation,
        });
    }
    let fence = fence::begin(connection, epoch, Durability::Synchronous).await?;
    for statement in &action.statements {
        sql::run(connection, statement).await?;
    }
    let mark = "INSERT INTO pilothouse.step_done (id, epoch) VALUES ($1, $2)
        ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, at = clock_timestamp()";
    sql::execute(connection, mark, vec![id.into(), int(epoch)]).await?;
    fence::commit(connection).await?;
    Ok(Reply::Done {
        generation: fence.generation,
    })
}

fn flag_error(fault: &Fault) -> Failure {
    Failure(CallError {
        kind: ErrorKind::Yielded,
        code: fault.code.clone(),
        message: fault.what.clone(),
    })
}

/// Sets the flag share, under the fence: a deposed engine must not move it.
pub(super) async fn set_share(
    connection: &mut PgConnection,
    shard: &Inner,
    epoch: u64,
    percent: u8,
) -> Result<Reply, Failure> {
    let fence = fence::begin(connection, epoch, Durability::Relaxed).await?;
    let set = shard.flags.set(&shard.spec.name, percent).await;
    set.map_err(|f| flag_error(&f))?;
    fence::commit(connection).await?;
    Ok(Reply::Done {
        generation: fence.generation,
    })
}

/// Who has seen it?
pub(super) async fn share_seen(
    connection: &mut PgConnection,
    shard: &Inner,
    epoch: u64,
    percent: u8,
) -> Result<Reply, Failure> {
    // A deposed engine must learn here that it has lost its say.
    fence::begin(connection, epoch, Durability::Relaxed).await?;
    fence::commit(connection).await?;
    let seen = shard.flags.seen(&shard.spec.name, percent).await;
    let seen = seen.map_err(|f| flag_error(&f))?;
    Ok(Reply::Seen {
        clients: seen.clients,
        behind: seen.behind,
    })
}

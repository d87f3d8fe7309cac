//! Ends a session that others wait for: the very transaction that a person has
//! seen, and only while somebody waits for it.

use super::connect::{self, Purpose};
use super::{Failure, Inner, lock_wait, sql};
use crate::base::Untrusted;
use crate::rollout::{Blocker, BlockerEnd};
use crate::wire::{LockParty, words};
use crate::worker::CallError;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

/// A transaction that has written and is open for longer is spared: what it
/// has done would all be lost, and that is for its owner to decide.
const BIG_MS: i64 = 600_000;

/// How long its end is waited for, in milliseconds.
const ENDS_WITHIN_MS: i64 = 1_500;

/// What it is, if it still is.
const LOOK: &str = "SELECT a.backend_type,
        concat_ws(' ', a.usename, nullif(a.application_name, '')),
        (a.application_name LIKE 'pilothouse/%'),
        (a.backend_xid IS NOT NULL),
        (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint,
        EXISTS (SELECT 1 FROM pg_stat_activity w
          WHERE w.wait_event_type = 'Lock' AND a.pid = ANY (pg_blocking_pids(w.pid)))
    FROM pg_stat_activity a
    WHERE a.pid = $1 AND (extract(epoch FROM a.xact_start) * 1000000)::bigint = $2
      AND a.datname = current_database()";

const END: &str = "SELECT pg_terminate_backend(a.pid, $3)::text FROM pg_stat_activity a
    WHERE a.pid = $1 AND (extract(epoch FROM a.xact_start) * 1000000)::bigint = $2
      AND a.datname = current_database()";

/// Looks again, then ends it.
pub(super) async fn end(shard: &Inner, blocker: Blocker) -> BlockerEnd {
    let (candidates, known) = (&shard.spec.candidates, shard.known());
    let found = connect::primary(candidates, &shard.identity, Purpose::Measure, &known).await;
    let ended = match found {
        Ok(mut found) => end_on(&mut found.connection, shard, blocker).await,
        Err(failure) => Err(failure),
    };
    ended.unwrap_or_else(|Failure(error)| BlockerEnd::Failed(why(&error)))
}

fn why(error: &CallError) -> String {
    let message = Untrusted::new(&error.message).to_string();
    match error.code.as_str() {
        "42501" => format!("{message}; GRANT pg_signal_backend to the login role"),
        _ => message,
    }
}

async fn end_on(
    connection: &mut PgConnection,
    shard: &Inner,
    blocker: Blocker,
) -> Result<BlockerEnd, Failure> {
    let values = vec![i64::from(blocker.pid).into(), blocker.began_us.into()];
    let Some(row) = sql::row(connection, LOOK, values.clone()).await? else {
        return Ok(BlockerEnd::Gone);
    };
    let (kind, who): (Option<String>, String) = (row.try_get(0)?, row.try_get(1)?);
    let (is_ours, has_written): (bool, bool) = (row.try_get(2)?, row.try_get(3)?);
    let (open_ms, is_waited_for): (i64, bool) = (row.try_get(4)?, row.try_get(5)?);
    let blocks = is_waited_for || gives_way_to(connection, shard, blocker).await?;
    let spared = if kind.as_deref() != Some("client backend") {
        let kind = kind.unwrap_or_else(|| "another process".into());
        Some(format!("it is no client, but {}", Untrusted::new(kind)))
    } else if is_ours {
        Some("it is pilothouse itself; pause the shard instead".into())
    } else if !blocks {
        Some("nobody waits for it any more".into())
    } else if has_written && open_ms > BIG_MS {
        let open = words::ms(u64::try_from(open_ms).unwrap_or(0));
        Some(format!(
            "it has written for {open}, and all of that would be lost; speak to its owner, or end it on the server yourself"
        ))
    } else {
        None
    };
    if let Some(why) = spared {
        return Ok(BlockerEnd::Spared(why));
    }
    let values = values.into_iter().chain([ENDS_WITHIN_MS.into()]);
    let ended = sql::text(connection, END, values.collect()).await?;
    Ok(match ended.as_deref() {
        Some("true") => BlockerEnd::Ended {
            who: Untrusted::new(who).to_string(),
        },
        Some(_) => BlockerEnd::Failed(format!(
            "it was told to end and is still there after {ENDS_WITHIN_MS} ms"
        )),
        None => BlockerEnd::Gone,
    })
}

/// Whether a step of ours, between two tries, would wait for it.
async fn gives_way_to(
    connection: &mut PgConnection,
    shard: &Inner,
    blocker: Blocker,
) -> Result<bool, Failure> {
    if shard.gives_way_since().is_none() {
        return Ok(false);
    }
    let found = lock_wait::in_the_way(connection, shard).await?;
    let is_it =
        |party: &LockParty| party.pid == blocker.pid && party.began_us == Some(blocker.began_us);
    Ok(found.iter().any(is_it))
}

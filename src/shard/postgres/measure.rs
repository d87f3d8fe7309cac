//! Throttle signals. What cannot be read has no value, and that closes the
//! throttle: unknown is never "go".

use super::connect::{self, Identity, Purpose};
use super::sql::{self, Value};
use super::{Failure, Inner, progress, role};
use crate::base::Ident;
use crate::fleet::Endpoint;
use crate::shard::Measurement;
use crate::wire::{OWN_STATEMENTS, StepProgress};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use std::time::Duration;

/// A replica that does not answer within this time is unknown.
const ANSWER: Duration = Duration::from_secs(2);

/// Everything the primary is asked at once. What the server is at of ours explains
/// why nothing moves; a commit that waits for a standby which is gone does not.
const SIGNALS: &str = "SELECT
      (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend'
         AND application_name NOT LIKE 'pilothouse/%'),
      (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start) * 1000), 0)::bigint
         FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND application_name NOT LIKE 'pilothouse/%'),
      (SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::bigint
         FROM pg_replication_slots),
      (SELECT CASE WHEN current_setting('archive_mode') = 'off' THEN 0
         WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN 1000000 ELSE 0 END::bigint
         FROM pg_stat_archiver),
      pg_is_in_recovery(),
      (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()
         AND datname = current_database() AND application_name LIKE 'pilothouse/%'
         AND wait_event IS DISTINCT FROM 'SyncRep')";

/// Connections kept between polls: one to the primary, one per replica.
#[derive(Default)]
pub(super) struct Measurer {
    primary: Option<PgConnection>,
    replicas: Vec<Option<PgConnection>>,
}

/// What the primary says about time and place, to hold replicas against.
struct Here {
    lsn: String,
    at_ms: i64,
    place: String,
}

fn measured(signal: &str, place: &str, value: Option<i64>) -> Measurement {
    Measurement {
        signal: signal.into(),
        place: place.into(),
        value: value.map(|v| u64::try_from(v).unwrap_or(0)),
    }
}

impl Measurer {
    /// Reads every signal once.
    pub(super) async fn measure(&mut self, shard: &Inner) -> Vec<Measurement> {
        let mut out = Vec::new();
        let here = match tokio::time::timeout(ANSWER, self.primary(shard, &mut out)).await {
            Ok(Ok(here)) => Some(here),
            Ok(Err(_)) | Err(_) => {
                self.primary = None;
                out.clear();
                out.push(measured("primary", "primary", None));
                None
            }
        };
        self.replicas
            .resize_with(shard.spec.replicas.len(), || None);
        for (slot, endpoint) in self.replicas.iter_mut().zip(&shard.spec.replicas) {
            let Endpoint::Postgres(address) = endpoint else {
                continue;
            };
            let place = format!("{}:{}", address.host, address.port);
            // A replica that was promoted is the primary now, not a replica.
            if here.as_ref().is_some_and(|here| here.place == place) {
                continue;
            }
            let read = replica(slot, endpoint, &shard.identity, here.as_ref());
            let lag = match tokio::time::timeout(ANSWER, read).await {
                Ok(Ok(lag)) => lag,
                Ok(Err(_)) | Err(_) => {
                    *slot = None;
                    None
                }
            };
            out.push(measured("replica_lag_ms", &place, lag));
        }
        out
    }

    /// How far a statement of ours is, if the server counts it.
    pub(super) async fn progress(&mut self) -> Option<StepProgress> {
        let connection = self.primary.as_mut()?;
        let look = progress::look(connection);
        match tokio::time::timeout(ANSWER, look).await {
            Ok(found) => found,
            Err(_) => {
                // Half an answer may still be on its way.
                self.primary = None;
                None
            }
        }
    }

    async fn primary(
        &mut self,
        shard: &Inner,
        out: &mut Vec<Measurement>,
    ) -> Result<Here, Failure> {
        if self.primary.is_none() {
            let known = shard.known();
            let candidates = &shard.spec.candidates;
            let found =
                connect::primary(candidates, &shard.identity, Purpose::Measure, &known).await?;
            shard.remember(&found);
            self.primary = Some(found.connection);
        }
        let Some(connection) = self.primary.as_mut() else {
            return Err(Failure(super::error::own(
                crate::worker::ErrorKind::Unreachable,
                "connection",
                "no connection",
            )));
        };
        let place = shard.primary_place();
        let row = sql::row(connection, SIGNALS, vec![])
            .await?
            .ok_or_else(|| {
                Failure(super::error::own(
                    crate::worker::ErrorKind::Unknown,
                    "measure",
                    "no row",
                ))
            })?;
        if row.try_get::<bool, _>(4)? {
            self.primary = None;
            return Err(Failure(super::error::own(
                crate::worker::ErrorKind::Unreachable,
                "measure",
                "the primary is in recovery now",
            )));
        }
        out.push(measured("active_sessions", &place, Some(row.try_get(0)?)));
        out.push(measured(
            "oldest_transaction_ms",
            &place,
            Some(row.try_get(1)?),
        ));
        out.push(measured("slot_wal_bytes", &place, Some(row.try_get(2)?)));
        out.push(measured("archive_segments", &place, Some(row.try_get(3)?)));
        let own = Some(row.try_get(5)?);
        out.push(measured(OWN_STATEMENTS, &place, own));
        let role = shard.identity.role.as_ref();
        let installed = installed(connection, role).await?;
        if installed {
            let (count, writers) = role::old_form(connection, role).await?;
            out.push(measured("old_form_writes", &writers, Some(count)));
        }
        heartbeat(connection, &place, role, installed).await
    }
}

/// Whether our schema is there. Whoever may not look into it cannot even ask.
async fn installed(connection: &mut PgConnection, role: Option<&Ident>) -> Result<bool, Failure> {
    role::take(connection, role).await?;
    let there = sql::is_there(connection, "pilothouse.heartbeat").await?;
    role::lay_down(connection).await?;
    Ok(there)
}

/// Writes the heartbeat once our schema is there, and reads where the log is.
async fn heartbeat(
    connection: &mut PgConnection,
    place: &str,
    role: Option<&Ident>,
    installed: bool,
) -> Result<Here, Failure> {
    if installed {
        let beat = "INSERT INTO pilothouse.heartbeat (at) VALUES (clock_timestamp())
            ON CONFLICT (one) DO UPDATE SET at = excluded.at";
        role::take(connection, role).await?;
        sql::run(connection, beat).await?;
        role::lay_down(connection).await?;
    }
    let statement =
        "SELECT pg_current_wal_lsn()::text, (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let row = sql::row(connection, statement, vec![])
        .await?
        .ok_or_else(|| {
            Failure(super::error::own(
                crate::worker::ErrorKind::Unknown,
                "measure",
                "no row",
            ))
        })?;
    Ok(Here {
        lsn: row.try_get(0)?,
        at_ms: row.try_get(1)?,
        place: place.into(),
    })
}

/// Lag of one replica: zero when it has replayed all that the primary had
/// written, otherwise the age of the newest heartbeat it shows. The replay
/// timestamp is not used: it grows on an idle, healthy pair.
async fn replica(
    slot: &mut Option<PgConnection>,
    endpoint: &Endpoint,
    identity: &Identity,
    here: Option<&Here>,
) -> Result<Option<i64>, Failure> {
    let Endpoint::Postgres(address) = endpoint else {
        return Ok(None);
    };
    if slot.is_none() {
        *slot = Some(connect::open(address, identity, Purpose::Measure).await?);
    }
    let (Some(connection), Some(here)) = (slot.as_mut(), here) else {
        return Ok(None);
    };
    let statement = "SELECT pg_is_in_recovery(),
        coalesce(pg_wal_lsn_diff($1::pg_lsn, pg_last_wal_replay_lsn()), 0)::bigint,
        CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() <> 'not paused' ELSE false END";
    let row = sql::row(connection, statement, vec![Value::from(here.lsn.as_str())]).await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let (recovering, behind, paused): (bool, i64, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    // Paused replay or a server that is no replica at all is no healthy replica.
    if !recovering || paused {
        return Ok(None);
    }
    if behind <= 0 {
        return Ok(Some(0));
    }
    let role = identity.role.as_ref();
    if !installed(connection, role).await? {
        return Ok(Some(0).filter(|_| behind < 16 * 1024 * 1024));
    }
    let beat = "SELECT (extract(epoch FROM at) * 1000)::bigint::text FROM pilothouse.heartbeat";
    // On a replica, too: the login role need not inherit what the owner may.
    role::take(connection, role).await?;
    let at = sql::text(connection, beat, vec![]).await?;
    role::lay_down(connection).await?;
    let at = at.and_then(|t| t.parse::<i64>().ok());
    Ok(at.map(|at| (here.at_ms - at).max(0)))
}

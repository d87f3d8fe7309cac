//! The other servers of a shard: candidates for a failover, and replicas.

use super::{finding, pass_or};
use crate::base::Untrusted;
use crate::fleet::{Endpoint, PostgresEndpoint};
use crate::shard::postgres::connect::{self, Purpose};
use crate::shard::postgres::sql;
use crate::shard::postgres::{Failure, Inner};
use crate::worker::{Check, CheckVerdict};
use sqlx::Row;

/// What a server says of itself.
struct Told {
    is_standby: bool,
    is_this_system: bool,
    is_paused: bool,
    streams: bool,
}

fn place(address: &PostgresEndpoint) -> String {
    format!("{}:{}", address.host, address.port)
}

async fn ask(shard: &Inner, address: &PostgresEndpoint) -> Result<Option<Told>, Failure> {
    let mut connection = connect::open(address, &shard.identity, Purpose::Measure).await?;
    let statement =
        "SELECT pg_is_in_recovery(), (SELECT system_identifier::text FROM pg_control_system()),
        CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() <> 'not paused' ELSE false END,
        EXISTS (SELECT 1 FROM pg_stat_wal_receiver)";
    let Some(row) = sql::row(&mut connection, statement, vec![]).await? else {
        return Ok(None);
    };
    let system: String = row.try_get(1)?;
    let pin = shard.pin().unwrap_or_default();
    Ok(Some(Told {
        is_standby: row.try_get(0)?,
        is_this_system: pin.split('/').next() == Some(system.as_str()),
        is_paused: row.try_get(2)?,
        streams: row.try_get(3)?,
    }))
}

/// Whoever may be the primary tomorrow should be reachable today.
pub(super) async fn candidates(shard: &Inner) -> Vec<Check> {
    let mut out = Vec::new();
    for candidate in &shard.spec.candidates {
        let Endpoint::Postgres(address) = candidate else {
            continue;
        };
        if place(address) == shard.primary_place() {
            continue;
        }
        let (what, good) = match ask(shard, address).await {
            Ok(Some(told)) => match (told.is_this_system, told.is_standby) {
                (true, true) => ("a standby of this system".to_owned(), true),
                (true, false) => ("of this system, but not in recovery".to_owned(), false),
                (false, _) => ("another system".to_owned(), false),
            },
            Ok(None) => ("no answer".to_owned(), false),
            Err(Failure(error)) => (Untrusted::new(error.message).to_string(), false),
        };
        out.push(finding(
            "candidate",
            pass_or(CheckVerdict::Warn, good),
            format!("{}: {what}", place(address)),
            "every candidate answers and belongs to this system",
            "correct candidates in the fleet file, or start the server: a failover there would not be followed",
        ));
    }
    out
}

/// A replica of the fleet file that nobody can judge keeps the throttle shut.
pub(super) async fn replicas(shard: &Inner) -> Vec<Check> {
    let mut out = Vec::new();
    for endpoint in &shard.spec.replicas {
        let Endpoint::Postgres(address) = endpoint else {
            continue;
        };
        let place = place(address);
        let fail = CheckVerdict::Fail;
        let (what, verdict) = match ask(shard, address).await {
            Ok(Some(told)) if !told.is_this_system => ("is another system".to_owned(), fail),
            // After a failover a replica of the file may be the primary.
            Ok(Some(told)) if !told.is_standby && place != shard.primary_place() => (
                "is not in recovery, so it replicates nothing".to_owned(),
                fail,
            ),
            Ok(Some(told)) if told.is_paused => ("its replay is paused".to_owned(), fail),
            Ok(Some(told)) if told.is_standby && !told.streams => (
                "follows this system, but has no WAL receiver now".to_owned(),
                CheckVerdict::Warn,
            ),
            Ok(Some(_)) => ("streams this system".to_owned(), CheckVerdict::Pass),
            Ok(None) => ("no answer".to_owned(), fail),
            Err(Failure(error)) => (Untrusted::new(error.message).to_string(), fail),
        };
        out.push(finding(
            "replica",
            verdict,
            format!("{place}: {what}"),
            "reachable, and a replica of this system",
            "correct replicas in the fleet file, or start the replica",
        ));
    }
    out
}

//! Who else reads this server's log: publications and replication slots.

use super::{finding, pass_or};
use crate::base::Untrusted;
use crate::shard::postgres::dialect::by_table;
use crate::shard::postgres::sql;
use crate::shard::postgres::{Failure, Inner};
use crate::worker::{Check, CheckVerdict};
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// One row of `pg_replication_slots`.
struct Slot {
    name: String,
    plugin: Option<String>,
    is_here: bool,
    is_active: bool,
    kept_bytes: Option<u64>,
    is_lost: bool,
}

pub(super) async fn checks(
    connection: &mut PgConnection,
    shard: &Inner,
) -> Result<Vec<Check>, Failure> {
    let mut out = Vec::new();
    for form in by_table(&shard.program().forms) {
        // Of a partitioned table the partitions may be what is published.
        let statement =
            "SELECT string_agg(DISTINCT p.pubname::text, ', ') FROM pg_publication_tables p
            JOIN pg_namespace n ON n.nspname = p.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
            WHERE c.oid IN
              (SELECT to_regclass($1) UNION ALL SELECT relid FROM pg_partition_tree(to_regclass($1)))";
        let qualified = form.qualified();
        let found = sql::text(connection, statement, vec![qualified.as_str().into()]).await?;
        out.push(finding(
            "publications",
            pass_or(CheckVerdict::Warn, found.is_none()),
            match found {
                Some(names) => format!("{qualified} is in {}", Untrusted::new(names)),
                None => format!("{qualified} is in none"),
            },
            "no logical subscriber that would see the new column unprepared",
            "add the column on the subscribers first: an apply worker stops at a column it does not know",
        ));
    }
    let slots = slots(connection).await?;
    let limit = shard.fleet.slot_wal_bytes_max;
    if slots.is_empty() {
        out.push(finding(
            "slots",
            CheckVerdict::Pass,
            "none",
            "no slot that keeps WAL back",
            "–",
        ));
    }
    out.extend(slots.iter().map(|slot| judge(slot, limit)));
    Ok(out)
}

async fn slots(connection: &mut PgConnection) -> Result<Vec<Slot>, Failure> {
    let statement = "SELECT slot_name::text, plugin::text, coalesce(database = current_database(), false), active,
            pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint, coalesce(wal_status = 'lost', false)
        FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name";
    let mut slots = Vec::new();
    for row in sql::rows(connection, statement, vec![]).await? {
        let kept: Option<i64> = row.try_get(4)?;
        slots.push(Slot {
            name: Untrusted::new(row.try_get::<String, _>(0)?).to_string(),
            plugin: row.try_get(1)?,
            is_here: row.try_get(2)?,
            is_active: row.try_get(3)?,
            kept_bytes: kept.map(|bytes| u64::try_from(bytes).unwrap_or(0)),
            is_lost: row.try_get(5)?,
        });
    }
    Ok(slots)
}

fn judge(slot: &Slot, limit: Option<u64>) -> Check {
    let kept = slot.kept_bytes.unwrap_or(0);
    let is_over = limit.is_some_and(|limit| kept > limit);
    let kind = match &slot.plugin {
        Some(plugin) => format!("logical ({})", Untrusted::new(plugin.as_str())),
        None => "physical".into(),
    };
    let state = match (slot.is_lost, slot.is_active) {
        (true, _) => "lost its WAL",
        (false, true) => "active",
        (false, false) => "inactive",
    };
    let (verdict, remedy) = match (slot.is_active, is_over) {
        // Nobody reads it, so waiting will not help: the throttle stays shut.
        (false, true) => (
            CheckVerdict::Fail,
            "start its reader, or pg_drop_replication_slot if nobody needs it: the throttle stays shut until then",
        ),
        (true, true) => (
            CheckVerdict::Warn,
            "its reader is behind: the throttle stays shut until it has caught up",
        ),
        (false, false) => (
            CheckVerdict::Warn,
            "start its reader, or pg_drop_replication_slot: it keeps all WAL that the backfill will write",
        ),
        (true, false) if slot.plugin.is_some() && slot.is_here => (
            CheckVerdict::Warn,
            "its reader will see every row that the backfill writes: make sure that it can",
        ),
        (true, false) => (CheckVerdict::Pass, "–"),
    };
    finding(
        "slots",
        verdict,
        format!("{}: {kind}, {state}, keeps {kept} bytes of WAL", slot.name),
        &match limit {
            Some(limit) => format!("read, and at most {limit} bytes kept (slot_wal_bytes)"),
            None => "read, so that it does not keep WAL for ever".into(),
        },
        remedy,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_fails_only_when_waiting_cannot_help() {
        let slot = |is_active, kept, plugin: Option<&str>| Slot {
            name: "s".into(),
            plugin: plugin.map(str::to_owned),
            is_here: true,
            is_active,
            kept_bytes: Some(kept),
            is_lost: false,
        };
        for (active, kept, plugin, verdict) in [
            (false, 11, None, CheckVerdict::Fail),
            (true, 11, None, CheckVerdict::Warn),
            (false, 9, None, CheckVerdict::Warn),
            (true, 9, Some("pgoutput"), CheckVerdict::Warn),
            (true, 9, None, CheckVerdict::Pass),
        ] {
            assert_eq!(
                judge(&slot(active, kept, plugin), Some(10)).verdict,
                verdict
            );
        }
    }
}

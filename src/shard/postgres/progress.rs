//! How far an index is that we build: the server counts that itself.

use super::sql;
use crate::base::Untrusted;
use crate::wire::StepProgress;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

/// One build per shard at most is ours. While it waits for older transactions
/// it counts those; while it reads, blocks; while it sorts, rows.
const BUILDS: &str = "SELECT p.phase, coalesce(p.lockers_done, 0), coalesce(p.lockers_total, 0),
        coalesce(nullif(p.blocks_done, 0), p.tuples_done, 0), coalesce(nullif(p.blocks_total, 0), p.tuples_total, 0),
        CASE WHEN p.current_locker_pid <> 0 THEN
          concat_ws(' ', 'pid', p.current_locker_pid, b.usename, nullif(b.application_name, ''), b.state) END
    FROM pg_stat_progress_create_index p JOIN pg_stat_activity a ON a.pid = p.pid
    LEFT JOIN pg_stat_activity b ON b.pid = p.current_locker_pid
    WHERE p.datname = current_database() AND a.application_name LIKE 'pilothouse/%' LIMIT 1";

/// Nothing if nothing is built, or if it cannot be told.
pub(super) async fn look(connection: &mut PgConnection) -> Option<StepProgress> {
    let row = sql::row(connection, BUILDS, vec![]).await.ok().flatten()?;
    let number = |place: usize| {
        let value = row.try_get::<i64, _>(place).unwrap_or(0);
        u64::try_from(value).unwrap_or(0)
    };
    let phase: String = row.try_get(0).ok()?;
    let waits_for: Option<String> = row.try_get(5).ok()?;
    let (done, total) = match waits_for {
        Some(_) => (number(1), number(2)),
        None => (number(3), number(4)),
    };
    Some(StepProgress {
        phase: Untrusted::new(phase).to_string(),
        done,
        total,
        waits_for: waits_for.map(|who| Untrusted::new(who).to_string()),
    })
}

//! The oracles of the chaos tests: what must hold in every snapshot, and what
//! must hold at the end.

use crate::chaos::{Site, primary_of};
use pilothouse::lab::{Lab, ServerAddress};
use sqlx::PgConnection;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// In one snapshot: rows that must be right by now and are not. Right is
/// `new = up(old)`; every new value here is a whole number of hundreds, so
/// `old = down(new)` says the same. A row must be right when it has a new
/// value at all, when its key is behind the cursor, or when backfill is over.
const STALE: &str = "SELECT count(*) FROM public.pgbench_accounts a
    WHERE a.abalance_cents IS DISTINCT FROM a.abalance::bigint * 100
      AND (a.abalance_cents IS NOT NULL
        OR (SELECT coalesce(ended, '') NOT IN ('', 'preflight', 'snapshot', 'expand', 'dual_write')
            FROM pilothouse.registry)
        OR EXISTS (SELECT 1 FROM pilothouse.checkpoint c WHERE c.job LIKE 'fill/%'
            AND (c.lo IS NULL OR a.aid > c.lo[1]::bigint) AND a.aid <= c.cursor[1]::bigint))";

/// In one snapshot: places where the chunk log does not join, or where an
/// older epoch has written after a newer one.
const LOG_BREAKS: &str = "SELECT count(*) FROM (
        SELECT lo, epoch, n, lag(hi) OVER w AS before, lag(epoch) OVER w AS epoch_before,
               lag(n) OVER w AS n_before
        FROM pilothouse.chunk_log WINDOW w AS (PARTITION BY job, range ORDER BY n)) l
    WHERE n_before IS NOT NULL AND (lo IS DISTINCT FROM before OR epoch < epoch_before)";

/// At the end: ranges whose log is not one row that covers them (none for a
/// range without rows), or that do not join to the whole.
const NOT_COVERED: &str = "WITH c AS (
        SELECT job, range, lo, hi, cursor, rows, closed, lag(hi) OVER w AS before,
               row_number() OVER w AS place
        FROM pilothouse.checkpoint WHERE job LIKE 'fill/%' WINDOW w AS (PARTITION BY job ORDER BY range))
    SELECT count(*) FROM c WHERE NOT closed
        OR (place = 1 AND lo IS NOT NULL) OR (place > 1 AND lo IS DISTINCT FROM before)
        OR (SELECT count(*) FROM pilothouse.chunk_log l WHERE l.job = c.job AND l.range = c.range
            AND l.lo IS NOT DISTINCT FROM c.lo AND l.hi = c.cursor AND l.rows = c.rows)
            <> (c.cursor IS DISTINCT FROM c.lo)::int
        OR (SELECT count(*) FROM pilothouse.chunk_log l WHERE l.job = c.job AND l.range = c.range)
            <> (c.cursor IS DISTINCT FROM c.lo)::int";

/// What looks at a shard in snapshots have found.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Snapshots that could be read.
    pub looks: u64,
    /// Violations, in words.
    pub violations: Vec<String>,
}

/// Looks once, in one REPEATABLE READ snapshot. `None`: nothing to look at,
/// because the shard is away or the column is not there.
pub async fn look_at(session: &mut PgConnection, shard: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    sqlx::raw_sql(begin).execute(&mut *session).await.ok()?;
    for (what, statement) in [("stale rows", STALE), ("breaks in the log", LOG_BREAKS)] {
        let count: i64 = sqlx::query_scalar(statement)
            .persistent(false)
            .fetch_one(&mut *session)
            .await
            .ok()?;
        if count != 0 {
            found.push(format!("{shard}: {count} {what}"));
        }
    }
    sqlx::raw_sql("ROLLBACK").execute(session).await.ok()?;
    Some(found)
}

/// Samples shards until it is stopped.
pub struct Sampler {
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Samples>,
}

impl Sampler {
    /// Starts sampling every shard of the lab.
    pub fn start(lab: &Lab, every: Duration) -> Self {
        let shards: Vec<(String, Vec<ServerAddress>)> = lab
            .shards()
            .into_iter()
            .map(|shard| (shard.to_owned(), lab.candidates(shard).unwrap()))
            .collect();
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut samples = Samples::default();
            loop {
                tokio::select! {
                    _ = &mut stopped => return samples,
                    // Samples are taken at times, not at events.
                    () = sleep(every) => {}
                }
                for (shard, candidates) in &shards {
                    let look = async {
                        let mut session = primary_of(candidates).await?;
                        look_at(&mut session, shard).await
                    };
                    if let Ok(Some(found)) = timeout(Duration::from_secs(5), look).await {
                        samples.looks += 1;
                        samples.violations.extend(found);
                    }
                }
            }
        });
        Self { stop, task }
    }

    /// Ends it; what it has found.
    pub async fn stop(self) -> Samples {
        let _ = self.stop.send(());
        self.task.await.unwrap()
    }
}

/// What must hold once a shard has come through backfill, by the shard's own
/// tables and the journal.
pub async fn settled_violations(lab: &Lab, site: &Site, shard: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut session = primary_of(&lab.candidates(shard).unwrap()).await.unwrap();
    if let Some(looked) = look_at(&mut session, shard).await {
        found.extend(looked);
    }
    let _ = sqlx::raw_sql("ROLLBACK").execute(&mut session).await;
    let gaps: i64 = sqlx::query_scalar(NOT_COVERED)
        .persistent(false)
        .fetch_one(&mut session)
        .await
        .unwrap();
    if gaps != 0 {
        found.push(format!(
            "{shard}: {gaps} ranges are not covered by their log"
        ));
    }
    let (state, _) = site.journal().await;
    let Some(rollout) = state.rollout else {
        return vec![format!("{shard}: no rollout in the journal")];
    };
    let known = rollout
        .shards
        .iter()
        .find(|(name, _)| name.as_str() == shard);
    let known = known.map(|(_, state)| state).unwrap();
    let (ended, epoch): (Option<String>, i64) =
        sqlx::query_as("SELECT r.ended, f.epoch FROM pilothouse.registry r, pilothouse.fence f")
            .persistent(false)
            .fetch_one(&mut session)
            .await
            .unwrap();
    if ended != Some(known.at.to_string()) {
        found.push(format!(
            "{shard}: the registry says {ended:?}, the journal {}",
            known.at
        ));
    }
    if u64::try_from(epoch).unwrap() != known.epoch {
        found.push(format!(
            "{shard}: the fence holds epoch {epoch}, the journal {}",
            known.epoch
        ));
    }
    found
}

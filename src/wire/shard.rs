//! One shard for the screens.

use super::project::Source;
use super::stall::stalled_since;
use super::standing_shard;
use super::telemetry::{ShardTelemetry, Telemetry};
use super::view::{Progress, ShardView, Throttled, WayBack};
use super::{RestoreCount, Sign, Standing, words};
use crate::base::{ShardName, Stage, Stop, Timestamp};
use crate::rollout::{Phase, Rollout, ShardState};

/// The wire name of the lag that has a column of its own.
const LAG_SIGNAL: &str = "replica_lag_ms";

pub(super) fn project_shard(
    source: &Source<'_>,
    rollout: &Rollout,
    shard: (&ShardName, &ShardState),
    ring: &Standing,
    now: Timestamp,
) -> ShardView {
    let (name, state) = shard;
    let (observations, telemetry) = (source.observations, source.telemetry);
    let measured = telemetry.shards.get(name);
    let seen = observations.shard(name);
    let busy = matches!(state.phase, Phase::Running | Phase::RollingBack);
    let at_work = measured.filter(|_| busy);
    let wait = at_work.and_then(|t| t.wait.as_ref());
    let patience = (source.stall_after, now);
    let stalled_since = stalled_since(rollout, (observations, telemetry), shard, patience);
    let standing = match stalled_since {
        Some(since) => standing_shard::stalled(state, since),
        None => standing_shard::of_shard(rollout, observations, shard, wait, ring),
    };
    let stands = matches!(standing.sign, Sign::Paused | Sign::Unknown);
    let moving = at_work.filter(|_| !stands);
    ShardView {
        name: name.clone(),
        ring: state.ring.clone(),
        instance: state.instance.clone(),
        stop: state.at,
        phase: state.phase,
        since: state.since,
        progress: progress(state, measured),
        rows_done: measured.map_or(0, |t| t.rows_done),
        rows_total: measured.and_then(|t| t.rows_total),
        rows_per_s: moving.and_then(|t| t.rate).map(|r| r.rows_per_s),
        rows_per_s_max: rollout.rows_per_s_max(state),
        chunk_rows: at_work.and_then(|t| t.chunk_rows),
        chunk_ms_p50: at_work.and_then(|t| t.chunk_ms_p50),
        chunk_ms_p90: at_work.and_then(|t| t.chunk_ms_p90),
        throttled: Throttled {
            percent: at_work.and_then(|t| t.throttled_percent),
            reasons: seen.map_or_else(Vec::new, |s| s.throttle.clone()),
            read_at: seen.and_then(|s| s.throttle_read_at),
        },
        server: seen.and_then(|s| s.server.clone()),
        replicas_unseen: seen
            .and_then(|s| s.unseen.get(LAG_SIGNAL).copied())
            .unwrap_or_default(),
        lag_ms: seen.and_then(|s| s.signals.get(LAG_SIGNAL).copied()),
        share_percent: state.share_percent,
        flag_seen: measured.and_then(|t| t.flag_seen.clone()),
        checks: measured.and_then(|t| t.checks),
        verified: state.verified.clone(),
        to_know: state.to_know.clone(),
        way_back: way_back(state),
        restore: restore(telemetry, shard),
        now: now_text(state, at_work, &standing, now),
        standing,
        stalled_since,
        failure: state.failure.clone(),
        paused: state.paused.clone(),
        epoch: state.epoch,
        version: state.version,
    }
}

fn progress(state: &ShardState, measured: Option<&ShardTelemetry>) -> Progress {
    match state.phase {
        Phase::Done => Progress::Done,
        Phase::Waiting | Phase::RolledBack | Phase::Abandoned => Progress::None,
        Phase::Running | Phase::Failed | Phase::RollingBack => {
            let total = measured.and_then(|t| t.rows_total).filter(|n| *n > 0);
            match (total, measured) {
                (Some(total), Some(t)) => Progress::Percent(percent(t.rows_done, total)),
                _ => Progress::Unmeasured,
            }
        }
    }
}

/// Rounded down, and never 100 before the end: an estimate may be too low.
pub(super) fn percent(done: u64, total: u64) -> u8 {
    let percent = u128::from(done) * 100 / u128::from(total.max(1));
    u8::try_from(percent).unwrap_or(99).min(99)
}

pub(super) fn way_back(state: &ShardState) -> WayBack {
    let begun = !matches!(state.phase, Phase::Waiting | Phase::RolledBack);
    match state.at {
        _ if !begun => WayBack::NothingToUndo,
        Stop::Drop => WayBack::MergeRestore,
        stop if stop.stage() >= Stage::Shift => WayBack::FlagBack,
        stop if stop.stage() >= Stage::Expand => WayBack::Exact,
        _ => WayBack::NothingToUndo,
    }
}

/// A count that was made before the shard moved on says nothing any more.
fn restore(
    telemetry: &Telemetry,
    (name, state): (&ShardName, &ShardState),
) -> Option<RestoreCount> {
    let count = telemetry.restore.get(name)?;
    let holds = way_back(state) == WayBack::MergeRestore && count.at() >= state.since;
    holds.then(|| count.clone())
}

fn now_text(
    state: &ShardState,
    at_work: Option<&ShardTelemetry>,
    standing: &Standing,
    now: Timestamp,
) -> String {
    match standing.sign {
        Sign::Running if state.phase == Phase::Running => {}
        Sign::Throttled => return standing.cause.clone(),
        Sign::Held if standing.at.is_some_and(|at| at > now) => {
            return standing.at.map_or_else(String::new, |at| {
                format!("{} until {}", standing.word, at.clock())
            });
        }
        _ => return standing.word.clone(),
    }
    let Some(t) = at_work else {
        return standing.word.clone();
    };
    if t.wait.is_some() {
        return standing.cause.clone();
    }
    match (t.chunk_rows, t.chunk_ms_p50) {
        (Some(rows), Some(ms)) => {
            format!("chunk {} rows {}", words::count(rows), words::ms(ms))
        }
        _ if t.step.is_empty() => standing.word.clone(),
        _ => step_text(t, now),
    }
}

/// What stands beside a step before that is told which takes as long.
const WORTH_TELLING_MS: u64 = 2_000;

/// The step, how far the server says that it is, and how long that was thought
/// to take.
fn step_text(t: &ShardTelemetry, now: Timestamp) -> String {
    let mut text = t.step.clone();
    if let Some(progress) = &t.progress {
        text.push_str(&format!(": {}", progress.phase));
        match &progress.waits_for {
            Some(who) => text.push_str(&format!(
                " ({} of {}), now for {who}",
                progress.done + 1,
                progress.total
            )),
            None if progress.total > 0 => {
                let percent = percent(progress.done, progress.total);
                text.push_str(&format!(" {percent} %"));
            }
            None => {}
        }
    }
    let passed = now.since(t.step_since).ms();
    let worth = |ms: &u64| *ms >= WORTH_TELLING_MS || passed >= WORTH_TELLING_MS;
    if let Some(estimate) = t.step_ms.filter(worth) {
        let (passed, estimate) = (words::ms(passed), words::ms(estimate));
        text.push_str(&format!(", {passed} of about {estimate}"));
    }
    text
}

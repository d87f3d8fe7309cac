//! Whether a shard at work has stopped moving with nothing to explain it.

use super::telemetry::Telemetry;
use crate::base::{Period, ShardName, Timestamp};
use crate::rollout::{Observations, Phase, Rollout, ShardState};
use crate::worker::WaitReason;

/// Statements of ours that the server runs now and that wait for nothing but
/// a lock, by the wire name of the signal.
pub const OWN_STATEMENTS: &str = "own_statements";

/// Whether something says why nothing moves on a shard at work: a pause, a
/// throttle, nobody who answers, a wait that has a name, or a statement that
/// the server is at (a long index build, a VALIDATE, a wait for a lock).
pub fn is_explained(
    rollout: &Rollout,
    observations: &Observations,
    (name, state): (&ShardName, &ShardState),
    wait: Option<&WaitReason>,
) -> bool {
    let named = match wait {
        // The heart gives no reason for these two any more, or has not yet.
        None | Some(WaitReason::Paused | WaitReason::Throttled) => false,
        Some(
            WaitReason::Rate
            | WaitReason::BackOff { .. }
            | WaitReason::Check { .. }
            | WaitReason::Clients { .. },
        ) => true,
    };
    let seen = observations.shard(name);
    let outside = seen.is_some_and(|seen| {
        let statements = seen.signals.get(OWN_STATEMENTS);
        !seen.throttle.is_empty()
            || seen.unreachable_since.is_some()
            || statements.is_some_and(|n| n.value > 0)
    });
    named || outside || rollout.pause_over(state).is_some()
}

/// Since when nothing has moved on a shard at work, once that is too long and
/// nothing explains it.
pub(super) fn stalled_since(
    rollout: &Rollout,
    (observations, telemetry): (&Observations, &Telemetry),
    (name, state): (&ShardName, &ShardState),
    (after, now): (Period, Timestamp),
) -> Option<Timestamp> {
    let busy = matches!(state.phase, Phase::Running | Phase::RollingBack);
    let measured = telemetry.shards.get(name).filter(|_| busy)?;
    let since = measured.moved_at.max(state.since);
    let wait = measured.wait.as_ref();
    let stalled =
        now.since(since) >= after && !is_explained(rollout, observations, (name, state), wait);
    stalled.then_some(since)
}

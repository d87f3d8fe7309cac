//! What waits for a person, the most urgent first.

use super::view::{Need, RingView, RolloutView, ShardView};
use super::{Sign, approval};
use crate::base::{Cause, Timestamp};
use crate::rollout::{Phase, Scope};

/// A shard that was throttled longer than this deserves a look.
const SLOW_AFTER_MS: u64 = 120_000;

pub(super) fn project_needs(
    rollout: &RolloutView,
    rings: &[RingView],
    shards: &[ShardView],
    now: Timestamp,
) -> Vec<Need> {
    if rollout.outcome.is_some() {
        return Vec::new();
    }
    let mut needs = Vec::new();
    if let Some(mark) = rollout
        .paused
        .as_ref()
        .filter(|m| m.cause != Cause::Operator)
    {
        let failed = shards.iter().filter(|s| s.phase == Phase::Failed).count();
        let what = match mark.cause {
            Cause::FailedBudget if failed <= rollout.failed_allowed as usize => {
                "paused by the failed budget, which is kept again; resume lifts it"
            }
            Cause::FailedBudget => "paused by the failed budget; retry lifts it, or roll back",
            _ => "paused by a rule; mend the cause, then resume",
        };
        needs.push(Need {
            scope: Scope::Fleet,
            sign: Sign::Paused,
            what: what.into(),
            why: mark.reason.clone(),
            since: mark.at,
        });
    }
    needs.extend(approval::needs(
        &rollout.approvals,
        rollout.glass.as_ref(),
        now,
    ));
    needs.extend(shards.iter().filter_map(|shard| of_shard(shard, now)));
    needs.extend(rings.iter().filter_map(of_ring));
    needs.sort_by_key(|need| match need.sign {
        Sign::Paused => 0,
        Sign::Failed => 1,
        Sign::Unknown => 2,
        Sign::NeedsHuman => 3,
        Sign::Held => 4,
        _ => 5,
    });
    needs
}

fn of_ring(ring: &RingView) -> Option<Need> {
    let standing = &ring.standing;
    let by_rule = ring
        .hold
        .as_ref()
        .filter(|h| h.cause != Cause::Operator && standing.sign == Sign::Held);
    let scope = Scope::Ring(ring.name.clone());
    match by_rule {
        Some(hold) => Some(Need {
            scope,
            sign: Sign::Held,
            what: format!("held: {}; look, then release", hold.cause),
            why: hold.reason.clone(),
            since: hold.at,
        }),
        None if standing.sign == Sign::NeedsHuman => Some(Need {
            scope,
            sign: Sign::NeedsHuman,
            what: standing.word.clone(),
            why: standing.cause.clone(),
            since: standing.since,
        }),
        None => None,
    }
}

/// Nothing else can go on before this is mended.
pub(super) fn journal_need(since: Timestamp, why: &str) -> Need {
    Need {
        scope: Scope::Fleet,
        sign: Sign::Failed,
        what: "the journal cannot be written; make room on its disk".into(),
        why: format!(
            "{why}; nothing new begins, pause, hold and throttle work and are recorded later"
        ),
        since,
    }
}

fn of_shard(shard: &ShardView, now: Timestamp) -> Option<Need> {
    let standing = &shard.standing;
    let slow = now.since(standing.since).ms() >= SLOW_AFTER_MS;
    let what = match standing.sign {
        Sign::Failed => format!("{} failed; retry or roll back", shard.stop),
        Sign::Unknown if shard.phase != Phase::Abandoned => "unreachable".into(),
        Sign::Throttled if slow => "slow".into(),
        _ => return None,
    };
    Some(Need {
        scope: Scope::Shard(shard.name.clone()),
        sign: standing.sign,
        what,
        why: standing.cause.clone(),
        since: standing.since,
    })
}

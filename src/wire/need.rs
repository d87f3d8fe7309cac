//! What waits for a person, the most urgent first.

use super::view::{Need, RingView, RolloutView, ShardView};
use super::{Sign, approval};
use crate::base::{Cause, Timestamp};
use crate::rollout::{Mark, Phase, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of thing waits for a person; programs match on it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NeedKind {
    /// The journal cannot be written.
    JournalStuck,
    /// No engine is heard.
    EngineSilent,
    /// Approvals were set aside.
    GlassBroken,
    /// Somebody asks for approval.
    ApprovalAsked,
    /// A shard has failed.
    ShardFailed,
    /// Nobody answers on a shard.
    Unreachable,
    /// A shard does not move, and nothing explains it.
    Stalled,
    /// A shard has waited for a limit for long.
    Slow,
    /// A guard was breached and has held or paused.
    GuardFired,
    /// A rollback has ended and waits for a decision.
    RolledBack,
    /// A rule has paused.
    Paused,
    /// A rule has closed the next stage.
    Held,
    /// A ring may be promoted.
    Promotable,
    /// Somebody outside is not told.
    Undelivered,
}

/// A shard that was throttled longer than this deserves a look.
const SLOW_AFTER_MS: u64 = 120_000;

pub(super) fn project_needs(
    rollout: &RolloutView,
    rings: &[RingView],
    shards: &[ShardView],
    now: Timestamp,
) -> Vec<Need> {
    if rollout.outcome.is_some() {
        // What is over is still to be reviewed, and no glass is open any more.
        return approval::needs(&[], &rollout.glass, Timestamp(u64::MAX));
    }
    let mut needs = Vec::new();
    if let Some(mark) = rollout
        .paused
        .as_ref()
        .filter(|m| m.cause != Cause::Operator)
    {
        let failed = shards.iter().filter(|s| s.phase == Phase::Failed).count();
        let (what, clears) = match mark.cause {
            Cause::FailedBudget if failed <= rollout.failed_allowed as usize => (
                "paused by the failed budget, which is kept again; resume lifts it",
                "resume the fleet",
            ),
            Cause::FailedBudget => (
                "paused by the failed budget; retry lifts it, or roll back",
                "retry the failed shards, or roll them back and resume the fleet",
            ),
            _ => (
                "paused by a rule; mend the cause, then resume",
                "mend the cause, then resume the fleet",
            ),
        };
        let words = (what.into(), clears);
        needs.push(by_rule(mark, Scope::Fleet, Sign::Paused, words));
    }
    needs.extend(approval::needs(&rollout.approvals, &rollout.glass, now));
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

/// What a rule did, and a person must look at.
fn by_rule(mark: &Mark, scope: Scope, sign: Sign, (what, clears): (String, &str)) -> Need {
    let kind = match (mark.cause, sign) {
        (Cause::Guard, _) => NeedKind::GuardFired,
        (Cause::RolledBack, _) => NeedKind::RolledBack,
        (_, Sign::Paused) => NeedKind::Paused,
        _ => NeedKind::Held,
    };
    Need {
        kind,
        scope,
        sign,
        what,
        why: mark.reason.clone(),
        since: mark.at,
        clears: clears.into(),
        by: Some(mark.by.to_string()),
    }
}

fn of_ring(ring: &RingView) -> Option<Need> {
    let standing = &ring.standing;
    let a_rule = |m: &&Mark| m.cause != Cause::Operator;
    let paused = ring.paused.as_ref().filter(a_rule);
    let held = ring.hold.as_ref().filter(a_rule);
    let scope = Scope::Ring(ring.name.clone());
    match (paused, held.filter(|_| standing.sign == Sign::Held)) {
        (Some(mark), _) => {
            let what = format!("paused: {}; mend the cause, then resume", mark.cause);
            let words = (what, "mend the cause, then resume the ring");
            Some(by_rule(mark, scope, Sign::Paused, words))
        }
        (None, Some(mark)) => {
            let what = format!("held: {}; look, then release", mark.cause);
            let words = (what, "look, then release the ring");
            Some(by_rule(mark, scope, Sign::Held, words))
        }
        (None, None) if standing.sign == Sign::NeedsHuman => Some(Need {
            kind: NeedKind::Promotable,
            scope,
            sign: Sign::NeedsHuman,
            what: standing.word.clone(),
            why: standing.cause.clone(),
            since: standing.since,
            clears: standing.clears.clone(),
            by: None,
        }),
        (None, None) => None,
    }
}

/// Nothing else can go on before this is mended.
pub(super) fn journal_need(since: Timestamp, why: &str) -> Need {
    Need {
        kind: NeedKind::JournalStuck,
        scope: Scope::Fleet,
        sign: Sign::Failed,
        what: "the journal cannot be written; make room on its disk".into(),
        why: format!(
            "{why}; nothing new begins, pause, hold and throttle work and are recorded later"
        ),
        since,
        clears: "its disk takes writes again".into(),
        by: None,
    }
}

fn of_shard(shard: &ShardView, now: Timestamp) -> Option<Need> {
    let standing = &shard.standing;
    let slow = now.since(standing.since).ms() >= SLOW_AFTER_MS;
    let (kind, what) = match standing.sign {
        Sign::Failed => {
            let what = format!("{} failed; retry or roll back", shard.stop);
            (NeedKind::ShardFailed, what)
        }
        Sign::Unknown if shard.stalled_since.is_some() => (NeedKind::Stalled, "stalled".into()),
        Sign::Unknown if shard.phase != Phase::Abandoned => {
            (NeedKind::Unreachable, "unreachable".into())
        }
        Sign::Throttled if slow => (NeedKind::Slow, "slow".into()),
        _ => return None,
    };
    Some(Need {
        kind,
        scope: Scope::Shard(shard.name.clone()),
        sign: standing.sign,
        what,
        why: standing.cause.clone(),
        since: standing.since,
        clears: standing.clears.clone(),
        by: None,
    })
}

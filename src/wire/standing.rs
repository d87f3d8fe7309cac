//! Why is it not moving, since when, who did it, what clears it, and what
//! happens next by itself.

use super::gate::GateView;
use super::view::{RingView, ShardView};
use super::words;
use crate::base::{Cause, RingName, ShardName, Stop, Timestamp};
use crate::rollout::{
    Mark, Observations, Outcome, Pending, Phase, Refusal, RingState, Rollout, ShardState, Verdict,
    next_automatic, ready,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One mark, one meaning, on every screen.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Not yet.
    NotYet,
    /// At work.
    Running,
    /// Partly, for example a flag share.
    Partly,
    /// Done.
    Done,
    /// A person must decide.
    NeedsHuman,
    /// Held by a rule or a person: the next stage is closed.
    Held,
    /// Paused.
    Paused,
    /// Work waits for a signal.
    Throttled,
    /// Failed.
    Failed,
    /// Unknown or stale.
    Unknown,
    /// Being undone, or undone.
    RolledBack,
}

/// Why something stands as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The mark.
    pub sign: Sign,
    /// A word or two beside the mark.
    pub word: String,
    /// Why, as a sentence.
    pub cause: String,
    /// Since when.
    pub since: Timestamp,
    /// Who did it.
    pub by: Option<String>,
    /// What clears it.
    pub clears: String,
    /// What happens next by itself.
    pub next: String,
    /// When waiting alone clears it.
    pub at: Option<Timestamp>,
}

impl Standing {
    pub(super) fn new(sign: Sign, word: impl Into<String>, since: Timestamp) -> Self {
        Self {
            sign,
            word: word.into(),
            cause: String::new(),
            since,
            by: None,
            clears: String::new(),
            next: String::new(),
            at: None,
        }
    }

    pub(super) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    pub(super) fn clears(mut self, clears: impl Into<String>) -> Self {
        self.clears = clears.into();
        self
    }

    pub(super) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    pub(super) fn mark(mut self, mark: &Mark) -> Self {
        self.by = Some(mark.by.to_string());
        self.since = mark.at;
        self.cause = if mark.reason.is_empty() {
            format!("{} by {}", mark.cause, mark.by)
        } else {
            mark.reason.clone()
        };
        self
    }
}

pub(super) const NOTHING: &str = "nothing by itself";
pub(super) const NOTHING_MORE: &str = "nothing more";

/// The rollout as a whole.
pub(super) fn of_fleet(rollout: &Rollout, rings: &[Standing]) -> Standing {
    let opened = rollout.opened_at;
    if let Some(outcome) = rollout.outcome {
        return ended(rollout, outcome);
    }
    if let Some(mark) = &rollout.aborting {
        return Standing::new(Sign::RolledBack, "aborting", mark.at)
            .mark(mark)
            .clears("all shards are rolled back or abandoned")
            .next("keeps rolling back; failed shards are tried again every 10 s");
    }
    // A rollback that was ordered after the pause goes on all the same.
    let undoing = |s: &ShardState| s.phase == Phase::RollingBack && rollout.pause_over(s).is_none();
    let undoes_all_the_same = rollout.paused.is_some() && rollout.shards.values().any(undoing);
    if let Some(mark) = rollout.paused.as_ref().filter(|_| !undoes_all_the_same) {
        return paused(mark, "the fleet");
    }
    if let Some(mark) = &rollout.hold {
        return Standing::new(Sign::Held, "held", mark.at)
            .mark(mark)
            .clears("release the fleet")
            .next("running stages end; no ring begins another");
    }
    // The ring that most needs a look speaks for the fleet.
    let worst = rings.iter().max_by_key(|s| match s.sign {
        Sign::Paused if undoes_all_the_same => 0,
        sign => urgency(sign),
    });
    let Some(worst) = worst.cloned() else {
        return Standing::new(Sign::NotYet, "not yet", opened);
    };
    let waiting = rings.iter().filter(|s| s.sign == Sign::NeedsHuman).count();
    match worst.sign {
        Sign::NeedsHuman if waiting > 1 => {
            worst.clears(format!("promote the fleet: {waiting} rings are ready"))
        }
        _ => worst,
    }
}

/// Nothing moves any more: what came of it, since when, and what is left.
fn ended(rollout: &Rollout, outcome: Outcome) -> Standing {
    let shards = || rollout.shards.iter();
    let at = shards().map(|(_, s)| s.since).max();
    let at = at.unwrap_or(rollout.opened_at);
    let in_phase = |phase| -> Vec<&str> {
        let of = shards().filter(|(_, s)| s.phase == phase);
        of.map(|(n, _)| n.as_str()).collect()
    };
    let (undone, given_up) = (in_phase(Phase::RolledBack), in_phase(Phase::Abandoned));
    let mut causes = Vec::new();
    let done = rollout.shards.len() - undone.len() - given_up.len();
    if done > 0 {
        let last = rollout.last_stop();
        causes.push(format!("{} finished {last}", words::shards(done)));
    }
    if !undone.is_empty() {
        causes.push(format!("{} rolled back", words::shards(undone.len())));
    }
    if !given_up.is_empty() {
        let names = words::names(&given_up);
        causes.push(format!("abandoned with what is left on them: {names}"));
    }
    let (sign, word) = match outcome {
        Outcome::Done => (Sign::Done, "done"),
        Outcome::Aborted => (Sign::RolledBack, "aborted"),
    };
    Standing::new(sign, word, at)
        .cause(causes.join(", "))
        .next(NOTHING_MORE)
}

fn urgency(sign: Sign) -> u8 {
    match sign {
        Sign::Failed => 10,
        Sign::Unknown => 9,
        Sign::NeedsHuman => 8,
        Sign::Paused => 7,
        Sign::RolledBack => 6,
        Sign::Throttled => 5,
        Sign::Running | Sign::Partly => 4,
        Sign::Held => 3,
        Sign::NotYet => 2,
        Sign::Done => 1,
    }
}

pub(super) fn paused(mark: &Mark, scope: &str) -> Standing {
    let clears = match mark.cause {
        // A resume alone is refused as long as they are failed.
        Cause::FailedBudget => {
            "retry the failed shards, or roll them back and resume the fleet".to_owned()
        }
        _ => format!("resume {scope}"),
    };
    Standing::new(Sign::Paused, format!("paused by {}", mark.by), mark.at)
        .mark(mark)
        .clears(clears)
        .next("nothing until resumed; triggers stay and guards stay armed")
}

/// One ring.
pub(super) fn of_ring(
    rollout: &Rollout,
    observations: &Observations,
    name: &RingName,
    ring: &RingState,
    now: Timestamp,
) -> Standing {
    let in_phase = |phase: Phase| -> Vec<&str> {
        let shards = ring
            .shards
            .iter()
            .filter_map(|n| Some((n, rollout.shards.get(n)?)));
        shards
            .filter(|(_, s)| s.phase == phase)
            .map(|(n, _)| n.as_str())
            .collect()
    };
    let since = newest(rollout, ring);
    let fleet_pause = rollout.paused.as_ref();
    let pause = fleet_pause.or(ring.paused.as_ref());
    let failed = in_phase(Phase::Failed);
    if !failed.is_empty() {
        let next = match pause {
            Some(_) => "nothing: the others are paused",
            None => "the others finish the stage; the ring waits",
        };
        return Standing::new(Sign::Failed, format!("{} failed", failed.len()), since)
            .cause(format!("{} failed", words::names(&failed)))
            .clears("retry, or roll back")
            .next(next);
    }
    let undoing = in_phase(Phase::RollingBack);
    let moves = |n: &&str| find(rollout, n).is_some_and(|(_, s)| rollout.pause_over(s).is_none());
    if undoing.iter().any(moves) {
        return Standing::new(Sign::RolledBack, "rolling back", since)
            .cause(format!("rolling back {}", words::names(&undoing)))
            .clears("the undo ends")
            .next("ends held");
    }
    if let Some(mark) = pause {
        let scope = if fleet_pause.is_some() {
            "the fleet".into()
        } else {
            format!("ring {name}")
        };
        return paused(mark, &scope);
    }
    let running = in_phase(Phase::Running);
    if !running.is_empty() {
        return running_ring(rollout, observations, name, &running, now);
    }
    idle_ring(rollout, observations, name, ring, now)
}

/// A ring at work says so when a shard of it does not move; what is worse
/// still comes first.
pub(super) fn stalls(ring: &mut RingView, shards: &[ShardView]) {
    let own = shards.iter().filter(|s| s.ring == ring.name);
    let stalled = own.filter_map(|s| Some((s, s.stalled_since?)));
    let stalled: Vec<(&ShardView, Timestamp)> = stalled.collect();
    let Some((first, _)) = stalled.first() else {
        return;
    };
    if urgency(ring.standing.sign) > urgency(Sign::Unknown) {
        return;
    }
    let since = stalled.iter().map(|(_, since)| *since).min();
    let names: Vec<&str> = stalled.iter().map(|(s, _)| s.name.as_str()).collect();
    let word = format!("{} stalled", names.len());
    ring.standing = Standing::new(Sign::Unknown, word, since.unwrap_or(ring.standing.since))
        .cause(format!("nothing moves on {}", words::names(&names)))
        .clears(first.standing.clears.clone())
        .next(NOTHING);
}

fn newest(rollout: &Rollout, ring: &RingState) -> Timestamp {
    let all = ring.shards.iter().filter_map(|n| rollout.shards.get(n));
    all.map(|s| s.since).max().unwrap_or(rollout.opened_at)
}

fn running_ring(
    rollout: &Rollout,
    observations: &Observations,
    name: &RingName,
    running: &[&str],
    now: Timestamp,
) -> Standing {
    let states = || running.iter().filter_map(|n| find(rollout, n));
    let since = states().map(|(_, s)| s.since).min().unwrap_or(now);
    let stop = states().map(|(_, s)| s.at).min();
    let what = stop.map_or_else(String::new, |s| s.to_string());
    let next = format!(
        "{what} ends; then {}",
        then(rollout, observations, name, now)
    );
    let closed: Vec<String> = states()
        .filter_map(|(n, _)| observations.shard(n)?.throttle.first())
        .map(words::throttle_reason)
        .collect();
    if closed.len() == running.len()
        && let Some(first) = closed.first()
    {
        return Standing::new(Sign::Throttled, "throttled", since)
            .cause(first.clone())
            .clears("every signal is known and within its limit")
            .next("goes on by itself when the throttle opens");
    }
    Standing::new(Sign::Running, format!("running {what}"), since)
        .cause(format!("{} at work", words::shards(running.len())))
        .clears("it ends")
        .next(next)
}

fn find<'a>(rollout: &'a Rollout, name: &str) -> Option<(&'a ShardName, &'a ShardState)> {
    let name = ShardName::new(name).ok()?;
    rollout.shards.get_key_value(&name)
}

fn then(rollout: &Rollout, observations: &Observations, name: &RingName, now: Timestamp) -> String {
    if let Some(pending) = rollout.rings.get(name).and_then(|r| r.pending.as_ref()) {
        return scheduled(pending);
    }
    match next_automatic(rollout, observations, name, now) {
        Some((to, Some(at))) if at > now => {
            format!("{to} by itself at {} if its gates pass", at.clock())
        }
        Some((to, _)) => format!("{to} by itself if its gates pass"),
        None => "it waits for a promotion".into(),
    }
}

fn scheduled(pending: &Pending) -> String {
    format!(
        "{} by itself, scheduled by {} for {}, if its gates pass",
        pending.stop, pending.asked.by, pending.window
    )
}

fn idle_ring(
    rollout: &Rollout,
    observations: &Observations,
    name: &RingName,
    ring: &RingState,
    now: Timestamp,
) -> Standing {
    let since = newest(rollout, ring);
    let Some(at) = rollout.ring_stop(ring) else {
        return Standing::new(Sign::RolledBack, "rolled back", since)
            .cause("every shard of the ring is rolled back or abandoned")
            .next(NOTHING);
    };
    let Some(to) = rollout.next_stop(ring) else {
        return Standing::new(Sign::Done, "done", since)
            .cause(format!("{at} is done"))
            .next(NOTHING_MORE);
    };
    if let Some(hold) = rollout.hold_over(ring) {
        let scope = if rollout.hold.is_some() {
            "the fleet".into()
        } else {
            format!("ring {name}")
        };
        return Standing::new(Sign::Held, format!("held by {}", hold.by), hold.at)
            .mark(hold)
            .clears(format!("release {scope}"))
            .next("nothing until released");
    }
    let automatic = next_automatic(rollout, observations, name, now);
    match ready(rollout, observations, name, now) {
        Ok(_) if automatic.is_some() => Standing::new(Sign::Running, "promoting", since)
            .cause(format!("every gate before {to} has passed"))
            .next(format!("{to} begins now by itself")),
        Ok(_) if let Some(pending) = &ring.pending => waits_for(pending, to, since),
        Ok(_) => Standing::new(Sign::NeedsHuman, format!("promote to {to}"), since)
            .cause(format!(
                "{at} is done and every gate before {to} has passed"
            ))
            .clears(format!("promote ring {name}"))
            .next(NOTHING),
        Err(refusal) => {
            let then = then(rollout, observations, name, now);
            refused(&refusal, (to, now), since, then)
        }
    }
}

/// Nothing but its window keeps a ring back.
fn waits_for(pending: &Pending, to: Stop, since: Timestamp) -> Standing {
    let mut standing = Standing::new(Sign::NotYet, "scheduled", since)
        .cause(format!("every gate before {to} has passed"))
        .clears(format!("its window opens: {}", pending.window))
        .next(scheduled(pending));
    standing.at = Some(pending.window.from);
    standing
}

fn refused(
    refusal: &Refusal,
    (to, now): (Stop, Timestamp),
    since: Timestamp,
    then: String,
) -> Standing {
    match refusal {
        Refusal::Gates(readings) => {
            let readings: Vec<GateView> = readings.iter().map(|r| GateView::of(r, now)).collect();
            let closed = readings.iter().filter(|r| r.verdict != Verdict::Pass);
            let word = readings.first().map_or("gates", |r| r.gate.word());
            let cause: Vec<String> = closed.map(|r| r.value.clone()).collect();
            let clears: Vec<String> = readings
                .iter()
                .map(|r| format!("{}: {}", r.gate.word(), r.limit))
                .collect();
            // Waiting alone clears it only if every closed gate says when.
            let at = readings
                .iter()
                .map(|r| r.clears_at)
                .collect::<Option<Vec<_>>>();
            let mut standing = Standing::new(Sign::Held, format!("held: {word}"), since)
                .cause(format!("{to}: {}", cause.join("; ")))
                .clears(clears.join("; "))
                .next(then);
            standing.at = at.and_then(|all| all.into_iter().max());
            standing
        }
        Refusal::Running(_) => Standing::new(Sign::NotYet, "waiting", since)
            .cause("admitted, and waits for a free place on its instance")
            .clears("another shard of the instance finishes")
            .next("begins by itself"),
        other => Standing::new(Sign::Held, "held", since)
            .cause(other.to_string())
            .next(then),
    }
}

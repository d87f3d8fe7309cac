//! What is worth telling, read off a view and off what just happened. Pure.

use super::message::Notice;
use crate::base::{Cause, Period, Timestamp};
use crate::fleet::NotifyEvent;
use crate::rollout::{Event, Fact};
use crate::wire::{
    ApprovalView, FleetView, Gate, Need, NeedKind, Phase, RingView, RolloutView, Scope, ShardView,
    Sign, Verdict, describe,
};

/// A network that hiccups wakes nobody; one that is gone for so long does.
const UNREACHABLE_AFTER: Period = Period::from_ms(60_000);
/// A request is told again before it ends by itself: so long before, but not
/// within the first three quarters of its life.
const EXPIRING: Period = Period::from_ms(15 * 60_000);

/// Old clients that write for so long are for somebody to look after.
const QUIET_AFTER: Period = Period::from_ms(15 * 60_000);

/// What is worth telling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// What stands now and waits for a person.
    pub open: Vec<Notice>,
    /// What just happened and is over.
    pub ended: Vec<Notice>,
}

/// What is worth telling now. `heard` are the newest facts with their numbers;
/// each is to come once.
pub fn due(view: &FleetView, heard: &[(u64, Fact)], now: Timestamp) -> Due {
    let rollout = view.header.rollout.as_ref();
    let id = rollout.map_or("", |r| r.id.as_str());
    let mut open: Vec<Notice> = view
        .needs_you
        .iter()
        .filter_map(|need| of_need(id, need, now))
        .collect();
    if let Some(rollout) = rollout.filter(|r| r.outcome.is_none()) {
        open.extend(expiring(rollout, now));
        let free = rollout.hold.is_none() && rollout.paused.is_none();
        let rings = view.rings.iter().filter(|_| free);
        open.extend(rings.filter_map(|ring| gate(rollout, ring, now)));
        // While aborting all goes back, and the end is told.
        if rollout.aborting.is_none() {
            open.extend(rolled_back(rollout, view));
        }
    }
    let ended = heard.iter();
    let ended = ended.filter_map(|(seq, fact)| of_fact(rollout?, *seq, fact));
    Due {
        ended: ended.collect(),
        open,
    }
}

fn of_need(rollout: &str, need: &Need, now: Timestamp) -> Option<Notice> {
    let event = match need.kind {
        NeedKind::JournalStuck => NotifyEvent::JournalStuck,
        NeedKind::GlassBroken => NotifyEvent::GlassBroken,
        NeedKind::ApprovalAsked => NotifyEvent::ApprovalAsked,
        NeedKind::ShardFailed => NotifyEvent::ShardFailed,
        NeedKind::Unreachable if now.since(need.since) < UNREACHABLE_AFTER => return None,
        NeedKind::Unreachable => NotifyEvent::Unreachable,
        NeedKind::Stalled => NotifyEvent::Stalled,
        NeedKind::GuardFired => NotifyEvent::GuardFired,
        // Told by `rolled_back`, also where nothing is left to be held.
        NeedKind::RolledBack => return None,
        NeedKind::Paused => NotifyEvent::Paused,
        NeedKind::Held => NotifyEvent::Held,
        NeedKind::Promotable => NotifyEvent::Promotable,
        // It says why it waits and goes on by itself.
        NeedKind::Slow => return None,
        // Nobody is told by an engine that is silent, nor of what they cannot hear.
        NeedKind::EngineSilent | NeedKind::Undelivered => return None,
    };
    // Two requests may stand over one ring.
    let subject = match need.kind {
        NeedKind::ApprovalAsked => need.clears.as_str(),
        _ => "",
    };
    let mut notice = Notice::new(rollout, event, &need.scope, (subject, need.since));
    notice.what.clone_from(&need.what);
    notice.why.clone_from(&need.why);
    notice.clears.clone_from(&need.clears);
    notice.by.clone_from(&need.by);
    Some(notice)
}

fn expiring(rollout: &RolloutView, now: Timestamp) -> Vec<Notice> {
    let soon = |a: &&ApprovalView| {
        let life = a.request.expires_at.since(a.request.asked.at).ms();
        let lead = EXPIRING.ms().min(life / 4);
        let waits = (a.given().len() as u64) < u64::from(a.needed);
        waits && a.request.expires_at.since(now).ms() <= lead
    };
    let told = rollout.approvals.iter().filter(soon).map(|a| {
        let scope = Scope::Ring(a.request.ring.clone());
        let event = NotifyEvent::ApprovalExpiring;
        let mut notice = Notice::new(
            &rollout.id,
            event,
            &scope,
            (&a.request.id, a.request.asked.at),
        );
        notice.what = format!(
            "request {} to promote to {} expires at {}",
            a.request.id,
            a.request.stop,
            a.request.expires_at.clock()
        );
        notice.why = format!("{} of {} approvals are given", a.given().len(), a.needed);
        notice.clears = format!("approve or reject request {}, or ask again", a.request.id);
        notice.by = Some(a.request.asked.by.to_string());
        notice
    });
    told.collect()
}

/// Rollbacks that have ended: rings, and shards that went back alone.
fn rolled_back(rollout: &RolloutView, view: &FleetView) -> Vec<Notice> {
    let event = NotifyEvent::RolledBack;
    let back = |ring: &RingView| {
        let mark = ring.hold.clone();
        mark.filter(|m| m.cause == Cause::RolledBack)
    };
    let of = |ring: &RingView| -> Vec<&ShardView> {
        let own = view.shards.iter().filter(|s| s.ring == ring.name);
        own.collect()
    };
    let mut told = Vec::new();
    for (ring, mark) in view.rings.iter().filter_map(|r| Some((r, back(r)?))) {
        let shards = of(ring);
        let undoing = [Phase::RollingBack, Phase::Failed];
        if shards.iter().any(|s| undoing.contains(&s.phase)) {
            continue;
        }
        let scope = Scope::Ring(ring.name.clone());
        let mut notice = Notice::new(&rollout.id, event, &scope, ("", mark.at));
        (notice.what, notice.clears) = match ring.stop {
            Some(stop) => (
                format!("rolled back to the end of {stop}"),
                "look, then release".into(),
            ),
            None => (
                "rolled back to before expand".into(),
                "retry lets its shards join again, or abort".into(),
            ),
        };
        (notice.why, notice.by) = (mark.reason.clone(), Some(mark.by.to_string()));
        told.push(notice);
    }
    for ring in view.rings.iter().filter(|r| back(r).is_none()) {
        for shard in of(ring).iter().filter(|s| s.phase == Phase::RolledBack) {
            let scope = Scope::Shard(shard.name.clone());
            let mut notice = Notice::new(&rollout.id, event, &scope, ("", shard.since));
            notice.what = "rolled back; its ring goes on without it".into();
            notice.why.clone_from(&shard.standing.cause);
            notice.clears.clone_from(&shard.standing.clears);
            told.push(notice);
        }
    }
    told
}

/// A ring that could go on but for a gate that time alone will not open.
fn gate(rollout: &RolloutView, ring: &RingView, now: Timestamp) -> Option<Notice> {
    let waits = ring.standing.sign == Sign::Held && ring.hold.is_none() && ring.paused.is_none();
    let turn = |gate: Gate| !matches!(gate, Gate::RingOrder | Gate::FleetBarrier | Gate::Soak);
    let closed = || ring.gates.iter().filter(|g| g.verdict != Verdict::Pass);
    if !waits || !closed().all(|g| turn(g.gate)) {
        return None;
    }
    let asked = rollout
        .approvals
        .iter()
        .any(|a| a.request.ring == ring.name);
    let failed = closed().find(|g| {
        let for_people = match g.gate {
            Gate::Approval => !asked,
            Gate::FreshVerify => true,
            // It says when it would open, and somebody writes again before.
            Gate::Quiet => return now.since(ring.standing.since) >= QUIET_AFTER,
            // The first three are not its turn yet, the fourth is told as a
            // failed shard, and a throttle opens by itself.
            Gate::RingOrder
            | Gate::Soak
            | Gate::FleetBarrier
            | Gate::FailedBudget
            | Gate::Throttle => false,
        };
        for_people && g.verdict == Verdict::Fail && g.clears_at.is_none()
    })?;
    let scope = Scope::Ring(ring.name.clone());
    let subject = (failed.gate.word(), ring.standing.since);
    let mut notice = Notice::new(&rollout.id, NotifyEvent::GateFailed, &scope, subject);
    let to = ring.next.map_or_else(String::new, |to| format!(" to {to}"));
    notice.what = format!("gate {} keeps it from promotion{to}", failed.gate.word());
    notice.why.clone_from(&failed.value);
    notice.clears = format!("{}: {}", failed.gate.word(), failed.limit);
    Some(notice)
}

/// Facts that are over as soon as they are there. What stands on is read off
/// the view.
fn of_fact(rollout: &RolloutView, seq: u64, fact: &Fact) -> Option<Notice> {
    let event = event_of(fact)?;
    let seq = seq.to_string();
    let mut notice = Notice::new(&rollout.id, event, &fact.scope, (&seq, fact.at));
    notice.what = describe(fact);
    notice.why = match (event, &fact.event) {
        (NotifyEvent::Done, _) => rollout.standing.cause.clone(),
        (_, Event::PromotionLapsed { why, .. }) => why.clone(),
        _ => fact.reason.clone(),
    };
    if event == NotifyEvent::Lapsed {
        notice.what = "a scheduled promotion came to nothing".into();
        notice.clears = "promote the ring, or schedule it again".into();
    }
    notice.by = Some(fact.actor.to_string());
    Some(notice)
}

/// What a fact is told as; most are not.
pub(super) fn event_of(fact: &Fact) -> Option<NotifyEvent> {
    match (&fact.event, fact.cause) {
        (Event::RolloutEnded { .. }, _) => Some(NotifyEvent::Done),
        // That a guard held or paused stands in the view until it is lifted.
        (Event::PromotionLapsed { .. }, _) => Some(NotifyEvent::Lapsed),
        (Event::RollbackBegun { .. }, Cause::Guard) => Some(NotifyEvent::GuardFired),
        _ => None,
    }
}

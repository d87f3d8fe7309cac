//! Decides about approvals, and about doing without them.

use super::approval::{Approval, ApprovalAct, ApprovalEnd};
use super::command::{Order, Scope};
use super::decide::{following_fact, ordered_fact, ordered_mark};
use super::enrol::may;
use super::event::{Event, Fact};
use super::keys::Signed;
use super::pending;
use super::people::{People, Place, Right};
use super::refusal::Refusal;
use super::state::Rollout;
use crate::base::{Period, Timestamp};

/// The longest time for which glass stays broken.
const GLASS_MAX: Period = Period::from_ms(3_600_000);

/// Decides about a request.
pub(super) fn act(
    rollout: &Rollout,
    people: &People,
    asked: &Order,
    act: &ApprovalAct,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let (found, event) = match act {
        ApprovalAct::Request => return request(rollout, asked, now),
        ApprovalAct::Give {
            id,
            binding,
            signed,
        } => {
            let found = open(rollout, id, now)?;
            if *binding != found.binding() {
                return Err(Refusal::Forbidden(format!(
                    "what was approved is not what request {id} asks for; look at it again"
                )));
            }
            judge(people, asked, found)?;
            if found.has(&asked.actor) {
                return Err(Refusal::Nothing(format!("you have approved {id} already")));
            }
            judge_signature(rollout, people, asked, found, signed.as_deref())?;
            let (id, signed) = (id.clone(), signed.clone());
            (found, Event::ApprovalGiven { id, signed })
        }
        ApprovalAct::Reject { id } => {
            let found = open(rollout, id, now)?;
            judge(people, asked, found)?;
            reasoned(asked, "a rejection")?;
            (found, Event::ApprovalRejected { id: id.clone() })
        }
        ApprovalAct::Withdraw { id } => {
            let found = open(rollout, id, now)?;
            if found.asked.by.name != asked.actor.name {
                let who = &found.asked.by;
                return Err(Refusal::Denied(format!(
                    "{id} was asked by {who}, who alone withdraws it"
                )));
            }
            (found, Event::ApprovalWithdrawn { id: id.clone() })
        }
    };
    // The ring's dialogs show it, so it is about the ring.
    let scope = Scope::Ring(found.ring.clone());
    let over = !matches!(act, ApprovalAct::Give { .. });
    let with_it = pending::ended_with(rollout, asked, found, now).filter(|_| over);
    let mut facts = vec![ordered_fact(asked, scope, event, now)];
    facts.extend(with_it);
    Ok(facts)
}

/// A signature that was given must be good, and where the policy demands one,
/// it must be given.
fn judge_signature(
    rollout: &Rollout,
    people: &People,
    asked: &Order,
    found: &Approval,
    signed: Option<&Signed>,
) -> Result<(), Refusal> {
    let stage = found.stop.stage();
    match signed {
        Some(signed) => {
            let checked = signed.check(people, &asked.actor.name, found);
            checked.map_err(|why| Refusal::Forbidden(format!("the approval is not signed: {why}")))
        }
        None if rollout.opening.policy.signed.contains(&stage) => Err(Refusal::Forbidden(format!(
            "an approval for {stage} must be signed: pilothouse approve {} --sign KEYFILE",
            found.id
        ))),
        None => Ok(()),
    }
}

/// Whoever asked does not answer, and whoever answers must be trusted to.
fn judge(people: &People, asked: &Order, found: &Approval) -> Result<(), Refusal> {
    if found.asked.by.name == asked.actor.name {
        return Err(Refusal::Denied(format!(
            "you asked for {} yourself; somebody else decides on it",
            found.id
        )));
    }
    let at = Place {
        ring: Some(&found.ring),
        stage: Some(found.stop.stage()),
    };
    may(people, &asked.actor.name, Right::Approve, at)
}

fn reasoned(asked: &Order, what: &str) -> Result<(), Refusal> {
    match asked.reason.trim().is_empty() {
        true => Err(Refusal::Forbidden(format!("{what} needs a reason"))),
        false => Ok(()),
    }
}

/// The request, if it can still be decided on.
fn open<'a>(rollout: &'a Rollout, id: &str, now: Timestamp) -> Result<&'a Approval, Refusal> {
    let found = rollout.approvals.iter().find(|a| a.id == id);
    let found = found.ok_or_else(|| Refusal::Nothing(format!("there is no request {id}")))?;
    let over = |why: String| Err(Refusal::Forbidden(format!("request {id} {why}; ask again")));
    match &found.end {
        None if now >= found.expires_at => over(format!("expired at {}", found.expires_at.clock())),
        None => {
            let changed = found.changed(&rollout.opening);
            match changed.is_empty() {
                true => Ok(found),
                false => over(format!("is void: {} changed", changed.join(", "))),
            }
        }
        Some(ApprovalEnd::Consumed(at)) => over(format!("was used at {}", at.clock())),
        Some(ApprovalEnd::Withdrawn(by)) => over(format!("was withdrawn by {}", by.by)),
        Some(ApprovalEnd::Rejected(by)) => {
            over(format!("was rejected by {}: {}", by.by, by.reason))
        }
        Some(ApprovalEnd::Void { changed, .. }) => {
            over(format!("is void: {} changed", changed.join(", ")))
        }
    }
}

fn request(rollout: &Rollout, asked: &Order, now: Timestamp) -> Result<Vec<Fact>, Refusal> {
    let Scope::Ring(ring) = &asked.scope else {
        return Err(Refusal::WrongScope {
            verb: "ask for approval".into(),
            works_at: "one ring".into(),
        });
    };
    let state = rollout.rings.get(ring);
    let stop = state.and_then(|state| rollout.next_stop(state));
    let stop = stop.ok_or_else(|| Refusal::Nothing(format!("{ring} has no next stop")))?;
    if rollout.approvals_needed(stop) == 0 {
        return Err(Refusal::Nothing(format!("{stop} needs no approval")));
    }
    if let Some(open) = rollout.request_for(ring, stop, now) {
        let (id, by) = (&open.id, &open.asked.by);
        return Err(Refusal::Nothing(format!(
            "{by} has asked for it already: {id}"
        )));
    }
    let what = (ring.clone(), stop);
    let request = Approval::request(
        &rollout.opening,
        what,
        (ordered_mark(asked, now), None),
        &asked.key,
    );
    let event = Event::ApprovalRequested(Box::new(request));
    Ok(vec![ordered_fact(asked, asked.scope.clone(), event, now)])
}

/// Decides on doing without approvals for a while.
pub(super) fn break_glass(
    rollout: &Rollout,
    asked: &Order,
    lasting: Period,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    if asked.scope != Scope::Fleet {
        return Err(Refusal::WrongScope {
            verb: "break glass".into(),
            works_at: "the fleet".into(),
        });
    }
    reasoned(asked, "breaking glass")?;
    if lasting > GLASS_MAX || lasting.ms() == 0 {
        return Err(Refusal::Forbidden(format!(
            "glass stays broken for {GLASS_MAX} at most, and for some time"
        )));
    }
    super::order::confirmed(
        rollout,
        asked,
        "breaking glass sets every approval aside, in sight of everybody",
    )?;
    let until = now.after(lasting);
    let event = Event::GlassBroken { until };
    Ok(vec![ordered_fact(asked, Scope::Fleet, event, now)])
}

/// Decides on the review that is owed after glass was broken.
pub(super) fn review(
    rollout: &Rollout,
    people: &People,
    asked: &Order,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let who = asked.actor.name.as_str();
    if rollout.reviews_owed().next().is_none() {
        return Err(Refusal::Nothing("no review is owed".into()));
    }
    if rollout.reviews_owed().any(|g| g.broken.by.name == who) {
        let text = "you broke the glass yourself; somebody else reviews it";
        return Err(Refusal::Denied(text.into()));
    }
    reasoned(asked, "a review")?;
    may(people, &asked.actor.name, Right::Approve, Place::default())?;
    Ok(vec![ordered_fact(
        asked,
        Scope::Fleet,
        Event::GlassReviewed,
        now,
    )])
}

/// Uses the approval that a promotion needs; nothing where none is needed or
/// glass is broken. The gate has counted already.
pub(super) fn consumed(
    rollout: &Rollout,
    asked: &Order,
    ring: &crate::base::RingName,
    stop: crate::base::Stop,
    now: Timestamp,
) -> Option<Fact> {
    if rollout.approvals_needed(stop) == 0 || rollout.broken_glass(now).is_some() {
        return None;
    }
    let request = rollout.request_for(ring, stop, now)?;
    let id = request.is_in_time(now).then(|| request.id.clone())?;
    let scope = Scope::Ring(ring.clone());
    Some(following_fact(
        asked,
        scope,
        Event::ApprovalConsumed { id },
        now,
    ))
}

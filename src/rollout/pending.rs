//! Promotions that wait for their window: seen by everybody, cancelled by
//! anybody who may slow things down, and gone when the window closes.

use super::approval::Approval;
use super::command::{Command, Order, Scope, Verb};
use super::decide::{engine_fact, following_fact, ordered_fact, ordered_mark};
use super::event::{Event, Fact};
use super::next::{Next, clears_at, sooner};
use super::observation::Observations;
use super::people::{People, Place, Right};
use super::promote;
use super::refusal::Refusal;
use super::state::{Mark, RingState, Rollout};
use crate::base::{Cause, Digest, Period, RingName, Stage, Stop, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How far ahead a window may close.
const AHEAD_MAX: Period = Period::from_ms(7 * 24 * 3_600_000);

/// When something may happen: at `from` or later, and before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// It opens.
    pub from: Timestamp,
    /// It is closed from here on.
    pub until: Timestamp,
}

impl Window {
    /// Whether it is open.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

impl fmt::Display for Window {
    /// `11-22 02:00 to 04:00 UTC`: a window closes within days, the year is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = (self.from.minute_of_year(), self.until.minute_of_year());
        // The day is said once, if it is one.
        let end = match (from.get(..6), until.get(..6)) {
            (day, same) if day == same => until.get(6..).unwrap_or(&until),
            _ => &until,
        };
        write!(f, "{from} to {end} UTC")
    }
}

/// A promotion that was ordered ahead of its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// Names it among others.
    pub id: String,
    /// Who ordered it, when and why.
    pub asked: Mark,
    /// To which stop; to no other one.
    pub stop: Stop,
    /// When it may happen.
    pub window: Window,
}

/// Decides on ordering a ring's next promotion ahead of its time.
pub(super) fn schedule(
    rollout: &Rollout,
    asked: &Order,
    window: Window,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let (name, ring) = one_ring(rollout, asked, "one ring")?;
    let stop = rollout
        .next_stop(ring)
        .ok_or_else(|| Refusal::Nothing(format!("{name} has no next stop")))?;
    if stop.stage() == Stage::Contract {
        let text = format!("{stop} cannot be undone exactly: somebody who is there promotes to it");
        return Err(Refusal::Forbidden(text));
    }
    check(window, now)?;
    if let Some(other) = &ring.pending {
        let (by, window) = (&other.asked.by, other.window);
        return Err(Refusal::Nothing(format!(
            "{by} has scheduled {name} already, {window}; cancel that first"
        )));
    }
    let mark = ordered_mark(asked, now);
    let pending = Pending {
        id: Digest::of("pending-id/1", &[asked.key.as_bytes()]).short(),
        asked: mark.clone(),
        stop,
        window,
    };
    let scope = Scope::Ring(name.clone());
    let mut facts = vec![ordered_fact(
        asked,
        scope.clone(),
        Event::PromotionScheduled(Box::new(pending)),
        now,
    )];
    if rollout.approvals_needed(stop) > 0 {
        if let Some(open) = rollout.request_for(name, stop, now) {
            return Err(Refusal::Forbidden(format!(
                "request {} of {} stands for another time; withdraw it first, the approval is asked for with its window",
                open.id, open.asked.by
            )));
        }
        let what = (name.clone(), stop);
        let request = Approval::request(&rollout.opening, what, (mark, Some(window)), &asked.key);
        let event = Event::ApprovalRequested(Box::new(request));
        facts.push(following_fact(asked, scope, event, now));
    }
    Ok(facts)
}

fn check(window: Window, now: Timestamp) -> Result<(), Refusal> {
    let wrong = if window.until <= window.from {
        "the window closes before it opens"
    } else if window.until <= now {
        "the window is over"
    } else if window.until > now.after(AHEAD_MAX) {
        "a window closes within seven days"
    } else {
        return Ok(());
    };
    Err(Refusal::Forbidden(format!("{wrong}: {window}")))
}

/// Decides on taking such an order back, with the request that came with it.
pub(super) fn cancel(
    rollout: &Rollout,
    asked: &Order,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let rings: Vec<&RingName> = match &asked.scope {
        Scope::Fleet => rollout.ring_order().collect(),
        _ => vec![one_ring(rollout, asked, "one ring, or the fleet")?.0],
    };
    let mut facts = Vec::new();
    for name in rings {
        let Some(pending) = rollout.rings.get(name).and_then(|r| r.pending.as_ref()) else {
            continue;
        };
        let scope = Scope::Ring(name.clone());
        let id = pending.id.clone();
        let event = Event::PromotionCancelled { id };
        facts.push(ordered_fact(asked, scope.clone(), event, now));
        if let Some(request) = request_of(rollout, name, pending, now) {
            let id = request.id.clone();
            let event = Event::ApprovalWithdrawn { id };
            facts.push(following_fact(asked, scope, event, now));
        }
    }
    match facts.is_empty() {
        true => Err(Refusal::Nothing(format!(
            "nothing is scheduled for {}",
            asked.scope
        ))),
        false => Ok(facts),
    }
}

/// With its request such an order is over too.
pub(super) fn ended_with(
    rollout: &Rollout,
    asked: &Order,
    ended: &Approval,
    now: Timestamp,
) -> Option<Fact> {
    let pending = rollout.rings.get(&ended.ring)?.pending.as_ref()?;
    let same = ended.window == Some(pending.window) && ended.stop == pending.stop;
    let event = Event::PromotionCancelled {
        id: pending.id.clone(),
    };
    let scope = Scope::Ring(ended.ring.clone());
    same.then(|| following_fact(asked, scope, event, now))
}

/// The engine says that such an order has come to nothing.
pub(super) fn lapse(
    rollout: &Rollout,
    name: &RingName,
    why: &str,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let pending = rollout.rings.get(name).and_then(|r| r.pending.as_ref());
    let pending =
        pending.ok_or_else(|| Refusal::Nothing(format!("nothing is scheduled for ring {name}")))?;
    let event = Event::PromotionLapsed {
        id: pending.id.clone(),
        why: why.to_owned(),
    };
    let scope = Scope::Ring(name.clone());
    let mut facts = vec![engine_fact(scope.clone(), event, now)];
    if let Some(request) = request_of(rollout, name, pending, now) {
        let id = request.id.clone();
        facts.push(engine_fact(scope, Event::ApprovalWithdrawn { id }, now));
    }
    Ok(facts)
}

/// Adds what is due: promotions whose window is open and whose gates have
/// passed, and the end of those that come to nothing.
pub(super) fn due(
    rollout: &Rollout,
    people: &People,
    observations: &Observations,
    now: Timestamp,
    out: &mut Next,
) {
    for name in rollout.ring_order() {
        let Some(pending) = rollout.rings.get(name).and_then(|r| r.pending.as_ref()) else {
            continue;
        };
        let window = pending.window;
        let stands = rollout.paused.is_some() || rollout.aborting.is_some();
        let ready = || promote::ready(rollout, observations, name, now);
        let lapse = |why: String| Some(Command::Lapse(name.clone(), why));
        let command = if now >= window.until {
            lapse(match ready() {
                Ok(_) => "its window closed before it was its turn".to_owned(),
                Err(refusal) => format!("its window closed: {refusal}"),
            })
        } else if let Err(denied) = may(people, name, pending) {
            lapse(denied)
        } else if now < window.from || stands {
            None
        } else {
            match ready() {
                Ok(ready) if ready.to == pending.stop => {
                    Some(Command::Order(order(rollout, name, pending)))
                }
                Ok(ready) => lapse(format!(
                    "the ring would go to {} next, not to {}",
                    ready.to, pending.stop
                )),
                Err(refusal) => {
                    sooner(&mut out.wake_at, clears_at(&refusal));
                    None
                }
            }
        };
        let turns = [window.from, window.until];
        sooner(&mut out.wake_at, turns.into_iter().find(|at| now < *at));
        out.commands.extend(command);
    }
}

fn may(people: &People, ring: &RingName, pending: &Pending) -> Result<(), String> {
    let at = Place {
        ring: Some(ring),
        stage: Some(pending.stop.stage()),
    };
    let who = pending.asked.by.name.as_str();
    people.may(who, Right::Act, at).map_err(|d| d.to_string())
}

/// The order as if it were given now, by whoever gave it ahead of its time.
fn order(rollout: &Rollout, ring: &RingName, pending: &Pending) -> Order {
    let scope = Scope::Ring(ring.clone());
    let asked = &pending.asked;
    let reason = match asked.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    Order {
        key: format!("pending/{}", pending.id),
        actor: asked.by.clone(),
        cause: Cause::Scheduled,
        seen: rollout.version_of(&scope),
        scope,
        verb: Verb::Promote,
        confirm: None,
        reason: format!("scheduled at {}{reason}", asked.at.minute()),
    }
}

fn one_ring<'a>(
    rollout: &'a Rollout,
    asked: &'a Order,
    works_at: &str,
) -> Result<(&'a RingName, &'a RingState), Refusal> {
    let Scope::Ring(name) = &asked.scope else {
        return Err(Refusal::WrongScope {
            verb: asked.verb.word().into(),
            works_at: works_at.into(),
        });
    };
    let ring = rollout.rings.get(name);
    let ring = ring.ok_or_else(|| Refusal::UnknownScope(format!("ring {name}")))?;
    Ok((name, ring))
}

/// The request that came with a pending order, while it is open.
fn request_of<'a>(
    rollout: &'a Rollout,
    ring: &RingName,
    pending: &Pending,
    now: Timestamp,
) -> Option<&'a Approval> {
    let request = rollout.request_for(ring, pending.stop, now)?;
    (request.window == Some(pending.window)).then_some(request)
}

//! What an act would be, before anybody is asked: its targets and its verb,
//! or the reason why there is nothing to ask.

use super::{blocker, request, restore};
use crate::base::{RingName, Stage, Stop};
use crate::cockpit::action::Action;
use crate::cockpit::model::Model;
use crate::wire::{Mark, Phase, Scope, ShardView, Verb, Verdict, words};

/// One envelope to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Over what.
    pub scope: Scope,
    /// What.
    pub verb: Verb,
    /// The version on the screen.
    pub seen: u64,
}

/// What a question needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The question.
    pub title: String,
    /// The act on its button.
    pub button: String,
    /// Envelopes to be.
    pub targets: Vec<Target>,
    /// Stops to roll back to.
    pub stops: Vec<Stop>,
    /// The name to type.
    pub demanded: Option<String>,
}

/// Prepares an act over these scopes.
///
/// # Errors
/// Why it cannot be done, as a sentence.
pub fn prepare(
    model: &Model,
    action: Action,
    scopes: Result<Vec<Scope>, String>,
) -> Result<Prepared, String> {
    let scopes = match action {
        Action::Promote => ready_rings(model, scopes?)?,
        Action::Approve | Action::Reject | Action::Withdraw => {
            request::asked_rings(model, scopes?)?
        }
        Action::CancelPromotion => request::scheduled_rings(model, scopes?)?,
        _ => scopes?,
    };
    let mut targets = Vec::new();
    let mut first_reason = None;
    for scope in &scopes {
        match verb(model, action, scope) {
            Ok(verb) => targets.push(Target {
                scope: scope.clone(),
                verb,
                seen: model
                    .version_of(scope)
                    .ok_or_else(|| format!("there is no {scope} on the screen"))?,
            }),
            Err(reason) => first_reason = first_reason.or(Some(reason)),
        }
    }
    if targets.is_empty() {
        return Err(first_reason.unwrap_or_else(|| "nothing is selected".into()));
    }
    let stops = if action == Action::RollBack {
        stops(model, &targets)?
    } else {
        Vec::new()
    };
    let name = action.item().name;
    let object = object(&targets);
    Ok(Prepared {
        title: title(model, action, &targets, &object),
        button: format!("{} {object}", sentence_case(name)),
        demanded: demanded(model, action, &targets),
        targets,
        stops,
    })
}

fn object(targets: &[Target]) -> String {
    match targets {
        [one] => match &one.scope {
            Scope::Fleet => "the fleet".into(),
            other => other.to_string(),
        },
        many if many.iter().all(|t| matches!(t.scope, Scope::Ring(_))) => {
            format!("{} rings", many.len())
        }
        many => words::shards(many.len()),
    }
}

/// The fleet means the rings that are ready now: they are listed, and no ring
/// that gets ready while the question stands goes with them.
fn ready_rings(model: &Model, scopes: Vec<Scope>) -> Result<Vec<Scope>, String> {
    if scopes != [Scope::Fleet] {
        return Ok(scopes);
    }
    let rings = model.view().map_or(&[][..], |v| &v.rings).iter();
    let all: Vec<Scope> = rings.map(|ring| Scope::Ring(ring.name.clone())).collect();
    let mut reason = "there is no ring".to_owned();
    let mut ready = Vec::new();
    for scope in all {
        match promotable(model, &scope) {
            Ok(()) => ready.push(scope),
            Err(why) => reason = format!("no ring is ready; {scope}: {why}"),
        }
    }
    if ready.is_empty() {
        Err(reason)
    } else {
        Ok(ready)
    }
}

fn title(model: &Model, action: Action, targets: &[Target], object: &str) -> String {
    let name = sentence_case(action.item().name);
    if let Some(title) = request::title(model, action, targets) {
        return title;
    }
    if let (Action::EndBlocker, [target]) = (action, targets) {
        return blocker::title(target);
    }
    if action == Action::Promote {
        let goals = targets.iter().filter_map(|target| {
            let Scope::Ring(ring) = &target.scope else {
                return None;
            };
            let to = model.ring_named(ring)?.next?;
            Some(format!("{ring} to {to}"))
        });
        let goals: Vec<String> = goals.collect();
        return format!("{name} {}?", goals.join(", "));
    }
    if let [one] = targets
        && let Verb::Throttle {
            rows_per_s_max: Some(cap),
        } = one.verb
    {
        return format!("{name} {object} to {} rows/s per shard?", words::count(cap));
    }
    format!("{name} {object}?")
}

fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + letters.as_str(),
        None => String::new(),
    }
}

/// The migration's name: what one reads at the top of the screen.
fn named(model: &Model) -> Option<String> {
    model.rollout().map(|r| r.migration.to_string())
}

fn demanded(model: &Model, action: Action, targets: &[Target]) -> Option<String> {
    match action {
        Action::Promote if !into_contract(model, targets).is_empty() => named(model),
        Action::RollBack if !restore::dropped(model, targets).is_empty() => named(model),
        Action::Abort => named(model),
        Action::Abandon => match &targets.first()?.scope {
            Scope::Shard(name) => Some(name.to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// The stops of contract that a promotion would admit somebody to.
pub(super) fn into_contract(model: &Model, targets: &[Target]) -> Vec<Stop> {
    let rings = model.view().map_or(&[][..], |v| &v.rings).iter();
    let covered = rings.filter(|ring| {
        targets.iter().any(|target| match &target.scope {
            Scope::Fleet => true,
            Scope::Ring(name) => *name == ring.name,
            Scope::Shard(_) => false,
        })
    });
    let next = covered.filter_map(|ring| ring.next);
    let mut stops: Vec<Stop> = next.filter(|s| s.stage() == Stage::Contract).collect();
    stops.dedup();
    stops
}

fn verb(model: &Model, action: Action, scope: &Scope) -> Result<Verb, String> {
    match action {
        Action::Promote => promotable(model, scope).map(|()| Verb::Promote),
        Action::Hold => match hold(model, scope) {
            Some(mark) => Err(format!("{scope} is held already, by {}", mark.by)),
            None => Ok(Verb::Hold),
        },
        Action::Release => match hold(model, scope) {
            Some(_) => Ok(Verb::Release),
            None => Err(format!("{scope} is not held")),
        },
        Action::Pause => match pause(model, scope) {
            Some(mark) => Err(format!("{scope} is paused already, by {}", mark.by)),
            None => Ok(Verb::Pause),
        },
        Action::Resume => match pause(model, scope) {
            Some(_) => Ok(Verb::Resume),
            None => Err(wider_pause(model, scope)),
        },
        Action::Retry => retriable(model, scope).map(|()| Verb::Retry),
        // The stop is chosen in the dialog.
        Action::RollBack => Ok(Verb::RollBack { to: Stop::Snapshot }),
        Action::ThrottleUp => cap(model, scope).map(|cap| throttle(cap.saturating_mul(3) / 2)),
        Action::ThrottleDown => cap(model, scope).map(|cap| throttle(cap.saturating_mul(2) / 3)),
        Action::Abort => match model.rollout().and_then(|r| r.aborting.as_ref()) {
            Some(mark) => Err(format!("being aborted already, by {}", mark.by)),
            None => Ok(Verb::Abort),
        },
        Action::Abandon => match model.rollout().and_then(|r| r.aborting.as_ref()) {
            Some(_) => Ok(Verb::Abandon),
            None => Err("only while the rollout is being aborted".into()),
        },
        Action::EndBlocker => blocker::verb(model, scope),
        Action::CancelPromotion => request::scheduled(model, scope).map(|_| Verb::Cancel),
        Action::Ask | Action::Approve | Action::Reject | Action::Withdraw => {
            request::verb(model, action, scope)
        }
        _ => Err("nothing to confirm".into()),
    }
}

fn throttle(cap: u64) -> Verb {
    Verb::Throttle {
        rows_per_s_max: Some(cap.max(1)),
    }
}

fn hold<'a>(model: &'a Model, scope: &Scope) -> Option<&'a Mark> {
    match scope {
        Scope::Fleet => model.rollout()?.hold.as_ref(),
        Scope::Ring(name) => model.ring_named(name)?.hold.as_ref(),
        Scope::Shard(_) => None,
    }
}

fn pause<'a>(model: &'a Model, scope: &Scope) -> Option<&'a Mark> {
    match scope {
        Scope::Fleet => model.rollout()?.paused.as_ref(),
        Scope::Ring(name) => model.ring_named(name)?.paused.as_ref(),
        Scope::Shard(name) => model.shard_named(name)?.paused.as_ref(),
    }
}

fn wider_pause(model: &Model, scope: &Scope) -> String {
    let ring = match scope {
        Scope::Shard(name) => model.shard_named(name).map(|s| &s.ring),
        _ => None,
    };
    let ring_paused = |ring: &&RingName| model.ring_named(ring).is_some_and(|r| r.paused.is_some());
    if model.rollout().is_some_and(|r| r.paused.is_some()) && *scope != Scope::Fleet {
        format!("{scope} is not paused itself; the fleet is: resume the fleet")
    } else if let Some(ring) = ring.filter(ring_paused) {
        format!("{scope} is not paused itself; ring {ring} is: resume the ring")
    } else {
        format!("{scope} is not paused")
    }
}

fn promotable(model: &Model, scope: &Scope) -> Result<(), String> {
    let Scope::Ring(name) = scope else {
        return Ok(());
    };
    let Some(ring) = model.ring_named(name) else {
        return Err(format!("there is no ring {name}"));
    };
    if ring.next.is_none() {
        return Err(format!("ring {name} has no further stage"));
    }
    let held = ring.hold.as_ref();
    if let Some(mark) = held.or(model.rollout().and_then(|r| r.hold.as_ref())) {
        return Err(format!("held by {}; release it first", mark.by));
    }
    let closed = ring.gates.iter().find(|g| g.verdict != Verdict::Pass);
    if let Some(gate) = closed {
        return Err(gate.to_string());
    }
    let busy = shards_of(model, scope)
        .iter()
        .filter(|s| !matches!(s.phase, Phase::Done | Phase::RolledBack | Phase::Abandoned))
        .count();
    match busy {
        0 => Ok(()),
        n => Err(format!("{} not done yet", words::shards(n))),
    }
}

fn retriable(model: &Model, scope: &Scope) -> Result<(), String> {
    let shards = shards_of(model, scope);
    let failed = shards.iter().any(|s| s.phase == Phase::Failed);
    let alone = matches!(scope, Scope::Shard(_));
    if failed || alone && shards.iter().any(|s| s.phase == Phase::RolledBack) {
        Ok(())
    } else {
        Err(format!("nothing has failed in {scope}"))
    }
}

fn cap(model: &Model, scope: &Scope) -> Result<u64, String> {
    let own = match scope {
        Scope::Fleet => model.rollout().and_then(|r| r.rows_per_s_max),
        Scope::Ring(name) => model.ring_named(name).and_then(|r| r.rows_per_s_max),
        Scope::Shard(_) => None,
    };
    // Without a cap, the fastest shard's rate is where a cap would begin.
    let shards = shards_of(model, scope);
    let measured = shards
        .iter()
        .filter_map(|s| s.rows_per_s_max.or(s.rows_per_s));
    own.or(measured.max())
        .filter(|cap| *cap > 0)
        .ok_or_else(|| format!("{scope} has no cap and no rate was measured yet"))
}

/// Shards that a scope covers.
pub(super) fn shards_of<'a>(model: &'a Model, scope: &Scope) -> Vec<&'a ShardView> {
    let all = model.view().map_or(&[][..], |v| &v.shards).iter();
    match scope {
        Scope::Fleet => all.collect(),
        Scope::Ring(name) => all.filter(|s| s.ring == *name).collect(),
        Scope::Shard(name) => model.shard_named(name).into_iter().collect(),
    }
}

fn stops(model: &Model, targets: &[Target]) -> Result<Vec<Stop>, String> {
    let shards: Vec<&ShardView> = targets
        .iter()
        .flat_map(|t| shards_of(model, &t.scope))
        .collect();
    if let Some(shard) = shards.iter().find(|s| s.phase == Phase::RollingBack) {
        return Err(format!(
            "{} is rolling back already; wait for it",
            shard.name
        ));
    }
    let begun = |s: &&ShardView| matches!(s.phase, Phase::Running | Phase::Done | Phase::Failed);
    let furthest = shards.iter().copied().filter(begun).map(|s| s.stop).max();
    let route = model.rollout().map_or(&[][..], |r| &r.route);
    // A merge restore further than to the end of retire is for the fleet.
    let whole = targets.iter().any(|t| t.scope == Scope::Fleet);
    let earliest = match restore::dropped(model, targets).is_empty() || whole {
        true => Stop::Snapshot,
        false => Stop::Retire,
    };
    let stops: Vec<Stop> = route
        .iter()
        .copied()
        .filter(|stop| *stop >= earliest && Some(*stop) < furthest)
        .collect();
    if stops.is_empty() {
        return Err("nothing there is past snapshot; there is nothing to undo".into());
    }
    Ok(stops)
}

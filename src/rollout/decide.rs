//! `decide(state, command) -> facts | refusal`: the only place where
//! something is allowed or not.

use super::apply::apply;
use super::command::{Command, Order, Report, Scope, Verb};
use super::event::{Event, Fact};
use super::observation::Observations;
use super::people::{Place, Right};
use super::refusal::Refusal;
use super::state::{Mark, Opening, Outcome, Phase, Rollout, State};
use super::{approve, enrol, order, pending, promote};
use crate::base::{Actor, Cause, ShardName, Stop, Timestamp};

/// What became of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// These facts go into the journal, all or none, before any effect.
    Facts(Vec<Fact>),
    /// This key was accepted before: nothing to do.
    Repeated,
}

/// Decides. Pure: the same input gives the same answer.
///
/// # Errors
/// A [`Refusal`] that says why and what can be done instead.
pub fn decide(
    state: &State,
    observations: &Observations,
    command: &Command,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let facts = match command {
        Command::Open(opening, actor) => open(state, opening, actor, now)?,
        Command::Order(asked) => {
            enrol::permitted(state, asked)?;
            if let Verb::People(change) = &asked.verb {
                return Ok(Decision::Facts(enrol::change(state, asked, change, now)?));
            }
            let rollout = commanded(state, &asked.verb).ok_or(Refusal::NoRollout)?;
            if rollout.keys.contains(&asked.key) {
                return Ok(Decision::Repeated);
            }
            ordered(state, rollout, observations, asked, now)?
        }
        Command::Begin { shards, stop } => {
            let rollout = state.open().ok_or(Refusal::NoRollout)?;
            vec![begin(rollout, shards, *stop, now)?]
        }
        Command::Lapse(ring, why) => {
            let rollout = state.open().ok_or(Refusal::NoRollout)?;
            pending::lapse(rollout, ring, why, now)?
        }
        Command::Report(shard, report) => {
            let rollout = state.open().ok_or(Refusal::NoRollout)?;
            reported(rollout, shard, report, now)?
        }
        // The exported values go with it: nobody can bring back what was dropped.
        Command::Forget(actor, reason) => {
            vec![between_rollouts(
                state,
                (actor, reason),
                Event::Forgotten,
                now,
            )?]
        }
        Command::Baseline {
            name,
            schema,
            shards,
            actor,
            reason,
        } => {
            let event = Event::Baselined {
                name: name.clone(),
                schema: *schema,
                shards: shards.clone(),
            };
            vec![between_rollouts(state, (actor, reason), event, now)?]
        }
        Command::End(outcome) => {
            state.open().ok_or(Refusal::NoRollout)?;
            vec![engine_fact(
                Scope::Fleet,
                Event::RolloutEnded { outcome: *outcome },
                now,
            )]
        }
    };
    Ok(Decision::Facts(with_consequences(state, facts, now)))
}

/// The rollout that a verb is about: the open one; for a rollback also the one
/// that is done, since merge restore opens it again; for a review whatever was
/// last, since it stays owed.
fn commanded<'a>(state: &'a State, verb: &Verb) -> Option<&'a Rollout> {
    let over = state.rollout.as_ref().filter(|r| match verb {
        Verb::RollBack { .. } => r.outcome == Some(Outcome::Done),
        Verb::Review => true,
        _ => false,
    });
    state.open().or(over)
}

/// A fact that the engine states by its own rules.
pub(super) fn engine_fact(scope: Scope, event: Event, now: Timestamp) -> Fact {
    Fact {
        at: now,
        actor: Actor::engine(),
        scope,
        cause: Cause::Reconcile,
        key: None,
        reason: String::new(),
        event,
    }
}

/// A fact that somebody asked for.
pub(super) fn ordered_fact(asked: &Order, scope: Scope, event: Event, now: Timestamp) -> Fact {
    Fact {
        at: now,
        actor: asked.actor.clone(),
        scope,
        cause: asked.cause,
        key: Some(asked.key.clone()),
        reason: asked.reason.clone(),
        event,
    }
}

/// A further fact of the same order: the key is on its first one.
pub(super) fn following_fact(asked: &Order, scope: Scope, event: Event, now: Timestamp) -> Fact {
    Fact {
        key: None,
        ..ordered_fact(asked, scope, event, now)
    }
}

/// Who gives an order, when and why.
pub(super) fn ordered_mark(asked: &Order, now: Timestamp) -> Mark {
    Mark {
        by: asked.actor.clone(),
        at: now,
        reason: asked.reason.clone(),
        cause: asked.cause,
    }
}

fn open(
    state: &State,
    opening: &Opening,
    actor: &Actor,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    if let Some(rollout) = state.open() {
        return Err(Refusal::AlreadyOpen {
            migration: rollout.opening.migration.to_string(),
            id: rollout.opening.id.clone(),
        });
    }
    enrol::may(&state.people, &actor.name, Right::Act, Place::default())?;
    let has_shards = opening.rings.iter().any(|(_, members)| !members.is_empty());
    if opening.route.is_empty() || !has_shards {
        return Err(Refusal::Forbidden(
            "a rollout needs shards and stops".into(),
        ));
    }
    let mut fact = engine_fact(
        Scope::Fleet,
        Event::RolloutOpened(Box::new(opening.clone())),
        now,
    );
    fact.actor = actor.clone();
    fact.cause = Cause::Operator;
    Ok(vec![fact])
}

/// What a person does to the shards while no rollout is open.
fn between_rollouts(
    state: &State,
    (actor, reason): (&Actor, &str),
    event: Event,
    now: Timestamp,
) -> Result<Fact, Refusal> {
    if let Some(rollout) = state.open() {
        return Err(Refusal::Forbidden(format!(
            "rollout {} is open: finish or abort it first",
            rollout.opening.id
        )));
    }
    enrol::may(&state.people, &actor.name, Right::Act, Place::default())?;
    let mut fact = engine_fact(Scope::Fleet, event, now);
    fact.actor = actor.clone();
    fact.cause = Cause::Operator;
    fact.reason = reason.to_owned();
    Ok(fact)
}

fn ordered(
    state: &State,
    rollout: &Rollout,
    observations: &Observations,
    asked: &Order,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let version = rollout
        .version_of(&asked.scope)
        .ok_or_else(|| Refusal::UnknownScope(asked.scope.to_string()))?;
    if let Some(seen) = asked.seen
        && seen != version
        && !asked.verb.is_calming()
    {
        return Err(Refusal::Stale { seen, now: version });
    }
    let closing = matches!(
        asked.verb,
        Verb::Promote | Verb::Schedule(_) | Verb::Automate { to: Some(_), .. }
    );
    if rollout.aborting.is_some() && closing {
        return Err(Refusal::Forbidden("the rollout is being aborted".into()));
    }
    match &asked.verb {
        Verb::Promote => promote::promote(rollout, observations, asked, now),
        Verb::Schedule(window) => pending::schedule(rollout, asked, *window, now),
        Verb::Cancel => pending::cancel(rollout, asked, now),
        Verb::Approval(act) => approve::act(rollout, &state.people, asked, act, now),
        Verb::BreakGlass { lasting } => approve::break_glass(rollout, asked, *lasting, now),
        Verb::Review => approve::review(rollout, &state.people, asked, now),
        _ => order::order(rollout, asked, now),
    }
}

fn begin(
    rollout: &Rollout,
    shards: &[ShardName],
    stop: Stop,
    now: Timestamp,
) -> Result<Fact, Refusal> {
    for name in shards {
        let shard = rollout
            .shards
            .get(name)
            .ok_or_else(|| Refusal::UnknownScope(format!("shard {name}")))?;
        let admitted = rollout.rings.get(&shard.ring).map(|r| r.admitted);
        let next = match shard.phase {
            Phase::Waiting => Some(shard.at),
            Phase::Done => rollout.stop_after(shard.at),
            _ => None,
        };
        if next != Some(stop) || admitted < Some(stop) {
            return Err(Refusal::Forbidden(format!(
                "{name} is not admitted to {stop}"
            )));
        }
    }
    let event = Event::StageBegun {
        stop,
        shards: shards.to_vec(),
        plan_digest: rollout.opening.plan_digest,
        shard_set_digest: rollout.opening.shard_set_digest,
    };
    Ok(engine_fact(Scope::Fleet, event, now))
}

fn reported(
    rollout: &Rollout,
    name: &ShardName,
    report: &Report,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let shard = rollout.shards.get(name);
    let shard = shard.ok_or_else(|| Refusal::UnknownScope(format!("shard {name}")))?;
    let late = |what: &str| Refusal::Nothing(format!("{name}: {what} came too late"));
    let event = match report {
        Report::Attached { pin, epoch } => Event::ShardAttached {
            pin: pin.clone(),
            epoch: *epoch,
        },
        Report::Finished {
            stop,
            generation,
            evidence,
        } => {
            if shard.phase != Phase::Running || shard.at != *stop {
                return Err(late("a finished stop"));
            }
            Event::StageDone {
                stop: *stop,
                generation: *generation,
                evidence: evidence.clone(),
            }
        }
        Report::Undone { stop, restored } => {
            if shard.phase != Phase::RollingBack || shard.at != *stop {
                return Err(late("an undone stop"));
            }
            Event::StageUndone {
                stop: *stop,
                restored: *restored,
            }
        }
        Report::Failed { fault } => {
            if !matches!(shard.phase, Phase::Running | Phase::RollingBack) {
                return Err(late("a failure"));
            }
            Event::ShardFailed {
                fault: fault.clone(),
            }
        }
        Report::Regressed { found, epoch, why } => Event::ShardRegressed {
            found: *found,
            epoch: *epoch,
            why: why.clone(),
        },
        Report::GenerationBumped { generation, why } => Event::GenerationBumped {
            generation: *generation,
            why: why.clone(),
        },
        Report::Fenced { epoch } => Event::ShardFenced { epoch: *epoch },
        Report::BlockerEnded { blocker, .. } if shard.ending != Some(*blocker) => {
            return Err(late("the end of a session"));
        }
        Report::BlockerEnded { blocker, end } => Event::BlockerEnded {
            blocker: *blocker,
            end: end.clone(),
        },
        Report::ShareSeen { percent, clients } => Event::ShareSeen {
            percent: *percent,
            clients: *clients,
        },
    };
    Ok(vec![engine_fact(Scope::Shard(name.clone()), event, now)])
}

/// Adds what follows by rule: the failed budget, the hold after a regress,
/// the end of the rollout.
fn with_consequences(state: &State, mut facts: Vec<Fact>, now: Timestamp) -> Vec<Fact> {
    let mut after = state.clone();
    for fact in &facts {
        apply(&mut after, fact);
    }
    let Some(rollout) = after.open() else {
        return facts;
    };
    let mut more = Vec::new();
    for fact in &facts {
        more.extend(consequence(rollout, fact, now));
    }
    more.extend(ending(rollout, now));
    facts.extend(more);
    facts
}

fn consequence(rollout: &Rollout, fact: &Fact, now: Timestamp) -> Option<Fact> {
    match (&fact.event, &fact.scope) {
        (Event::ShardFailed { .. }, _) => {
            let failed = rollout.failed_now().len();
            let allowed = rollout.opening.policy.max_failed_shards as usize;
            if failed <= allowed || rollout.paused.is_some() {
                return None;
            }
            let mut pause = engine_fact(Scope::Fleet, Event::Paused, now);
            pause.cause = Cause::FailedBudget;
            let have = if failed == 1 {
                "shard has"
            } else {
                "shards have"
            };
            pause.reason = format!("{failed} {have} failed, {allowed} may");
            Some(pause)
        }
        (Event::ShardRegressed { why, .. }, Scope::Shard(name)) => {
            let shard = rollout.shards.get(name)?;
            let mut hold = engine_fact(Scope::Ring(shard.ring.clone()), Event::Held, now);
            hold.cause = Cause::Regressed;
            hold.reason = format!("{name}: {why}");
            Some(hold)
        }
        _ => None,
    }
}

fn ending(rollout: &Rollout, now: Timestamp) -> Option<Fact> {
    let last = rollout.last_stop();
    let gone = |phase| matches!(phase, Phase::RolledBack | Phase::Abandoned);
    let outcome = if rollout.aborting.is_some() {
        rollout
            .shards
            .values()
            .all(|s| gone(s.phase))
            .then_some(Outcome::Aborted)
    } else {
        let mut live = rollout
            .shards
            .values()
            .filter(|s| !gone(s.phase))
            .peekable();
        let any = live.peek().is_some();
        (any && live.all(|s| s.at == last && s.phase == Phase::Done)).then_some(Outcome::Done)
    }?;
    Some(engine_fact(
        Scope::Fleet,
        Event::RolloutEnded { outcome },
        now,
    ))
}

//! Every verb but promote.

use super::blocker;
use super::command::{Order, Scope, Verb};
use super::decide::{engine_fact, ordered_fact};
use super::event::{Event, Fact};
use super::refusal::Refusal;
use super::state::{Auto, Phase, Rollout};
use crate::base::{Cause, ShardName, Stage, Stop, Timestamp, code};

pub(super) fn order(
    rollout: &Rollout,
    asked: &Order,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let single = |event| Ok(vec![ordered_fact(asked, asked.scope.clone(), event, now)]);
    match &asked.verb {
        Verb::Hold => {
            not_on_shard(asked, "the fleet or a ring")?;
            single(Event::Held)
        }
        Verb::Release => {
            not_on_shard(asked, "the fleet or a ring")?;
            release(rollout, asked)?;
            single(Event::Released)
        }
        Verb::Pause => single(Event::Paused),
        Verb::Resume => {
            resume(rollout, asked)?;
            single(Event::Resumed)
        }
        Verb::Retry => {
            let shards = retry(rollout, asked)?;
            let resumed = within_budget(rollout, &shards, now);
            let event = Event::Retried { shards };
            let retried = ordered_fact(asked, asked.scope.clone(), event, now);
            Ok(std::iter::once(retried).chain(resumed).collect())
        }
        Verb::RollBack { to } => roll_back(rollout, asked, *to, now),
        Verb::Abort => abort(rollout, asked, now),
        Verb::Abandon => {
            abandon(rollout, asked)?;
            single(Event::ShardAbandoned)
        }
        Verb::EndBlocker(blocker) => {
            blocker::end(rollout, asked)?;
            single(Event::BlockerEnding { blocker: *blocker })
        }
        Verb::Throttle { rows_per_s_max } => {
            if *rows_per_s_max == Some(0) {
                return Err(Refusal::Forbidden(
                    "0 rows per second is a pause; use pause".into(),
                ));
            }
            single(Event::Throttled {
                rows_per_s_max: *rows_per_s_max,
            })
        }
        Verb::Automate { to } => {
            let auto = automate(rollout, asked, *to)?;
            single(Event::Automated { auto })
        }
        // `decide` sends these to files of their own.
        Verb::Promote
        | Verb::Schedule(_)
        | Verb::Cancel
        | Verb::Approval(_)
        | Verb::BreakGlass { .. }
        | Verb::Review
        | Verb::People(_) => Err(Refusal::Nothing("it is decided elsewhere".into())),
    }
}

/// What a promotion into contract does, for whoever must confirm it.
pub(super) const ENTERS_CONTRACT: &str = "contract retires and then drops the old form";

/// A person must have named the rollout. What the engine does by its own rules
/// was confirmed when somebody gave it the order.
pub(super) fn confirmed(rollout: &Rollout, asked: &Order, what: &str) -> Result<(), Refusal> {
    let named = |typed: &String| rollout.opening.is_named(typed);
    if asked.cause != Cause::Operator || asked.confirm.as_ref().is_some_and(named) {
        return Ok(());
    }
    Err(Refusal::Unconfirmed {
        what: what.into(),
        id: rollout.opening.id.clone(),
    })
}

fn not_on_shard(asked: &Order, works_at: &str) -> Result<(), Refusal> {
    match asked.scope {
        Scope::Shard(_) => Err(Refusal::WrongScope {
            verb: asked.verb.word().into(),
            works_at: works_at.into(),
        }),
        Scope::Fleet | Scope::Ring(_) => Ok(()),
    }
}

fn release(rollout: &Rollout, asked: &Order) -> Result<(), Refusal> {
    let held = match &asked.scope {
        Scope::Fleet => rollout.hold.is_some(),
        Scope::Ring(name) => rollout.rings.get(name).is_some_and(|r| r.hold.is_some()),
        Scope::Shard(_) => false,
    };
    if held {
        Ok(())
    } else {
        Err(Refusal::Nothing(format!("{} is not held", asked.scope)))
    }
}

fn resume(rollout: &Rollout, asked: &Order) -> Result<(), Refusal> {
    let paused = match &asked.scope {
        Scope::Fleet => rollout.paused.as_ref(),
        Scope::Ring(name) => rollout.rings.get(name).and_then(|r| r.paused.as_ref()),
        Scope::Shard(name) => rollout.shards.get(name).and_then(|s| s.paused.as_ref()),
    };
    let Some(mark) = paused else {
        return Err(Refusal::Nothing(format!("{} is not paused", asked.scope)));
    };
    let failed = rollout.failed_now();
    let allowed = rollout.opening.policy.max_failed_shards as usize;
    if mark.cause == Cause::FailedBudget && failed.len() > allowed {
        return Err(Refusal::Failed(failed.into_iter().cloned().collect()));
    }
    Ok(())
}

fn retry(rollout: &Rollout, asked: &Order) -> Result<Vec<ShardName>, Refusal> {
    let covered = rollout.covered(&asked.scope);
    let is = |name: &ShardName, phase| rollout.shards.get(name).is_some_and(|s| s.phase == phase);
    let failed: Vec<_> = covered
        .iter()
        .filter(|n| is(n, Phase::Failed))
        .cloned()
        .collect();
    let void = |name: &&ShardName| {
        let shard = rollout.shards.get(*name);
        shard.is_some_and(|s| {
            s.undo.is_none()
                && s.failure
                    .as_ref()
                    .is_some_and(|f| f.code == code::DUAL_WRITE_WAS_OFF)
        })
    };
    if let Some(name) = failed.iter().find(void) {
        return Err(Refusal::Forbidden(format!(
            "{name}: dual write was off while both forms were written, so nothing is proved; roll it back to dual_write"
        )));
    }
    if !failed.is_empty() {
        return Ok(failed);
    }
    // One shard that was rolled back alone may join again; a wider scope
    // never re-admits by the way.
    match &asked.scope {
        Scope::Shard(name) if is(name, Phase::RolledBack) && rollout.aborting.is_none() => {
            Ok(vec![name.clone()])
        }
        scope => Err(Refusal::Nothing(format!("nothing has failed in {scope}"))),
    }
}

/// A retry that leaves no more failed shards than may be is the answer to the
/// pause that the failed budget made, and ends it. Any other pause stays.
fn within_budget(rollout: &Rollout, retried: &[ShardName], now: Timestamp) -> Option<Fact> {
    let mark = rollout.paused.as_ref()?;
    let failed = rollout.failed_now();
    let still = failed.iter().filter(|name| !retried.contains(name)).count();
    let allowed = rollout.opening.policy.max_failed_shards as usize;
    let mends = still < failed.len();
    if mark.cause != Cause::FailedBudget || !mends || still > allowed {
        return None;
    }
    let mut resumed = engine_fact(Scope::Fleet, Event::Resumed, now);
    resumed.cause = Cause::FailedBudget;
    resumed.reason = format!("failed shards are tried again: {still} failed now, {allowed} may");
    Some(resumed)
}

fn roll_back(
    rollout: &Rollout,
    asked: &Order,
    to: Stop,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    if to < rollout.before_expand() || !rollout.opening.route.contains(&to) {
        return Err(Refusal::Forbidden(format!(
            "{to} is not a stop to roll back to; the earliest is snapshot (before expand)"
        )));
    }
    let covered = rollout.covered(&asked.scope);
    let shards: Vec<ShardName> = covered
        .iter()
        .filter(|name| {
            rollout.shards.get(*name).is_some_and(|s| {
                let begun = matches!(s.phase, Phase::Running | Phase::Done | Phase::Failed);
                begun && rollout.undo_from(s) > to
            })
        })
        .cloned()
        .collect();
    let undoing: Vec<ShardName> = covered
        .iter()
        .filter(|n| {
            rollout
                .shards
                .get(*n)
                .is_some_and(|s| s.phase == Phase::RollingBack)
        })
        .cloned()
        .collect();
    if !undoing.is_empty() {
        return Err(Refusal::RollingBack(undoing));
    }
    if shards.is_empty() {
        return Err(Refusal::Nothing(format!(
            "nothing in {} is past {to}",
            asked.scope
        )));
    }
    let dropped = rollout.dropped(&asked.scope);
    if shards.iter().any(|name| dropped.contains(name)) {
        confirmed(
            rollout,
            asked,
            "a merge restore brings dropped values back where the row is unchanged and down(new) elsewhere",
        )?;
        if to.stage() != Stage::Contract {
            // Merge restore brings the old form back to the end of retire first.
            check_merge_restore(asked)?;
        }
    }
    let event = Event::RollbackBegun { to, shards };
    Ok(vec![ordered_fact(asked, asked.scope.clone(), event, now)])
}

fn check_merge_restore(asked: &Order) -> Result<(), Refusal> {
    if asked.scope == Scope::Fleet {
        Ok(())
    } else {
        Err(Refusal::WrongScope {
            verb: "roll back past drop (merge restore)".into(),
            works_at: "the whole fleet".into(),
        })
    }
}

fn abort(rollout: &Rollout, asked: &Order, now: Timestamp) -> Result<Vec<Fact>, Refusal> {
    if asked.scope != Scope::Fleet {
        return Err(Refusal::WrongScope {
            verb: "abort".into(),
            works_at: "the fleet".into(),
        });
    }
    if rollout.aborting.is_some() {
        return Err(Refusal::Nothing(
            "the rollout is being aborted already".into(),
        ));
    }
    if rollout.shards.values().any(|s| s.at == Stop::Drop) {
        return Err(Refusal::Forbidden(
            "the old form is dropped on some shards; roll the fleet back to retire (merge restore) first".into(),
        ));
    }
    confirmed(
        rollout,
        asked,
        "abort undoes everything and ends the rollout",
    )?;
    let shards: Vec<ShardName> = rollout
        .covered(&Scope::Fleet)
        .into_iter()
        .filter(|name| {
            let phase = rollout.shards.get(name).map(|s| s.phase);
            !matches!(phase, Some(Phase::RolledBack | Phase::Abandoned) | None)
        })
        .collect();
    let begun = ordered_fact(asked, Scope::Fleet, Event::AbortBegun, now);
    let undo = Event::RollbackBegun {
        to: rollout.before_expand(),
        shards,
    };
    let mut undo = ordered_fact(asked, Scope::Fleet, undo, now);
    undo.key = None;
    Ok(vec![begun, undo])
}

fn abandon(rollout: &Rollout, asked: &Order) -> Result<(), Refusal> {
    let Scope::Shard(name) = &asked.scope else {
        return Err(Refusal::WrongScope {
            verb: "abandon".into(),
            works_at: "one shard".into(),
        });
    };
    if rollout.aborting.is_none() {
        return Err(Refusal::Forbidden(
            "only while the rollout is being aborted".into(),
        ));
    }
    if asked.reason.trim().is_empty() {
        return Err(Refusal::Forbidden("abandon needs a reason".into()));
    }
    match rollout.shards.get(name).map(|s| s.phase) {
        Some(Phase::RolledBack | Phase::Abandoned) | None => Err(Refusal::Nothing(format!(
            "{name} is rolled back or abandoned already"
        ))),
        Some(_) => Ok(()),
    }
}

fn automate(rollout: &Rollout, asked: &Order, to: Option<Stop>) -> Result<Option<Auto>, Refusal> {
    if asked.scope != Scope::Fleet {
        return Err(Refusal::WrongScope {
            verb: "automate".into(),
            works_at: "the fleet".into(),
        });
    }
    let Some(to) = to else {
        return Ok(None);
    };
    if to.stage() == Stage::Contract {
        if rollout.opening.production {
            return Err(Refusal::Forbidden(
                "contract is never automatic in production; promote it by hand".into(),
            ));
        }
        confirmed(rollout, asked, ENTERS_CONTRACT)?;
    }
    Ok(Some(Auto {
        to,
        by: asked.actor.clone(),
    }))
}

//! Waits until what was ordered has come about.

use super::exit::{Ended, Exit};
use super::order::{journal_view, view};
use super::prepare::load_fleet;
use crate::base::Period;
use crate::engine::now;
use crate::rollout::{Phase, Scope, Verb};
use crate::wire::{FleetView, ShardView, Standing};
use std::path::Path;

/// Rest between two looks.
const LOOK_AGAIN: Period = Period::from_ms(500);

/// What a look says.
pub(super) enum Seen {
    /// It has come about.
    Done,
    /// It has not; how things stand.
    NotYet(String),
    /// It will not come about by itself.
    Failed(String),
}

/// Waits for an order's end.
///
/// # Errors
/// It has not come about in time, or a shard has failed.
pub(super) async fn until_done(
    fleet: &Path,
    scope: &Scope,
    verb: &Verb,
    patience: Period,
) -> Result<String, Ended> {
    // A view from before the order says nothing about it.
    let ordered = journal_view(&load_fleet(fleet)?).await?.header.head;
    let look = |view: &FleetView| match view.header.head.map(|h| h.seq) < ordered.map(|h| h.seq) {
        true => Seen::NotYet("the engine has not taken it up".into()),
        false => seen(view, scope, verb),
    };
    until(fleet, patience, look).await?;
    Ok(format!("{} {scope}: it has come about\n", verb.word()))
}

/// Looks until `look` is content.
///
/// # Errors
/// It was not in time, or never will be.
pub(super) async fn until(
    fleet: &Path,
    patience: Period,
    look: impl Fn(&FleetView) -> Seen,
) -> Result<(), Ended> {
    let last = now().after(patience);
    loop {
        match look(&view(fleet).await?) {
            Seen::Done => return Ok(()),
            Seen::Failed(why) => return Err(Ended::new(Exit::Failed, why)),
            Seen::NotYet(why) if now() >= last => {
                let text = format!("not within {patience}: {why}");
                return Err(Ended::new(Exit::Waiting, text));
            }
            Seen::NotYet(_) => tokio::time::sleep(LOOK_AGAIN.duration()).await,
        }
    }
}

/// The shards that a scope covers.
pub(super) fn covered<'a>(
    view: &'a FleetView,
    scope: &'a Scope,
) -> impl Iterator<Item = &'a ShardView> {
    view.shards.iter().filter(move |shard| match scope {
        Scope::Fleet => true,
        Scope::Ring(ring) => shard.ring == *ring,
        Scope::Shard(name) => shard.name == *name,
    })
}

/// Why something moves or not, in a line.
pub(super) fn how(standing: &Standing) -> String {
    match standing.cause.as_str() {
        "" => standing.word.clone(),
        cause => format!("{}, {cause}", standing.word),
    }
}

fn seen(view: &FleetView, scope: &Scope, verb: &Verb) -> Seen {
    let shards = || covered(view, scope);
    let goes_back = matches!(verb, Verb::RollBack { .. } | Verb::Abort);
    if !matches!(verb, Verb::Pause)
        && let Some(failed) = shards().find(|s| s.phase == Phase::Failed)
    {
        return Seen::Failed(format!("shard {}: {}", failed.name, how(&failed.standing)));
    }
    let moves = shards().find(|shard| match (verb, shard.phase) {
        (Verb::Promote | Verb::Retry, Phase::Running | Phase::Waiting) => true,
        (Verb::Promote | Verb::Retry, Phase::Done) => {
            let ring = view.rings.iter().find(|r| r.name == shard.ring);
            ring.is_some_and(|ring| shard.stop < ring.admitted)
        }
        (Verb::Pause, _) => shard.is_at_work(),
        (_, Phase::RollingBack) => goes_back,
        _ => false,
    });
    match moves {
        Some(shard) => Seen::NotYet(format!("shard {}: {}", shard.name, how(&shard.standing))),
        None => Seen::Done,
    }
}

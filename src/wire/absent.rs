//! What a view must say when no engine is heard: the journal tells what was
//! meant to run, and nothing of it moves.

use super::Sign;
use super::need::NeedKind;
use super::standing::Standing;
use super::view::{FleetView, Need};
use crate::base::Timestamp;
use crate::rollout::{Phase, Scope};

/// Nothing of what was meant to happen by itself will.
const STANDS: &str = "nothing: no engine runs";

/// Marks everything that only an engine moves. `last` is the newest entry of
/// the journal. A rollout that has ended needs no engine.
pub fn without_engine(view: &mut FleetView, last: Timestamp) {
    let Some(rollout) = &mut view.header.rollout else {
        return;
    };
    if rollout.outcome.is_some() {
        return;
    }
    let goes_on = "`pilothouse run` goes on from the journal";
    let stood = &rollout.standing;
    // An engine alone does not move what waits for a person.
    let clears = match stood.sign {
        Sign::Paused | Sign::Failed | Sign::NeedsHuman if !stood.clears.is_empty() => {
            format!("{}; then {goes_on}", stood.clears)
        }
        _ => goes_on.to_owned(),
    };
    view.needs_you.insert(
        0,
        Need {
            kind: NeedKind::EngineSilent,
            scope: Scope::Fleet,
            sign: Sign::Unknown,
            what: "no engine is heard".into(),
            why: format!("nothing moves, triggers stay on the shards; {goes_on}"),
            since: last,
            clears: goes_on.into(),
            by: None,
        },
    );
    let meant = format!("by the journal it is {}", rollout.standing.word);
    rollout.standing = Standing::new(Sign::Unknown, "no engine is heard", last)
        .cause(meant)
        .clears(clears)
        .next("nothing by itself");
    let standings = view.rings.iter_mut().map(|ring| &mut ring.standing);
    for standing in standings.chain(view.shards.iter_mut().map(|s| &mut s.standing)) {
        if !standing.next.is_empty() {
            standing.next = STANDS.into();
            standing.at = None;
        }
    }
    for shard in &mut view.shards {
        if matches!(shard.phase, Phase::Running | Phase::RollingBack) {
            shard.now = "no engine".into();
        }
    }
}

//! `pilothouse ready`: whether a stage is reached everywhere, for init
//! containers and readiness probes.

use super::args::ReadyCli;
use super::exit::{Ended, Exit};
use super::verbs::patience;
use super::wait::{Seen, covered, how, until};
use crate::base::{Period, Stop};
use crate::rollout::{Phase, Scope};
use crate::wire::FleetView;

/// The share at which every client may use the new form.
const ALL: u8 = 100;

/// Looks, or waits.
///
/// # Errors
/// It is not so, or a shard has failed on the way.
pub async fn ready(args: ReadyCli) -> Result<(String, Exit), Ended> {
    let wait = args.wait.as_deref().map(patience).transpose()?;
    let scope = args.scope.scope();
    let stop = args.stage.unwrap_or(Stop::Shift(ALL));
    let version = args.version.as_deref();
    let look = |view: &FleetView| seen(view, &scope, stop, version);
    until(&args.fleet, wait.unwrap_or(Period::from_ms(0)), look).await?;
    Ok((format!("ready: {scope} has finished {stop}\n"), Exit::Done))
}

fn seen(view: &FleetView, scope: &Scope, stop: Stop, version: Option<&str>) -> Seen {
    let Some(rollout) = &view.header.rollout else {
        return Seen::NotYet("no rollout was ever opened".into());
    };
    if version.is_some_and(|name| name != rollout.migration.as_str()) {
        return Seen::NotYet(format!("the newest migration is {}", rollout.migration));
    }
    if covered(view, scope).next().is_none() {
        return Seen::NotYet(format!("{scope} has no shards"));
    }
    let left_out = |phase| matches!(phase, Phase::RolledBack | Phase::Abandoned);
    let short = covered(view, scope).find(|shard| {
        let finished = match shard.phase {
            Phase::Done => shard.stop >= stop,
            // What is under way stands on the stop before it.
            _ => shard.stop > stop,
        };
        !finished || left_out(shard.phase) || shard.phase == Phase::RollingBack
    });
    match short {
        None => Seen::Done,
        Some(shard) => {
            let why = format!(
                "shard {} is at {}: {}",
                shard.name,
                shard.stop,
                how(&shard.standing)
            );
            match shard.phase {
                Phase::Failed => Seen::Failed(why),
                _ => Seen::NotYet(why),
            }
        }
    }
}

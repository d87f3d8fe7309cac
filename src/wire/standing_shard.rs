//! Why one shard moves or not.

use super::standing::{NOTHING, NOTHING_MORE, Sign, Standing, paused};
use super::words;
use crate::base::{ShardName, Timestamp};
use crate::rollout::{Observations, Phase, Rollout, ShardState, ThrottleReason};
use crate::worker::WaitReason;

/// One shard; `ring` speaks for a shard that has nothing of its own to say.
pub(super) fn of_shard(
    rollout: &Rollout,
    observations: &Observations,
    shard: (&ShardName, &ShardState),
    wait: Option<&WaitReason>,
    ring: &Standing,
) -> Standing {
    let (name, state) = shard;
    let since = state.since;
    if let Some(fault) = &state.failure {
        return Standing::new(Sign::Failed, format!("failed {}", fault.code), since)
            .cause(fault.what.clone())
            .clears(fault.can.clone())
            .next(NOTHING);
    }
    match state.phase {
        Phase::RolledBack => {
            let undone = Standing::new(Sign::RolledBack, "rolled back", since)
                .cause("undone to before expand");
            // After an abort no way leads back into the ring.
            return if rollout.outcome.is_some() || rollout.aborting.is_some() {
                undone.next(NOTHING_MORE)
            } else {
                undone
                    .clears("retry lets it join its ring again")
                    .next(NOTHING)
            };
        }
        Phase::Abandoned => {
            return Standing::new(Sign::Unknown, "abandoned", since)
                .cause("given up during abort; leftovers are listed")
                .next(NOTHING);
        }
        _ => {}
    }
    let seen = observations.shard(name);
    if let Some(since) = seen.and_then(|s| s.unreachable_since) {
        return Standing::new(Sign::Unknown, "unreachable", since)
            .cause(format!("nobody answers on {name}"))
            .clears("the database answers")
            .next("connects again by itself");
    }
    if let Some(mark) = rollout.pause_over(state) {
        return paused(mark, &pause_scope(rollout, shard));
    }
    if state.phase == Phase::RollingBack {
        return Standing::new(Sign::RolledBack, "rolling back", since)
            .cause(format!("undoing {}", state.at))
            .clears("the undo ends")
            .next("ends held");
    }
    if state.phase == Phase::Running {
        return running_shard(state, seen.map(|s| s.throttle.as_slice()), wait);
    }
    let others = matches!(
        ring.sign,
        Sign::Running | Sign::Throttled | Sign::Failed | Sign::Unknown | Sign::RolledBack
    );
    if state.phase == Phase::Done && others {
        // What the others do, or suffer, is not this shard's own.
        return Standing::new(Sign::Held, format!("waits, {}", ring.cause), since)
            .cause(format!("{} is done here; {}", state.at, ring.cause))
            .clears(ring.clears.clone())
            .next(ring.next.clone());
    }
    ring.clone()
}

/// A shard at work where nothing has moved for too long, and nothing says why.
pub(super) fn stalled(state: &ShardState, since: Timestamp) -> Standing {
    let cause = format!(
        "{} runs, but no row, step or check has moved, and no limit, pause or wait explains it",
        state.at
    );
    Standing::new(Sign::Unknown, "stalled", since)
        .cause(cause)
        .clears("something moves; look at its locks, then pause and resume the shard, or start the engine again")
        .next(NOTHING)
}

fn pause_scope(rollout: &Rollout, (name, state): (&ShardName, &ShardState)) -> String {
    let ring = rollout.rings.get(&state.ring);
    if rollout.paused.is_some() {
        "the fleet".into()
    } else if ring.is_some_and(|r| r.paused.is_some()) {
        format!("ring {}", state.ring)
    } else {
        format!("shard {name}")
    }
}

fn running_shard(
    state: &ShardState,
    throttle: Option<&[ThrottleReason]>,
    wait: Option<&WaitReason>,
) -> Standing {
    if let Some([first, rest @ ..]) = throttle {
        let more = match rest.len() {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        return Standing::new(Sign::Throttled, "throttled", first.since)
            .cause(format!("{}{more}", words::throttle_reason(first)))
            .clears("every signal is known and within its limit")
            .next("goes on by itself when the throttle opens");
    }
    let running = Standing::new(Sign::Running, format!("running {}", state.at), state.since);
    let goes_on = "goes on by itself";
    match wait {
        None => running
            .cause("at work")
            .clears("it ends")
            .next("the stage ends"),
        // The pause is lifted in the record; the driver hears it next.
        Some(WaitReason::Paused) => running.cause("resuming").next(goes_on),
        Some(WaitReason::Throttled) => Standing {
            sign: Sign::Throttled,
            ..running.cause("the throttle is closed").next(goes_on)
        },
        Some(WaitReason::Rate) => running
            .cause("at its cap of rows per second")
            .clears("throttle up lifts the cap")
            .next(goes_on),
        Some(WaitReason::BackOff { code, attempt }) => running
            .cause(format!(
                "backing off after {code}, attempt {attempt} comes next"
            ))
            .next("tries again by itself"),
        Some(WaitReason::Check { value }) => running
            .cause(format!("a check is not yet good: {value}"))
            .next("reads it again by itself"),
        Some(WaitReason::Clients { behind }) => running
            .cause(format!(
                "clients have not seen the flag: {}",
                words::names(behind)
            ))
            .clears("they read the flag")
            .next(goes_on),
    }
}

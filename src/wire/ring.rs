//! One ring for the screens: its flight plan, its gates, why it stands.

use super::gate::GateView;
use super::shard::{percent, way_back};
use super::standing;
use super::telemetry::Telemetry;
use super::view::{Cell, RingView, WayBack};
use super::{Sign, Standing};
use crate::base::{RingName, ShardName, Stage, Stop, Timestamp};
use crate::rollout::{Observations, Phase, RingState, Rollout, ShardState, read_gates};

pub(super) fn project_ring(
    rollout: &Rollout,
    observations: &Observations,
    telemetry: &Telemetry,
    (name, ring): (&RingName, &RingState),
    now: Timestamp,
) -> RingView {
    let standing = standing::of_ring(rollout, observations, name, ring, now);
    let next = rollout.next_stop(ring);
    let gates = next.map_or_else(Vec::new, |to| {
        let readings = read_gates(rollout, observations, name, to, now);
        readings.iter().map(|r| GateView::of(r, now)).collect()
    });
    let route = rollout.opening.route.iter().copied();
    let cells = route
        .map(|stop| cell(rollout, telemetry, ring, stop, &standing))
        .collect();
    RingView {
        name: name.clone(),
        shards: u32::try_from(ring.shards.len()).unwrap_or(u32::MAX),
        stop: rollout.ring_stop(ring),
        admitted: ring.admitted,
        next,
        cells,
        pending: ring.pending.clone(),
        hold: ring.hold.clone(),
        paused: ring.paused.clone(),
        rows_per_s_max: ring.rows_per_s_max,
        ways_back: ways_back(rollout, ring),
        gates,
        standing,
        version: ring.version,
    }
}

fn ways_back(rollout: &Rollout, ring: &RingState) -> Vec<(WayBack, u32)> {
    let shards = ring
        .shards
        .iter()
        .filter_map(|name| rollout.shards.get(name));
    let ways: Vec<WayBack> = shards.map(way_back).collect();
    let count = |way| ways.iter().filter(|w| **w == way).count();
    WayBack::ALL
        .into_iter()
        .map(|way| (way, u32::try_from(count(way)).unwrap_or(u32::MAX)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn cell(
    rollout: &Rollout,
    telemetry: &Telemetry,
    ring: &RingState,
    stop: Stop,
    standing: &Standing,
) -> Cell {
    let of = |sign, text: String| Cell { stop, sign, text };
    if rollout.ring_stop(ring).is_none() {
        return of(Sign::RolledBack, String::new());
    }
    if ring.finished.contains_key(&stop) {
        return of(Sign::Done, String::new());
    }
    let here: Vec<(&ShardName, &ShardState)> =
        rollout.live(ring).filter(|(_, s)| s.at == stop).collect();
    let count = |phase: Phase| here.iter().filter(|(_, s)| s.phase == phase).count();
    if count(Phase::Failed) > 0 {
        return of(Sign::Failed, format!("{} failed", count(Phase::Failed)));
    }
    if count(Phase::RollingBack) > 0 {
        return of(Sign::RolledBack, "undoing".into());
    }
    let stands_still = matches!(standing.sign, Sign::Paused | Sign::Throttled);
    if count(Phase::Running) > 0 {
        let sign = match standing.sign {
            sign if stands_still => sign,
            _ if stop.stage() == Stage::Shift => Sign::Partly,
            _ => Sign::Running,
        };
        return of(sign, running_text(telemetry, &here, stop));
    }
    let arrived = rollout.live(ring).filter(|(_, s)| s.at > stop).count() + count(Phase::Done);
    if arrived > 0 {
        let all = rollout.live(ring).count();
        return of(Sign::Partly, format!("{arrived} of {all}"));
    }
    if count(Phase::Waiting) > 0 && stands_still {
        return of(standing.sign, String::new());
    }
    let idle = matches!(standing.sign, Sign::Held | Sign::NeedsHuman | Sign::Paused);
    let at_end = rollout
        .ring_stop(ring)
        .is_some_and(|at| ring.finished.contains_key(&at));
    if idle && at_end && rollout.next_stop(ring) == Some(stop) {
        let word = match standing.sign {
            Sign::Held => "held",
            Sign::Paused => "paused",
            _ => "promote",
        };
        return of(standing.sign, word.into());
    }
    of(Sign::NotYet, String::new())
}

fn running_text(telemetry: &Telemetry, here: &[(&ShardName, &ShardState)], stop: Stop) -> String {
    if stop.stage() == Stage::Shift {
        return format!("{} %", stop.share_percent());
    }
    let (mut done, mut total) = (0_u64, 0_u64);
    for (name, state) in here {
        let Some(measured) = telemetry.shards.get(*name) else {
            return String::new();
        };
        let Some(rows) = measured.rows_total else {
            return String::new();
        };
        total += rows;
        done += if state.phase == Phase::Done {
            rows
        } else {
            measured.rows_done
        };
    }
    match total {
        0 => String::new(),
        total => format!("{} %", percent(done, total)),
    }
}

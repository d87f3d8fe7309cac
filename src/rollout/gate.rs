//! Gates: conditions for a promotion. Pass, fail, or inconclusive (= hold).

use super::observation::Observations;
use super::state::{Phase, RingState, Rollout};
use crate::base::{Digest, Period, RingName, Stage, Stop, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a gate says. Anything unknown is inconclusive, never a pass.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Go.
    Pass,
    /// Not now.
    Fail,
    /// Cannot be told: treated as not now.
    Inconclusive,
}

/// The gates there are.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The ring before has finished its stage and soaked.
    RingOrder,
    /// This ring has soaked at its percentage.
    Soak,
    /// Contract: every ring stands at the same stop.
    FleetBarrier,
    /// Not more shards have failed than the policy allows.
    FailedBudget,
    /// The proof is young enough and of this generation.
    FreshVerify,
    /// Every signal is known and within its limit.
    Throttle,
    /// Nobody writes the old form any more.
    Quiet,
    /// Enough people approved.
    Approval,
}

impl Gate {
    /// The word on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::RingOrder => "ring order",
            Self::Soak => "soak",
            Self::FleetBarrier => "fleet barrier",
            Self::FailedBudget => "failed budget",
            Self::FreshVerify => "fresh verify",
            Self::Throttle => "throttle",
            Self::Quiet => "quiet",
            Self::Approval => "approval",
        }
    }
}

/// One gate, read once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateReading {
    /// Which gate.
    pub gate: Gate,
    /// What it says.
    pub verdict: Verdict,
    /// The value it saw.
    pub value: String,
    /// The limit it holds the value to.
    pub limit: String,
    /// How old the value is, in milliseconds.
    pub age_ms: u64,
    /// When waiting alone will clear it.
    pub clears_at: Option<Timestamp>,
    /// Digest of what was looked at.
    pub evidence: Digest,
}

impl fmt::Display for GateReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} (needs {})",
            self.gate.word(),
            self.value,
            self.limit
        )
    }
}

fn reading(gate: Gate, verdict: Verdict, value: String, limit: String) -> GateReading {
    let evidence = Digest::of(
        "gate/1",
        &[
            gate.word().as_bytes(),
            b"\0",
            value.as_bytes(),
            b"\0",
            limit.as_bytes(),
        ],
    );
    GateReading {
        gate,
        verdict,
        value,
        limit,
        age_ms: 0,
        clears_at: None,
        evidence,
    }
}

/// Reads every gate that stands before `ring`'s promotion to `to`.
pub fn read(
    rollout: &Rollout,
    observations: &Observations,
    ring: &RingName,
    to: Stop,
    now: Timestamp,
) -> Vec<GateReading> {
    let Some(state) = rollout.rings.get(ring) else {
        return Vec::new();
    };
    let mut readings = Vec::new();
    readings.extend(ring_order(rollout, ring, to, now));
    readings.extend(soak(rollout, state, to, now));
    readings.extend(barrier(rollout, to));
    readings.push(failed_budget(rollout));
    readings.extend(fresh_verify(rollout, state, to, now));
    readings.extend(throttle(rollout, observations, state, to, now));
    readings.extend(quiet(rollout, observations, state, to, now));
    readings.push(approval(rollout, ring, to, now));
    readings
}

/// The stop of the ring before that must be finished and soaked before `to`.
fn demanded_before(rollout: &Rollout, to: Stop) -> Option<Stop> {
    let last_shift = rollout
        .opening
        .route
        .iter()
        .copied()
        .rfind(|s| s.stage() == Stage::Shift);
    match to.stage() {
        Stage::Preflight | Stage::Snapshot => None,
        Stage::Expand => {
            let after = rollout.opening.policy.after;
            rollout
                .opening
                .route
                .iter()
                .copied()
                .rfind(|s| s.stage() == after)
        }
        // Only the entry into shift waits for the ring before to finish it.
        Stage::Shift => last_shift,
        // Below the entry points a ring may follow, but never overtake.
        Stage::DualWrite | Stage::Backfill | Stage::Verify | Stage::Contract => Some(to),
    }
}

fn ring_order(rollout: &Rollout, ring: &RingName, to: Stop, now: Timestamp) -> Option<GateReading> {
    let before_name = rollout.ring_before(ring)?;
    let before = rollout.rings.get(before_name)?;
    // A ring whose shards are all rolled back stands in nobody's way.
    rollout.ring_stop(before)?;
    let demanded = demanded_before(rollout, to)?;
    // Within contract the order is the fleet barrier's business.
    if to.stage() == Stage::Contract {
        return None;
    }
    let soak = rollout.opening.policy.soak;
    let soaks = matches!(to.stage(), Stage::Expand | Stage::Shift);
    let limit = if soaks {
        format!("{before_name} finished {demanded} {soak} ago")
    } else {
        format!("{before_name} finished {demanded}")
    };
    let Some(finished) = before.finished.get(&demanded) else {
        let value = format!("{before_name} has not finished {demanded}");
        return Some(reading(Gate::RingOrder, Verdict::Fail, value, limit));
    };
    let clears = finished.after(soak);
    if soaks && now < clears {
        let left = Period::from_ms(clears.0 - now.0);
        let value = format!("{before_name} soaks for {left} more");
        let mut found = reading(Gate::RingOrder, Verdict::Fail, value, limit);
        found.clears_at = Some(clears);
        return Some(found);
    }
    let value = format!("{before_name} finished {demanded} at {}", finished.clock());
    Some(reading(Gate::RingOrder, Verdict::Pass, value, limit))
}

fn soak(rollout: &Rollout, ring: &RingState, to: Stop, now: Timestamp) -> Option<GateReading> {
    let at = rollout.ring_stop(ring)?;
    // A soak follows each percentage, the last one too.
    if at.stage() != Stage::Shift || to <= at {
        return None;
    }
    let soak = rollout.opening.policy.shift_soak;
    let limit = format!("{soak} at {at}");
    let Some(finished) = ring.finished.get(&at) else {
        let value = format!("{at} is not finished");
        return Some(reading(Gate::Soak, Verdict::Fail, value, limit));
    };
    let clears = finished.after(soak);
    if now < clears {
        let left = Period::from_ms(clears.0 - now.0);
        let mut found = reading(
            Gate::Soak,
            Verdict::Fail,
            format!("soaks for {left} more"),
            limit,
        );
        found.clears_at = Some(clears);
        return Some(found);
    }
    let value = format!("soaked since {}", finished.clock());
    Some(reading(Gate::Soak, Verdict::Pass, value, limit))
}

fn barrier(rollout: &Rollout, to: Stop) -> Option<GateReading> {
    if to.stage() != Stage::Contract {
        return None;
    }
    let needed = rollout.stop_before(to)?;
    let behind: Vec<&str> = rollout
        .ring_order()
        .filter(|name| {
            let ring = rollout.rings.get(*name);
            ring.is_some_and(|r| {
                // What is being undone is on its way out of the stop it stands at.
                let leaving = rollout
                    .live(r)
                    .any(|(_, shard)| shard.phase == Phase::RollingBack);
                let finished = r.finished.contains_key(&needed);
                rollout.ring_stop(r).is_some() && (leaving || !finished)
            })
        })
        .map(RingName::as_str)
        .collect();
    let limit = format!("every ring finished {needed}");
    Some(if behind.is_empty() {
        reading(Gate::FleetBarrier, Verdict::Pass, "all there".into(), limit)
    } else {
        let value = format!("not there yet: {}", behind.join(", "));
        reading(Gate::FleetBarrier, Verdict::Fail, value, limit)
    })
}

fn failed_budget(rollout: &Rollout) -> GateReading {
    let failed = rollout.failed_now().len();
    let allowed = rollout.opening.policy.max_failed_shards as usize;
    let verdict = if failed > allowed {
        Verdict::Fail
    } else {
        Verdict::Pass
    };
    reading(
        Gate::FailedBudget,
        verdict,
        format!("{failed} failed"),
        format!("at most {allowed}"),
    )
}

fn fresh_verify(
    rollout: &Rollout,
    ring: &RingState,
    to: Stop,
    now: Timestamp,
) -> Option<GateReading> {
    let at = rollout.ring_stop(ring)?;
    let enters_shift = to.stage() == Stage::Shift && at.stage() != Stage::Shift;
    if !enters_shift {
        return None;
    }
    let oldest_allowed = rollout.opening.policy.verify_age_max;
    let limit = format!("every shard verified in its generation, at most {oldest_allowed} ago");
    let mut oldest = Period::from_ms(0);
    // A shard that is there already (another one fell back) needs no proof.
    for (name, shard) in rollout.live(ring).filter(|(_, shard)| shard.at < to) {
        let Some(verified) = shard.verified.as_ref() else {
            let value =
                format!("{name} has no valid proof; roll back to backfill, and verify runs anew");
            return Some(reading(
                Gate::FreshVerify,
                Verdict::Inconclusive,
                value,
                limit,
            ));
        };
        let age = now.since(verified.at);
        if verified.generation != shard.generation || age > oldest_allowed {
            let value = format!(
                "{name} was verified {age} ago, generation {}",
                verified.generation
            );
            return Some(reading(Gate::FreshVerify, Verdict::Fail, value, limit));
        }
        oldest = oldest.max(age);
    }
    let mut found = reading(
        Gate::FreshVerify,
        Verdict::Pass,
        format!("oldest {oldest} ago"),
        limit,
    );
    found.age_ms = oldest.ms();
    Some(found)
}

fn throttle(
    rollout: &Rollout,
    observations: &Observations,
    ring: &RingState,
    to: Stop,
    now: Timestamp,
) -> Option<GateReading> {
    // Before the first connection there is nothing to read.
    if to <= Stop::Snapshot {
        return None;
    }
    let limit = "every signal known and within its limit".to_owned();
    let mut age = 0;
    for (name, _) in rollout.live(ring) {
        let seen = observations.shard(name);
        let Some(read_at) = seen.and_then(|s| s.throttle_read_at) else {
            let value = format!("{name}: no reading yet");
            return Some(reading(Gate::Throttle, Verdict::Inconclusive, value, limit));
        };
        age = age.max(now.since(read_at).ms());
        if let Some(reason) = seen.and_then(|s| s.throttle.first()) {
            let verdict = if reason.value.is_some() {
                Verdict::Fail
            } else {
                Verdict::Inconclusive
            };
            let mut found = reading(Gate::Throttle, verdict, format!("{name}: {reason}"), limit);
            found.age_ms = age;
            return Some(found);
        }
    }
    let mut found = reading(Gate::Throttle, Verdict::Pass, "open".into(), limit);
    found.age_ms = age;
    Some(found)
}

/// Retire would refuse old-form writes: nobody may be writing them.
fn quiet(
    rollout: &Rollout,
    observations: &Observations,
    ring: &RingState,
    to: Stop,
    now: Timestamp,
) -> Option<GateReading> {
    if to != Stop::Retire {
        return None;
    }
    let needed = rollout.opening.policy.quiet;
    let limit = format!("no old-form write for {needed}");
    let mut shortest: Option<Period> = None;
    for (name, _) in rollout.live(ring) {
        let Some(old_form) = observations.shard(name).and_then(|s| s.old_form.as_ref()) else {
            let value = format!("{name}: no reading yet");
            return Some(reading(Gate::Quiet, Verdict::Inconclusive, value, limit));
        };
        let quiet = old_form.read_at.since(old_form.quiet_since);
        if quiet < needed {
            let who = if old_form.writers.is_empty() {
                "nobody now"
            } else {
                &old_form.writers
            };
            let value = format!(
                "{name}: quiet for {} s, still writing: {who}",
                quiet.ms() / 1_000
            );
            let mut found = reading(Gate::Quiet, Verdict::Fail, value, limit);
            found.age_ms = now.since(old_form.read_at).ms();
            return Some(found);
        }
        shortest = Some(shortest.map_or(quiet, |s| s.min(quiet)));
    }
    let seconds = shortest.unwrap_or_default().ms() / 1_000;
    let value = format!("quiet for {seconds} s");
    Some(reading(Gate::Quiet, Verdict::Pass, value, limit))
}

fn approval(rollout: &Rollout, ring: &RingName, to: Stop, now: Timestamp) -> GateReading {
    let needed = rollout.approvals_needed(to);
    let limit = match needed {
        0 => "0".to_owned(),
        1 => "1 approval by somebody else".to_owned(),
        n => format!("{n} approvals by others"),
    };
    if needed == 0 {
        return reading(Gate::Approval, Verdict::Pass, "0 given".into(), limit);
    }
    if let Some(glass) = rollout.broken_glass(now) {
        let value = format!("glass broken by {}", glass.broken.by);
        return reading(Gate::Approval, Verdict::Pass, value, limit);
    }
    let Some(request) = rollout.request_for(ring, to, now) else {
        let value = "not asked for".to_owned();
        return reading(Gate::Approval, Verdict::Fail, value, limit);
    };
    let given = u32::try_from(request.given.len()).unwrap_or(u32::MAX);
    let changed = request.changed(&rollout.opening);
    let verdict = match given >= needed && changed.is_empty() && request.is_in_time(now) {
        true => Verdict::Pass,
        false => Verdict::Fail,
    };
    let by: Vec<&str> = request.given.iter().map(|m| m.by.name.as_str()).collect();
    let value = match by.is_empty() {
        true => format!("0 given to request {}", request.id),
        false => format!(
            "{given} given to request {} by {}",
            request.id,
            by.join(", ")
        ),
    };
    match request.window.filter(|window| now < window.from) {
        None => reading(Gate::Approval, verdict, value, limit),
        Some(window) => {
            let value = format!("{value}, for {window}");
            let mut early = reading(Gate::Approval, verdict, value, limit);
            early.clears_at = (given >= needed).then_some(window.from);
            early
        }
    }
}

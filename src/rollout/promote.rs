//! Promotion: admits a ring to its next stop, once, and never past a gate.

use super::command::{Order, Scope};
use super::decide::ordered_fact;
use super::event::{Event, Fact};
use super::gate::{self, GateReading, Verdict};
use super::observation::Observations;
use super::refusal::Refusal;
use super::state::{Phase, RingState, Rollout};
use super::{approve, order};
use crate::base::{RingName, ShardName, Stage, Stop, Timestamp};

/// What a promotion of one ring would do now.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// The stop it would be admitted to.
    pub to: Stop,
    /// What every gate says.
    pub readings: Vec<GateReading>,
}

/// Whether `ring` can be promoted now.
///
/// # Errors
/// Why not, naming the shards or the gates.
pub fn ready(
    rollout: &Rollout,
    observations: &Observations,
    ring: &RingName,
    now: Timestamp,
) -> Result<Ready, Refusal> {
    let state = rollout
        .rings
        .get(ring)
        .ok_or_else(|| Refusal::UnknownScope(format!("ring {ring}")))?;
    if let Some(hold) = rollout.hold_over(state) {
        return Err(Refusal::Held(format!(
            "{} by {}: {}",
            hold.cause, hold.by, hold.reason
        )));
    }
    shards_idle(rollout, state)?;
    let at = rollout
        .ring_stop(state)
        .ok_or_else(|| Refusal::Nothing(format!("every shard of {ring} is rolled back")))?;
    let to = rollout
        .stop_after(at)
        .ok_or_else(|| Refusal::Nothing(format!("{ring} has finished")))?;
    let readings = gate::read(rollout, observations, ring, to, now);
    if readings.iter().any(|r| r.verdict != Verdict::Pass) {
        let closed = readings
            .into_iter()
            .filter(|r| r.verdict != Verdict::Pass)
            .collect();
        return Err(Refusal::Gates(closed));
    }
    Ok(Ready { to, readings })
}

fn shards_idle(rollout: &Rollout, ring: &RingState) -> Result<(), Refusal> {
    let named = |wanted: &[Phase]| -> Vec<ShardName> {
        rollout
            .live(ring)
            .filter(|(_, s)| wanted.contains(&s.phase))
            .map(|(name, _)| name.clone())
            .collect()
    };
    let failed = named(&[Phase::Failed]);
    if !failed.is_empty() {
        return Err(Refusal::Failed(failed));
    }
    let undoing = named(&[Phase::RollingBack]);
    if !undoing.is_empty() {
        return Err(Refusal::RollingBack(undoing));
    }
    let mut busy = named(&[Phase::Running, Phase::Waiting]);
    // Admitted but not begun yet (instance caps, pause) is still on its way.
    busy.extend(
        rollout
            .live(ring)
            .filter(|(_, s)| s.phase == Phase::Done && s.at < ring.admitted)
            .map(|(name, _)| name.clone()),
    );
    if busy.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Running(busy))
    }
}

/// Decides a promotion order.
pub(super) fn promote(
    rollout: &Rollout,
    observations: &Observations,
    asked: &Order,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let rings: Vec<RingName> = match &asked.scope {
        Scope::Shard(_) => {
            return Err(Refusal::WrongScope {
                verb: "promote".into(),
                works_at: "a ring, or the ready rings of the fleet".into(),
            });
        }
        Scope::Ring(name) => vec![name.clone()],
        Scope::Fleet => rollout.ring_order().cloned().collect(),
    };
    let mut facts = Vec::new();
    let mut first_refusal = None;
    for ring in rings {
        let allowed = ready(rollout, observations, &ring, now).and_then(|ready| {
            if ready.to.stage() == Stage::Contract {
                order::confirmed(rollout, asked, order::ENTERS_CONTRACT)?;
            }
            Ok(ready)
        });
        match allowed {
            Ok(Ready { to, readings }) => {
                let event = Event::RingAdmitted {
                    ring: ring.clone(),
                    stop: to,
                    readings,
                };
                let used = approve::consumed(rollout, asked, &ring, to, now);
                facts.push(ordered_fact(asked, Scope::Ring(ring), event, now));
                facts.extend(used);
            }
            Err(refusal) => first_refusal = first_refusal.or(Some(refusal)),
        }
    }
    match first_refusal {
        Some(refusal) if facts.is_empty() => Err(refusal),
        _ => Ok(facts),
    }
}

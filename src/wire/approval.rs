//! Requests for approval, as screens show them.

use super::Sign;
use super::need::NeedKind;
use super::view::Need;
use crate::base::{Digest, RingName, Stop, Timestamp};
use crate::rollout::{Approval, Mark, Rollout, Scope};
use serde::{Deserialize, Serialize};

/// A request that can still be decided on or used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalView {
    /// Names it among others.
    pub id: String,
    /// Which ring is to be promoted.
    pub ring: RingName,
    /// To which stop.
    pub stop: Stop,
    /// Who asked, when and why.
    pub asked: Mark,
    /// Digest of all that is approved; whoever approves sends it back.
    pub binding: Digest,
    /// Who said yes, in order.
    pub given: Vec<String>,
    /// How many must.
    pub needed: u32,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// Approvals were set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlassView {
    /// Who broke it, when and why.
    pub broken: Mark,
    /// Until when no approval is needed.
    pub until: Timestamp,
}

pub(super) fn project_approvals(rollout: &Rollout, now: Timestamp) -> Vec<ApprovalView> {
    let open = rollout.approvals.iter().filter(|a| a.is_open(now));
    open.map(|a| view(rollout, a)).collect()
}

fn view(rollout: &Rollout, approval: &Approval) -> ApprovalView {
    ApprovalView {
        id: approval.id.clone(),
        ring: approval.ring.clone(),
        stop: approval.stop,
        asked: approval.asked.clone(),
        binding: approval.binding(),
        given: approval.given.iter().map(|m| m.by.name.clone()).collect(),
        needed: rollout.approvals_needed(approval.stop),
        expires_at: approval.expires_at,
    }
}

/// Broken glass is shown until somebody else has reviewed what was done.
pub(super) fn project_glass(rollout: &Rollout) -> Option<GlassView> {
    let glass = rollout.glass.as_ref().filter(|g| g.reviewed.is_none())?;
    Some(GlassView {
        broken: glass.broken.clone(),
        until: glass.until,
    })
}

/// What of it waits for somebody.
pub(super) fn needs(
    approvals: &[ApprovalView],
    glass: Option<&GlassView>,
    now: Timestamp,
) -> Vec<Need> {
    let waits = |a: &&ApprovalView| (a.given.len() as u64) < u64::from(a.needed);
    let asked = approvals.iter().filter(waits).map(|a| Need {
        kind: NeedKind::ApprovalAsked,
        scope: Scope::Ring(a.ring.clone()),
        sign: Sign::NeedsHuman,
        what: format!("approve promotion to {} (request {})", a.stop, a.id),
        why: format!(
            "{} asked{}; {} of {} given{}, expires {}",
            a.asked.by,
            because(&a.asked.reason),
            a.given.len(),
            a.needed,
            by(&a.given),
            a.expires_at.clock()
        ),
        since: a.asked.at,
        clears: format!("approve or reject request {}", a.id),
        by: Some(a.asked.by.to_string()),
    });
    let broken = glass.map(|glass| Need {
        kind: NeedKind::GlassBroken,
        scope: Scope::Fleet,
        sign: Sign::Failed,
        what: match now < glass.until {
            true => format!(
                "GLASS BROKEN: no approval is needed until {}",
                glass.until.clock()
            ),
            false => "glass was broken: somebody else must review what was done".into(),
        },
        why: format!("{}: {}", glass.broken.by, glass.broken.reason),
        since: glass.broken.at,
        clears: "somebody else, who may approve, reviews what was done".into(),
        by: Some(glass.broken.by.to_string()),
    });
    broken.into_iter().chain(asked).collect()
}

fn because(reason: &str) -> String {
    match reason {
        "" => String::new(),
        reason => format!(" ({reason})"),
    }
}

fn by(given: &[String]) -> String {
    match given {
        [] => String::new(),
        given => format!(" by {}", given.join(", ")),
    }
}

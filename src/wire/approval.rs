//! Requests for approval, as screens show them.

use super::Sign;
use super::need::NeedKind;
use super::view::Need;
use crate::base::{Digest, Timestamp};
use crate::rollout::{Approval, Glass, Mark, Rollout, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request that can still be decided on or used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalView {
    /// What is asked for, by whom, and who said yes.
    pub request: Approval,
    /// Digest of all that is approved; whoever approves sends it back.
    pub binding: Digest,
    /// How many must say yes.
    pub needed: u32,
}

impl ApprovalView {
    /// Who said yes, in order.
    pub fn given(&self) -> Vec<&str> {
        let given = self.request.given.iter();
        given.map(|mark| mark.by.name.as_str()).collect()
    }
}

/// Approvals were set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
        binding: approval.binding(),
        needed: rollout.approvals_needed(approval.stop),
        request: approval.clone(),
    }
}

/// Broken glass is shown until somebody else has reviewed what was done.
pub(super) fn project_glass(rollout: &Rollout) -> Vec<GlassView> {
    let view = |glass: &Glass| GlassView {
        broken: glass.broken.clone(),
        until: glass.until,
    };
    rollout.reviews_owed().map(view).collect()
}

/// What of it waits for somebody.
pub(super) fn needs(approvals: &[ApprovalView], glass: &[GlassView], now: Timestamp) -> Vec<Need> {
    let waits = |a: &&ApprovalView| (a.given().len() as u64) < u64::from(a.needed);
    let asked = approvals.iter().filter(waits).map(|a| {
        let (request, given) = (&a.request, a.given());
        Need {
            kind: NeedKind::ApprovalAsked,
            scope: Scope::Ring(request.ring.clone()),
            sign: Sign::NeedsHuman,
            what: format!(
                "approve promotion to {} (request {})",
                request.stop, request.id
            ),
            why: format!(
                "{} asked{}; {} of {} given{}, {}",
                request.asked.by,
                because(&request.asked.reason),
                given.len(),
                a.needed,
                by(&given),
                request.lasts()
            ),
            since: request.asked.at,
            clears: format!("approve or reject request {}", request.id),
            by: Some(request.asked.by.to_string()),
        }
    });
    let broken = glass.iter().map(|glass| Need {
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
    broken.chain(asked).collect()
}

fn because(reason: &str) -> String {
    match reason {
        "" => String::new(),
        reason => format!(" ({reason})"),
    }
}

fn by(given: &[&str]) -> String {
    match given {
        [] => String::new(),
        given => format!(" by {}", given.join(", ")),
    }
}

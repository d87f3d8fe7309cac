//! Facts about approvals.

use crate::base::Timestamp;
use crate::rollout::approval::{Approval, ApprovalEnd, Glass};
use crate::rollout::event::{Event, Fact};
use crate::rollout::state::{Opening, Rollout};

/// Requests that are kept, the newest.
const KEPT: usize = 100;

/// Folds one.
pub(super) fn on_approvals(rollout: &mut Rollout, fact: &Fact) {
    let mark = fact.mark();
    let end = |rollout: &mut Rollout, id: &str, end: ApprovalEnd| {
        if let Some(found) = rollout.approvals.iter_mut().find(|a| a.id == id) {
            found.end = Some(end);
        }
    };
    match &fact.event {
        Event::ApprovalRequested(request) => {
            rollout.approvals.push((**request).clone());
            let surplus = rollout.approvals.len().saturating_sub(KEPT);
            rollout.approvals.drain(..surplus);
        }
        Event::ApprovalGiven { id, .. } => {
            if let Some(found) = rollout.approvals.iter_mut().find(|a| a.id == *id) {
                found.given.push(mark);
            }
        }
        Event::ApprovalRejected { id } => end(rollout, id, ApprovalEnd::Rejected(mark)),
        Event::ApprovalWithdrawn { id } => end(rollout, id, ApprovalEnd::Withdrawn(mark)),
        Event::ApprovalConsumed { id } => end(rollout, id, ApprovalEnd::Consumed(fact.at)),
        Event::GlassBroken { until } => {
            rollout
                .glass
                .retain(|g| g.reviewed.is_none() || fact.at < g.until);
            rollout.glass.push(Glass {
                broken: mark,
                until: *until,
                reviewed: None,
            });
        }
        Event::GlassReviewed => {
            for glass in rollout.glass.iter_mut().filter(|g| g.reviewed.is_none()) {
                glass.reviewed = Some(mark.clone());
            }
        }
        _ => {}
    }
}

/// Glass opens the gates of its own rollout alone; the review stays owed.
pub(super) fn owed(before: Option<&Rollout>, now: Timestamp) -> Vec<Glass> {
    let owed = before.into_iter().flat_map(Rollout::reviews_owed);
    let ended = |glass: Glass| Glass {
        until: glass.until.min(now),
        ..glass
    };
    owed.cloned().map(ended).collect()
}

/// What of the requests of an earlier rollout holds for this one: those for the
/// same plan, shards and rules; the others are void, and say why.
pub(super) fn carried(before: Option<&Rollout>, opening: &Opening, fact: &Fact) -> Vec<Approval> {
    let open = before.into_iter().flat_map(|r| &r.approvals);
    let open = open.filter(|a| a.end.is_none());
    open.cloned()
        .map(|mut approval| {
            let changed = approval.changed(opening);
            if !changed.is_empty() {
                let at = fact.at;
                approval.end = Some(ApprovalEnd::Void { at, changed });
            }
            approval
        })
        .collect()
}

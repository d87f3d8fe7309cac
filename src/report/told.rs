//! Where each kind of event is told. Exhaustive: a new event is a decision
//! here, not a gap in the report.

use crate::rollout::Event;

/// The parts of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// What was run, and how it ended.
    Heading,
    /// One line per thing that matters.
    Timeline,
    /// Requests for approval, and glass.
    Approvals,
    /// Holds, pauses, caps.
    Standstills,
    /// Gates and proofs.
    Checks,
    /// Durations and rows.
    Figures,
    /// Failures.
    Failures,
    /// What was not as planned.
    Deviations,
}

/// Whether an event is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// There, by its entry's number or by what it says.
    In(&'static [Section]),
    /// Nowhere by itself; why.
    LeftOut(&'static str),
}

impl Told {
    /// Whether that part tells it.
    pub(super) fn is_in(self, section: Section) -> bool {
        match self {
            Self::In(sections) => sections.contains(&section),
            Self::LeftOut(_) => false,
        }
    }
}

/// Where a report tells an event.
pub fn told(event: &Event) -> Told {
    use Section::{
        Approvals, Checks, Deviations, Failures, Figures, Heading, Standstills, Timeline,
    };
    match event {
        // Every stage has several; the newest counts.
        Event::HeadSealed(_) => Told::In(&[Heading]),
        Event::RolloutOpened(_) | Event::RolloutEnded { .. } => Told::In(&[Heading, Timeline]),
        Event::RingAdmitted { .. } => Told::In(&[Timeline, Checks]),
        Event::StageBegun { .. } => Told::In(&[Timeline, Figures]),
        Event::StageDone { .. } => Told::In(&[Timeline, Checks, Figures]),
        Event::StageUndone { .. } => Told::In(&[Timeline, Figures]),
        Event::ShardAttached { .. } => Told::LeftOut(
            "a connection is made at every start; one to another database stands among the deviations",
        ),
        Event::ShardFailed { .. } => Told::In(&[Timeline, Failures]),
        Event::ShardRegressed { .. }
        | Event::GenerationBumped { .. }
        | Event::ShardFenced { .. } => Told::In(&[Timeline, Deviations]),
        Event::ShareSeen { .. } => Told::In(&[Timeline]),
        Event::Held | Event::Released | Event::Paused | Event::Resumed => {
            Told::In(&[Timeline, Standstills])
        }
        Event::Throttled { .. } => Told::In(&[Timeline, Standstills]),
        Event::Retried { .. } => Told::In(&[Timeline]),
        Event::RollbackBegun { .. } | Event::AbortBegun | Event::ShardAbandoned => {
            Told::In(&[Timeline, Deviations])
        }
        Event::Automated { .. }
        | Event::BlockerEnding { .. }
        | Event::BlockerEnded { .. }
        | Event::Baselined { .. }
        | Event::Forgotten
        | Event::PromotionScheduled(_)
        | Event::PromotionCancelled { .. }
        | Event::PromotionLapsed { .. } => Told::In(&[Timeline]),
        Event::ApprovalRequested(_)
        | Event::ApprovalGiven { .. }
        | Event::ApprovalRejected { .. }
        | Event::ApprovalWithdrawn { .. }
        | Event::ApprovalConsumed { .. }
        | Event::GlassReviewed => Told::In(&[Timeline, Approvals]),
        Event::GlassBroken { .. } => Told::In(&[Timeline, Approvals, Deviations]),
        Event::PeopleChanged(_) => Told::In(&[Timeline]),
    }
}

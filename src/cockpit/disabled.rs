//! Why an action cannot be done now.

use super::action::Action;
use super::model::{Link, Model};
use super::{dialog, update};
use crate::wire::{Outcome, Right};

impl Action {
    /// Why it cannot be done now to what is in focus; `None` means it can.
    pub fn disabled_reason(self, model: &Model) -> Option<String> {
        if !self.item().mutates() {
            return None;
        }
        let closed = self.closed_reason(model);
        closed.or_else(|| dialog::prepare(model, self, update::targets(model, self)).err())
    }

    /// Why it can be done to nothing at all now.
    pub fn closed_reason(self, model: &Model) -> Option<String> {
        match model.link() {
            Link::Live => {}
            Link::Connecting => return Some("nothing has been heard from the engine yet".into()),
            Link::Stale(seconds) => {
                return Some(format!("the engine was last heard {seconds} s ago"));
            }
            Link::Reconnecting(seconds) => {
                return Some(format!("the way to the engine is cut for {seconds} s"));
            }
            Link::Refused => return Some("the journal is not the one you saw before".into()),
            Link::Gone => return Some("the engine is gone".into()),
        }
        // What stops something never waits for a picture.
        let calming = matches!(self, Self::Pause | Self::Hold | Self::ThrottleDown);
        let right = match self {
            Self::Approve | Self::Reject => Right::Approve,
            Self::CancelPromotion => Right::Calm,
            _ if calming => Right::Calm,
            _ => Right::Act,
        };
        if let Some(company) = &model.company
            && !company.may.contains(&right)
        {
            return Some(format!("you ({}) may not {}", company.you, right.word()));
        }
        if model.resync.is_some() && !calming {
            return Some("a word of the engine was lost and is asked for again".into());
        }
        if model.frozen.is_some() {
            return Some("the view is frozen; z goes live again".into());
        }
        let Some(rollout) = model.rollout() else {
            return Some("no rollout is open on this fleet".into());
        };
        match rollout.outcome {
            // Until it is forgotten, what was dropped can be brought back.
            Some(Outcome::Done) if self == Self::RollBack => None,
            Some(Outcome::Done) => Some("the rollout is done".into()),
            Some(Outcome::Aborted) => Some("the rollout was aborted".into()),
            None => None,
        }
    }
}

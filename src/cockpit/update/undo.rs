//! `u`: proposes the inverse of the last act, or says why there is none.

use super::act;
use crate::cockpit::action::Action;
use crate::cockpit::model::{Done, Level, Model};
use crate::cockpit::msg::Effect;
use crate::wire::{Scope, Verb};

/// What takes an act back.
enum Inverse {
    /// This action, over the same scope.
    By(Action),
    /// Nothing does; why, and what can be done instead.
    Not(&'static str),
}

fn inverse(verb: &Verb) -> Inverse {
    match verb {
        Verb::Pause => Inverse::By(Action::Resume),
        Verb::Resume => Inverse::By(Action::Pause),
        Verb::Hold => Inverse::By(Action::Release),
        Verb::Release => Inverse::By(Action::Hold),
        Verb::Promote => Inverse::By(Action::RollBack),
        Verb::Throttle { .. } => Inverse::Not("a cap is moved by throttle up and throttle down"),
        Verb::Retry => Inverse::Not("a retry cannot be taken back; pause stops it"),
        Verb::RollBack { .. } => Inverse::Not(
            "a roll back cannot be taken back; promote goes forward again when it ends",
        ),
        Verb::Abort => Inverse::Not("an abort cannot be taken back; a new run begins at the start"),
        Verb::Abandon => Inverse::Not("a shard that was given up stays given up"),
        Verb::EndBlocker(_) => Inverse::Not("a session that was ended does not come back"),
        Verb::Schedule(_) => Inverse::By(Action::CancelPromotion),
        Verb::Cancel => Inverse::Not("schedule it again: pilothouse schedule"),
        Verb::Approval(_) => Inverse::Not("who asked can withdraw a request; a yes or a no stays"),
        Verb::BreakGlass { .. } | Verb::Review => Inverse::Not("it stays on the record"),
        Verb::People(_) => Inverse::Not("who may what is changed by an admin: pilothouse operator"),
        Verb::Automate { .. } => Inverse::Not("automatic promotion is set when the run is started"),
    }
}

pub(super) fn propose(model: &mut Model) -> Vec<Effect> {
    let Some(Done { verb, scopes, .. }) = model.acted.clone() else {
        model.say(Level::Note, "Nothing to undo: no act of this cockpit yet");
        return Vec::new();
    };
    match inverse(&verb) {
        Inverse::By(action) => act::ask(model, action, Ok(scopes)),
        Inverse::Not(why) => {
            let scopes: Vec<String> = scopes.iter().map(shown).collect();
            let text = format!("Cannot undo {} {}: {why}", verb.word(), scopes.join(", "));
            model.say(Level::Bad, text);
            Vec::new()
        }
    }
}

fn shown(scope: &Scope) -> String {
    match scope {
        Scope::Fleet => "the fleet".into(),
        other => other.to_string(),
    }
}

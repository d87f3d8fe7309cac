//! Leaving: at once when nothing is under way, otherwise after a question.

use crate::cockpit::action::Action;
use crate::cockpit::keymap::Key;
use crate::cockpit::model::{Layer, Leaving, Level, Link, Model};
use crate::cockpit::msg::Effect;

/// Leaves, or asks first.
pub(super) fn ask(model: &mut Model) -> Vec<Effect> {
    let at_work = model.live.as_ref().map_or(0, |view| view.totals.at_work);
    let stops = model.options.leaving == Leaving::StopsTheEngine;
    if !stops || at_work == 0 || model.link() == Link::Gone {
        return vec![Effect::Quit];
    }
    model.layer = Some(Layer::Leave);
    Vec::new()
}

/// A key for that question.
pub(super) fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    if matches!(key.typed(), Some('y' | 'Y')) {
        return vec![Effect::Quit];
    }
    let no = matches!(key.typed(), Some('n' | 'N'));
    match model.options.keymap.action(key) {
        Some(Action::QuitNow) => return vec![Effect::Quit],
        Some(Action::Back | Action::Quit | Action::Open) => {}
        _ if no => {}
        _ => {
            model.layer = Some(Layer::Leave);
            return Vec::new();
        }
    }
    model.say(Level::Note, "Stayed");
    Vec::new()
}

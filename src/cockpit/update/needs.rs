//! Keys in the list of what needs a person.

use crate::cockpit::action::Action;
use crate::cockpit::keymap::Key;
use crate::cockpit::model::{FleetRow, Layer, Model, Pane, Screen};
use crate::cockpit::msg::Effect;
use crate::wire::Scope;

pub(super) fn key(model: &mut Model, key: Key, cursor: usize) -> Vec<Effect> {
    let needs = model.view().map_or(&[][..], |view| &view.needs_you);
    let last = needs.len().saturating_sub(1);
    let cursor = cursor.min(last);
    model.layer = match model.options.keymap.action(key) {
        Some(Action::Down) => Some(Layer::Needs((cursor + 1).min(last))),
        Some(Action::Up) => Some(Layer::Needs(cursor.saturating_sub(1))),
        Some(Action::First) => Some(Layer::Needs(0)),
        Some(Action::Last) => Some(Layer::Needs(last)),
        Some(Action::PageDown) => Some(Layer::Needs((cursor + 10).min(last))),
        Some(Action::PageUp) => Some(Layer::Needs(cursor.saturating_sub(10))),
        Some(Action::Open) => {
            let scope = needs.get(cursor).map(|need| need.scope.clone());
            scope.into_iter().for_each(|scope| go(model, scope));
            None
        }
        Some(Action::Back | Action::Needs | Action::Quit) => None,
        _ => Some(Layer::Needs(cursor)),
    };
    Vec::new()
}

/// Puts the focus there, whatever the filter hides.
fn go(model: &mut Model, scope: Scope) {
    model.shown.go(Screen::Fleet);
    match scope {
        Scope::Fleet => {
            model.pane = Pane::Rings;
            model.ring = FleetRow::Fleet;
        }
        Scope::Ring(name) => {
            model.pane = Pane::Rings;
            model.ring = FleetRow::Ring(name);
        }
        Scope::Shard(name) => {
            model.pane = Pane::Shards;
            model.focus_again(Some(&name));
            if model.shard.as_ref() != Some(&name) {
                model.filter.clear();
                model.refresh_rows();
                model.focus_again(Some(&name));
            }
        }
    }
}

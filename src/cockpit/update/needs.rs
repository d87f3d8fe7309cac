//! Keys in the list of what needs a person.

use super::cursor::moved;
use super::runbook;
use crate::cockpit::action::Action;
use crate::cockpit::keymap::Key;
use crate::cockpit::model::{FleetRow, Layer, Model, Pane, Screen};
use crate::cockpit::msg::Effect;
use crate::wire::Scope;

pub(super) fn key(model: &mut Model, key: Key, cursor: usize) -> Vec<Effect> {
    let needs = model.view().map_or(&[][..], |view| &view.needs_you);
    let last = needs.len().saturating_sub(1);
    let cursor = cursor.min(last);
    let action = model.options.keymap.action(key);
    if let Some(row) = action.and_then(|action| moved(action, cursor)) {
        model.layer = Some(Layer::Needs(row.min(last)));
        return Vec::new();
    }
    model.layer = match action {
        Some(Action::Open) => {
            let scope = needs.get(cursor).map(|need| need.scope.clone());
            scope.into_iter().for_each(|scope| go(model, scope));
            None
        }
        Some(Action::Runbook) => {
            let scope = needs.get(cursor).map(|need| need.scope.clone());
            scope.into_iter().for_each(|scope| go(model, scope));
            return runbook::open(model);
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

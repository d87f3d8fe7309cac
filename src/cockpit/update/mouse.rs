//! The mouse, for those who switch it on: a press puts the focus there, a
//! second one opens, the wheel moves. It never confirms anything.

use super::{keys, screens};
use crate::cockpit::action::Action;
use crate::cockpit::model::{Level, Model, Pane, Screen};
use crate::cockpit::msg::{Effect, Mouse, MouseDid, Switch};
use crate::cockpit::view::{Hit, hit};

/// Switches it on or off.
pub(super) fn switch(model: &mut Model) -> Vec<Effect> {
    let (next, said) = match model.mouse {
        Switch::Off => (
            Switch::On,
            "Mouse: on; most terminals select text with Shift held",
        ),
        Switch::On => (Switch::Off, "Mouse: left to the terminal"),
    };
    model.mouse = next;
    model.say(Level::Note, said);
    vec![Effect::Mouse(next)]
}

/// Something was done with it.
pub(super) fn moved(model: &mut Model, mouse: Mouse) -> Vec<Effect> {
    // A question is answered with keys.
    if model.layer.is_some() {
        return Vec::new();
    }
    model.welcome.clear();
    match mouse.did {
        MouseDid::WheelDown => move_by(model, Action::Down),
        MouseDid::WheelUp => move_by(model, Action::Up),
        MouseDid::Press => press(model, mouse),
    }
}

fn press(model: &mut Model, mouse: Mouse) -> Vec<Effect> {
    match hit(model, mouse.size, mouse.at) {
        Some(Hit::Screen(screen)) => screens::show(model, screen),
        Some(Hit::Ring(row)) => {
            if model.pane == Pane::Rings && model.ring_row() == row {
                return keys::run(model, Action::Open);
            }
            model.pane = Pane::Rings;
            model.focus_ring_row(row);
            Vec::new()
        }
        Some(Hit::Shard(row)) => {
            if model.pane == Pane::Shards && model.shard_row() == Some(row) {
                return keys::run(model, Action::Open);
            }
            model.pane = Pane::Shards;
            model.focus_shard_row(row);
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Three rows at once, as people are used to.
fn move_by(model: &mut Model, action: Action) -> Vec<Effect> {
    for _ in 0..3 {
        match model.shown.screen {
            Screen::Fleet => drop(keys::run(model, action)),
            _ => screens::step(model, action),
        }
    }
    Vec::new()
}

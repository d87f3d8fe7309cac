//! A person's hands at the cockpit: keys, and what they led to.

use crate::scene::{letter, press, ring};
use pilothouse::base::Period;
use pilothouse::cockpit::{Effect, FleetRow, Layer, Model, Msg, Pane, update};
use pilothouse::wire::CommandEnvelope;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

/// Longer than type-ahead is dropped.
pub const AFTER: Period = Period::from_ms(300);

pub fn keys(model: &mut Model, text: &str) -> Vec<Effect> {
    let at = model.now;
    text.chars()
        .flat_map(|c| update(model, Msg::Key(letter(c), at)))
        .collect()
}

pub fn tap(model: &mut Model, code: KeyCode) -> Vec<Effect> {
    let at = model.now;
    update(model, Msg::Key(press(code), at))
}

pub fn key_later(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let at = model.now.after(AFTER);
    update(model, Msg::Key(key, at))
}

pub fn sent(effects: &[Effect]) -> Vec<&CommandEnvelope> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(approved) => Some(approved.get()),
            _ => None,
        })
        .collect()
}

pub fn on_ring(model: &mut Model, name: &str) {
    model.pane = Pane::Rings;
    model.ring = FleetRow::Ring(ring(name));
}

pub fn question(model: &Model) -> &pilothouse::cockpit::dialog::Dialog {
    match &model.layer {
        Some(Layer::Dialog(dialog)) => dialog,
        other => panic!("no question on the screen: {other:?}, {:?}", model.status),
    }
}

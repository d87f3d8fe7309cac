//! Ctrl-P: every command by a few letters of it.

use super::keys;
use crate::cockpit::action::Action;
use crate::cockpit::complete::candidates;
use crate::cockpit::keymap::Key;
use crate::cockpit::model::{Layer, Model};
use crate::cockpit::msg::Effect;
use ratatui::crossterm::event::KeyCode;

/// Most letters.
const CHARS_MAX: usize = 60;

pub(super) fn key(model: &mut Model, key: Key, mut text: String, cursor: usize) -> Vec<Effect> {
    let mut next = cursor;
    match key {
        Key::Plain(KeyCode::Esc) => return Vec::new(),
        Key::Plain(KeyCode::Enter) => {
            let chosen = candidates(model, &text).into_iter().nth(cursor);
            return match chosen {
                Some(candidate) => keys::typed(model, &candidate.command),
                None => Vec::new(),
            };
        }
        Key::Plain(KeyCode::Down | KeyCode::Tab) => next += 1,
        Key::Plain(KeyCode::Up | KeyCode::BackTab) => next = cursor.saturating_sub(1),
        Key::Plain(KeyCode::Backspace) => {
            text.pop();
            next = 0;
        }
        key => {
            if model.options.keymap.action(key) == Some(Action::Palette) {
                return Vec::new();
            }
            text.extend(key.typed().filter(|_| text.len() < CHARS_MAX));
            next = 0;
        }
    }
    let last = candidates(model, &text).len().saturating_sub(1);
    model.layer = Some(Layer::Palette(text, next.min(last)));
    Vec::new()
}

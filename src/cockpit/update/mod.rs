//! Folds a message into the model. The only way the model changes.

mod act;
mod call;
mod copy;
mod cursor;
pub(in crate::cockpit) mod keys;
mod leave;
mod mouse;
mod needs;
mod palette;
mod runbook;
mod screens;
mod server;
mod theme;
mod undo;

pub use act::targets;

use super::keymap::Key;
use super::model::{Layer, Model, Screen};
use super::msg::{Attention, Effect, Msg};

/// Folds one message; what comes back is all that should be done outside.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(event, at) => match Key::of(&event) {
            Some(key) => {
                model.welcome.clear();
                // Whoever types looks, whatever the terminal has said.
                call::looks(model, Attention::Here);
                keys::key(model, key, at)
            }
            None => Vec::new(),
        },
        Msg::Resized(size) => {
            model.size = size;
            Vec::new()
        }
        Msg::Mouse(mouse) => mouse::moved(model, mouse),
        Msg::Attention(attention) => {
            call::looks(model, attention);
            Vec::new()
        }
        Msg::Paste(text) => {
            paste(model, &text);
            Vec::new()
        }
        Msg::Server(message, at) => server::message(model, *message, at),
        Msg::Lost(why, at) => {
            server::lost(model, why, at);
            call::due(model).into_iter().collect()
        }
        Msg::Refused(why) => {
            server::refused(model, why);
            call::due(model).into_iter().collect()
        }
        Msg::Gone => {
            model.gone = true;
            call::due(model).into_iter().collect()
        }
        Msg::Tick(now) => {
            model.now = model.now.max(now);
            let mut effects = act::tick(model);
            effects.extend(screens::look(model, now));
            effects.extend(call::due(model));
            effects
        }
        Msg::Terminate => vec![Effect::Quit],
    }
}

fn paste(model: &mut Model, text: &str) {
    let plain = text.chars().filter(|c| !c.is_control());
    match &mut model.layer {
        Some(Layer::Dialog(dialog)) => dialog.paste(text),
        Some(Layer::Filter { .. }) if model.shown.screen == Screen::Journal => {
            model.shown.filter.extend(plain);
        }
        Some(Layer::Filter { focus, .. }) => {
            let focus = focus.clone();
            model.filter.extend(plain);
            model.refresh_rows();
            model.focus_again(focus.as_ref());
        }
        // A pasted command could hold more than its reader saw.
        _ => {}
    }
}

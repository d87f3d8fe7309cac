//! What the engine says.

use super::act;
use crate::base::{Period, Timestamp};
use crate::cockpit::model::{Layer, Model};
use crate::cockpit::msg::Effect;
use crate::wire::{ServerMessage, Stream, fold};

/// How long to wait for a snapshot before asking again.
const RESYNC_AGAIN: Period = Period::from_ms(1_000);

pub(super) fn message(model: &mut Model, message: ServerMessage, at: Timestamp) -> Vec<Effect> {
    model.now = model.now.max(at);
    model.heard_at = Some(at);
    match message {
        ServerMessage::Answer { key, answer } => {
            act::answered(model, &key, &answer);
            Vec::new()
        }
        ServerMessage::Stream(stream) => {
            let effects = streamed(model, stream);
            if model.frozen.is_none() {
                moved_on(model);
            }
            effects
        }
    }
}

fn streamed(model: &mut Model, stream: Stream) -> Vec<Effect> {
    match stream {
        Stream::Snapshot { seq, view, .. } => {
            model.live = Some(*view);
            model.seq = seq;
            model.resync = None;
            Vec::new()
        }
        Stream::Delta { seq, delta, .. } => match &mut model.live {
            Some(view) if seq == model.seq + 1 && model.resync.is_none() => {
                fold(view, *delta);
                model.seq = seq;
                Vec::new()
            }
            _ => ask(model),
        },
        Stream::Heartbeat { seq, .. } => {
            if model.live.is_some() && seq == model.seq && model.resync.is_none() {
                Vec::new()
            } else {
                ask(model)
            }
        }
    }
}

/// A message is missing. Asks once, and again only when the answer is lost.
fn ask(model: &mut Model) -> Vec<Effect> {
    let asked = model.resync;
    if asked.is_some_and(|at| model.now.since(at) < RESYNC_AGAIN) {
        return Vec::new();
    }
    model.resync = Some(model.now);
    vec![Effect::AskSnapshot]
}

/// The view on the screen is another one now.
pub(super) fn moved_on(model: &mut Model) {
    model.refresh_rows();
    model.layer = match model.layer.take() {
        Some(Layer::Dialog(mut dialog)) => {
            dialog.recheck(model);
            Some(Layer::Dialog(dialog))
        }
        other => other,
    };
}

//! What the engine says.

use super::{act, call, screens};
use crate::base::{Period, Timestamp};
use crate::cockpit::model::{Layer, Level, Lost, Model};
use crate::cockpit::msg::Effect;
use crate::wire::{ServerMessage, Stream, Touched, fold};

/// How long to wait for a snapshot before asking again.
const RESYNC_AGAIN: Period = Period::from_ms(1_000);

pub(super) fn message(model: &mut Model, message: ServerMessage, at: Timestamp) -> Vec<Effect> {
    model.now = model.now.max(at);
    // Not `at`: a clock that was set back is no silence.
    model.heard_at = Some(model.now);
    model.lost = None;
    match message {
        ServerMessage::Answer { key, answer } => {
            act::answered(model, &key, &answer);
            Vec::new()
        }
        ServerMessage::Sight(sight) => {
            screens::seen(model, sight);
            Vec::new()
        }
        ServerMessage::Company(company) => {
            model.company = Some(company);
            Vec::new()
        }
        ServerMessage::Stream(stream) => {
            model.row_before = model.shard_row();
            let (touched, mut effects) = streamed(model, stream);
            effects.extend(call::due(model));
            if let Some(view) = &model.live {
                model.history.take(view, at);
            }
            if model.frozen.is_none() {
                match touched {
                    Some(Touched::Places(places)) => model.refresh_places(&places),
                    Some(Touched::Order) => model.refresh_rows(),
                    None => {}
                }
                recheck(model);
            }
            effects
        }
    }
}

/// The way to the engine is cut. The newest reason counts, since the first.
pub(super) fn lost(model: &mut Model, why: String, at: Timestamp) {
    model.now = model.now.max(at);
    let before = model.lost.take();
    if before.as_ref().is_none_or(|lost| lost.why != why) {
        model.say(Level::Bad, format!("The way to the engine is cut: {why}"));
    }
    let since = before.map_or(model.now, |lost| lost.since);
    model.lost = Some(Lost { since, why });
    // Who is there now nobody knows.
    model.company = None;
    recheck(model);
}

/// What the engine shows must not be believed: nothing is done on it.
pub(super) fn refused(model: &mut Model, why: String) {
    model.layer = None;
    model.say(Level::Bad, format!("JOURNAL REFUSED: {why}"));
    model.refused = Some(why);
    model.company = None;
}

/// What of the view is another one now, and what to do.
fn streamed(model: &mut Model, stream: Stream) -> (Option<Touched>, Vec<Effect>) {
    match stream {
        Stream::Snapshot { seq, view, .. } => {
            model.live = Some(*view);
            // Another engine may have read another one.
            model.seen.runbook = None;
            model.seq = seq;
            model.resync = None;
            model.remember_places();
            (Some(Touched::Order), Vec::new())
        }
        Stream::Delta { seq, delta, .. } => {
            let fits = seq == model.seq + 1 && model.resync.is_none();
            let folded = match &mut model.live {
                Some(view) if fits => fold(view, *delta).ok(),
                _ => None,
            };
            let Some(touched) = folded else {
                return (None, ask(model));
            };
            model.seq = seq;
            if touched == Touched::Order {
                model.remember_places();
            }
            (Some(touched), Vec::new())
        }
        Stream::Heartbeat { seq, .. } => {
            let whole = model.live.is_some() && seq == model.seq && model.resync.is_none();
            let effects = if whole { Vec::new() } else { ask(model) };
            (None, effects)
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
    recheck(model);
}

/// Holds an open question against the model.
fn recheck(model: &mut Model) {
    // Taken out meanwhile; whatever else lies there stays.
    let mut layer = model.layer.take();
    if let Some(Layer::Dialog(dialog)) = &mut layer {
        dialog.recheck(model);
    }
    model.layer = layer;
}

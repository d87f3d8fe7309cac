//! Leaving: at once when nothing is under way, otherwise after a question.

use crate::base::Timestamp;
use crate::cockpit::action::Action;
use crate::cockpit::dialog::heard;
use crate::cockpit::keymap::Key;
use crate::cockpit::model::{Layer, Leaving, Level, Link, Model};
use crate::cockpit::msg::Effect;
use crate::wire::ShardView;

/// Leaves, or asks first.
pub(super) fn ask(model: &mut Model) -> Vec<Effect> {
    let shards = model.live.as_ref().map_or(&[][..], |view| &view.shards);
    let at_work = shards.iter().any(ShardView::is_at_work);
    let stays = model.options.leaving == Leaving::LeavesTheEngine;
    if stays || !at_work || matches!(model.link(), Link::Gone | Link::Refused) {
        return vec![Effect::Quit];
    }
    model.layer = Some(Layer::Leave(model.now));
    Vec::new()
}

/// A key for that question.
pub(super) fn key(model: &mut Model, key: Key, asked: Timestamp, at: Timestamp) -> Vec<Effect> {
    // `y` copies everywhere else: one that was pressed before anybody could
    // have read the question is not an answer.
    if !heard(asked, at) {
        model.layer = Some(Layer::Leave(asked));
        return Vec::new();
    }
    if matches!(key.typed(), Some('y' | 'Y')) {
        return vec![Effect::Quit];
    }
    let no = matches!(key.typed(), Some('n' | 'N'));
    match model.options.keymap.action(key) {
        Some(Action::QuitNow) => return vec![Effect::Quit],
        Some(Action::Back | Action::Quit | Action::Open) => {}
        _ if no => {}
        _ => {
            model.layer = Some(Layer::Leave(asked));
            return Vec::new();
        }
    }
    model.say(Level::Note, "Stayed");
    Vec::new()
}

//! Calls somebody who looks elsewhere: only when something new needs them.

use crate::base::{Period, Untrusted};
use crate::cockpit::model::Model;
use crate::cockpit::msg::{Attention, Effect};
use crate::wire::Need;

/// Least time between two calls: a need that comes and goes is no alarm bell.
const CALL_AGAIN: Period = Period::from_ms(30_000);

/// Most characters of a call.
const CHARS_MAX: usize = 160;

/// What needs somebody now, if nobody looks.
pub(super) fn needs_before(model: &Model) -> Option<Vec<Need>> {
    let live = model.live.as_ref()?;
    (model.attention == Attention::Away).then(|| live.needs_you.clone())
}

/// A call for the first need that was not there `before`.
pub(super) fn new_need(model: &mut Model, before: &[Need]) -> Option<Effect> {
    let lately = |at| model.now.since(at) < CALL_AGAIN;
    if model.called_at.is_some_and(lately) {
        return None;
    }
    let known = |need: &Need| {
        before
            .iter()
            .any(|b| b.scope == need.scope && b.sign == need.sign)
    };
    let needs = &model.live.as_ref()?.needs_you;
    let new = needs.iter().find(|need| !known(need))?;
    let text = format!("pilothouse: {}: {}", new.scope, new.what);
    model.called_at = Some(model.now);
    let clean = Untrusted::new(text).to_string();
    Some(Effect::Call(clean.chars().take(CHARS_MAX).collect()))
}

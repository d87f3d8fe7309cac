//! Calls somebody who looks elsewhere: only when something new needs them.

use crate::base::{Period, Untrusted};
use crate::cockpit::model::{Link, Model};
use crate::cockpit::msg::{Attention, Effect};

/// Least time between two calls: what comes while it lasts is told at its end.
const CALL_AGAIN: Period = Period::from_ms(30_000);

/// Most characters of a call.
const CHARS_MAX: usize = 160;

/// A call if nobody looks, and for what nobody was called yet. Asked whenever
/// something was heard, and as time passes.
pub(super) fn new_need(model: &mut Model) -> Option<Effect> {
    let view = model.live.as_ref()?;
    let needs = view.needs_you.iter().map(|n| (n.scope.clone(), n.sign));
    if model.attention == Attention::Here {
        model.known_needs = needs.collect();
        model.called_gone = false;
        return None;
    }
    // What went away and comes again is new.
    let there: Vec<_> = needs.collect();
    model.known_needs.retain(|known| there.contains(known));
    let known = &model.known_needs;
    let mut new = view.needs_you.iter();
    let is_new = |scope, sign| !known.iter().any(|(s, g)| s == scope && *g == sign);
    let mut new = new.by_ref().filter(|n| is_new(&n.scope, n.sign));
    let silent = matches!(model.link(), Link::Gone | Link::Stale(_)) && !model.called_gone;
    let text = if silent {
        "pilothouse: the engine is not heard any more".to_owned()
    } else {
        let first = new.next()?;
        let more = match new.count() {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        format!("pilothouse: {}: {}{more}", first.scope, first.what)
    };
    let lately = |at| model.now.since(at) < CALL_AGAIN;
    if model.called_at.is_some_and(lately) {
        return None;
    }
    model.called_at = Some(model.now);
    if silent {
        model.called_gone = true;
    } else {
        model.known_needs = there;
    }
    let clean = Untrusted::new(text).to_string();
    Some(Effect::Call(clean.chars().take(CHARS_MAX).collect()))
}

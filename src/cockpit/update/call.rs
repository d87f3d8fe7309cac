//! Calls somebody who looks elsewhere: only when something new needs them.

use crate::base::{Period, Timestamp, Untrusted};
use crate::cockpit::model::{Calls, Link, Model};
use crate::cockpit::msg::{Attention, Effect};

/// Least time between two calls: what comes while it lasts is told at its end.
const CALL_AGAIN: Period = Period::from_ms(30_000);

/// Most characters of a call.
const CHARS_MAX: usize = 160;

/// Somebody looks, or no longer: then all that is there was seen.
pub(super) fn looks(model: &mut Model, attention: Attention) {
    if attention == Attention::Away {
        let needs = model.live.as_ref().map_or(&[][..], |view| &view.needs_you);
        model.calls.known = needs.iter().map(|n| (n.scope.clone(), n.sign)).collect();
        model.calls.silence = false;
    }
    model.attention = attention;
}

/// A call if nobody looks, and for what nobody was called yet. Asked whenever
/// something was heard, and as time passes.
pub(super) fn due(model: &mut Model) -> Option<Effect> {
    let lately = |at: Timestamp| model.now.since(at) < CALL_AGAIN;
    if model.attention == Attention::Here || model.calls.at.is_some_and(lately) {
        return None;
    }
    let silent = matches!(
        model.link(),
        Link::Gone | Link::Refused | Link::Stale(_) | Link::Reconnecting(_)
    );
    let text = if silent && !model.calls.silence {
        model.calls.silence = true;
        "the engine is not heard any more".to_owned()
    } else {
        new_need(model)?
    };
    model.calls.at = Some(model.now);
    let clean = Untrusted::new(format!("pilothouse: {text}")).to_string();
    Some(Effect::Call(clean.chars().take(CHARS_MAX).collect()))
}

/// What needs somebody and was not told; told with this.
fn new_need(model: &mut Model) -> Option<String> {
    let Calls { known, .. } = &mut model.calls;
    let needs = &model.live.as_ref()?.needs_you;
    // What went away and comes again is new.
    known.retain(|(scope, sign)| needs.iter().any(|n| n.scope == *scope && n.sign == *sign));
    let is_known = |scope, sign| known.iter().any(|(s, g)| s == scope && *g == sign);
    let mut new = needs.iter().filter(|n| !is_known(&n.scope, n.sign));
    let first = new.next()?;
    let more = match new.count() {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    let text = format!("{}: {}{more}", first.scope, first.what);
    *known = needs.iter().map(|n| (n.scope.clone(), n.sign)).collect();
    Some(text)
}

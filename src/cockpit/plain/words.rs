//! How things stand, in lines that can be read aloud: words, no marks.

use crate::cockpit::action::{ACTIONS, Item, Tier};
use crate::cockpit::model::{FleetRow, Link, Model, Pane};
use crate::cockpit::shot;
use crate::wire::{
    EventView, FleetView, Locks, Need, RingView, RolloutView, ShardView, SignalView, Standing,
    words,
};

/// Newest events in a summary.
const EVENTS: usize = 3;

/// Everything at a glance.
pub(super) fn summary(model: &Model) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(link(model));
    let Some(view) = model.view() else {
        return out;
    };
    let identity = &view.header.identity;
    let production = if identity.production {
        ", production"
    } else {
        ""
    };
    out.push(format!(
        "Fleet {}, environment {}{production}.",
        identity.fleet, identity.environment
    ));
    match &view.header.rollout {
        None => out.push("No rollout yet.".into()),
        Some(rollout) => out.extend(of_rollout(model, view, rollout)),
    }
    out.extend(needs(model, &view.needs_you));
    if !view.needs_you.is_empty() {
        let call = view.header.contacts.call();
        out.extend(call.map(|call| format!("In doubt, {call}.")));
    }
    let from = view.events.len().saturating_sub(EVENTS);
    out.extend(view.events[from..].iter().map(event));
    out
}

fn of_rollout(model: &Model, view: &FleetView, rollout: &RolloutView) -> Vec<String> {
    let auto = match &rollout.auto {
        Some(auto) => format!("automatic to {}", auto.to),
        None => "promoted by hand".into(),
    };
    let mut out = vec![format!(
        "Rollout {} of {}, plan {}, {auto}.",
        rollout.id, rollout.migration, rollout.plan
    )];
    out.push(state(model, rollout));
    out.extend(rest(model, &rollout.standing));
    out.push(totals(view, rollout));
    for ring in &view.rings {
        let at = ring
            .stop
            .map_or_else(String::new, |stop| format!("at {stop}, "));
        let standing = sentence(model, &ring.standing);
        let shards = words::shards(ring.shards as usize);
        out.push(format!("Ring {}, {shards}: {at}{standing}", ring.name));
    }
    out
}

fn totals(view: &FleetView, rollout: &RolloutView) -> String {
    let t = &view.totals;
    let mut text = String::new();
    if let Some(total) = t.rows_total {
        let (done, total) = (words::count(t.rows_done), words::count(total));
        text.push_str(&format!("Rows {done} of about {total}. "));
    }
    if let Some(rate) = t.rows_per_s {
        text.push_str(&format!("{} rows per second. ", words::count(rate)));
    }
    if t.at_work > 0 {
        text.push_str(&format!("ETA {}. ", words::eta(t.eta)));
    }
    format!(
        "{text}Failed {} of {} allowed.",
        t.failed, rollout.failed_allowed
    )
}

/// The state of the rollout, in one line.
pub(super) fn state(model: &Model, rollout: &RolloutView) -> String {
    format!("State: {}", sentence(model, &rollout.standing))
}

fn sentence(model: &Model, standing: &Standing) -> String {
    let since = words::lasting(model.now, standing.since);
    match standing.cause.as_str() {
        "" => format!("{}, {since}.", standing.word),
        cause => format!("{}, {cause}, {since}.", standing.word),
    }
}

/// Who, what clears it, and what happens next by itself.
fn rest(model: &Model, standing: &Standing) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(standing.by.as_ref().map(|by| format!("By: {by}")));
    if !standing.clears.is_empty() {
        out.push(format!("Clears when: {}", standing.clears));
    }
    out.extend(next(model, standing));
    out
}

/// What happens next by itself.
pub(super) fn next(model: &Model, standing: &Standing) -> Option<String> {
    let at = standing.at.filter(|at| *at > model.now);
    match (standing.next.as_str(), at) {
        ("", _) => None,
        (next, None) => Some(format!("Next: {next}")),
        (next, Some(at)) => Some(format!("Next, at {} UTC: {next}", at.clock())),
    }
}

/// What waits for a person.
pub(super) fn needs(model: &Model, needs: &[Need]) -> Vec<String> {
    match needs {
        [] => vec!["Needs you: nothing.".into()],
        some => some.iter().map(|need| needed(model, need)).collect(),
    }
}

/// One thing that waits for a person.
pub(super) fn needed(model: &Model, need: &Need) -> String {
    let since = words::lasting(model.now, need.since);
    let Need {
        scope, what, why, ..
    } = need;
    format!("Needs you: {scope}: {what}. {why} ({since})")
}

/// One line of the record.
pub(super) fn event(event: &EventView) -> String {
    let at = event.at.clock();
    format!("{at} {}: {}, by {}", event.scope, event.text, event.actor)
}

/// How badly the engine is heard; nothing if it is heard well.
pub(super) fn link(model: &Model) -> Option<String> {
    match model.link() {
        Link::Live => None,
        Link::Connecting => Some("Nothing has been heard from the engine yet.".into()),
        Link::Stale(seconds) => Some(format!(
            "The engine was last heard {seconds} s ago; nothing can be changed until it is heard again."
        )),
        Link::Reconnecting(seconds) => {
            let why = model.lost.as_ref().map_or("", |lost| &lost.why);
            Some(format!(
                "The way to the engine is cut for {seconds} s ({why}); it is looked for, and nothing can be changed until then."
            ))
        }
        Link::Refused => {
            let why = model.refused.as_deref().unwrap_or_default();
            Some(format!(
                "Journal refused: {why}. Nothing can be changed; quit leaves."
            ))
        }
        Link::Gone => Some("The engine is gone; quit leaves.".into()),
    }
}

/// Why the thing in focus moves or not.
pub(super) fn detail(model: &Model) -> Vec<String> {
    let ring = match &model.ring {
        FleetRow::Ring(name) => model.ring_named(name),
        FleetRow::Fleet => None,
    };
    match (model.pane, model.focused_shard(), ring, model.rollout()) {
        (Pane::Shards, Some(shard), ..) => of_shard(model, shard),
        (Pane::Rings, _, Some(ring), _) => of_ring(model, ring),
        (Pane::Rings, _, None, Some(rollout)) => {
            let mut out = vec![state(model, rollout)];
            out.extend(rest(model, &rollout.standing));
            out
        }
        _ => vec![focus(model)],
    }
}

fn of_ring(model: &Model, ring: &RingView) -> Vec<String> {
    let standing = sentence(model, &ring.standing);
    let mut out = vec![format!("Ring {}: {standing}", ring.name)];
    out.extend(rest(model, &ring.standing));
    out.extend(ring.gates.iter().map(|gate| format!("Gate: {gate}")));
    out
}

fn of_shard(model: &Model, shard: &ShardView) -> Vec<String> {
    let standing = sentence(model, &shard.standing);
    let phase = shard.phase.word();
    let mut out = vec![format!(
        "Shard {}, ring {}, {} {phase}: {standing}",
        shard.name, shard.ring, shard.stop
    )];
    out.extend(rest(model, &shard.standing));
    let reasons = shard.throttled.reasons.iter();
    out.extend(reasons.map(|reason| format!("Throttled: {}", words::throttle_reason(reason))));
    if let Some(fault) = &shard.failure {
        let why = fault.why.as_deref().unwrap_or("unknown");
        out.push(format!("Failed: {} {}", fault.code, fault.what));
        out.push(format!("At: {}", fault.place));
        out.push(format!("Because: {why}"));
        out.push(format!("pilothouse: {}", fault.did));
        out.push(format!("You can: {}", fault.can));
    }
    out.push(format!("Way back: {}", shard.way_back.word()));
    out
}

/// What a command without a name is over.
pub(super) fn focus(model: &Model) -> String {
    let marks: Vec<&str> = model.marks.iter().map(|name| name.as_str()).collect();
    match (model.pane, &model.ring, &model.shard) {
        (Pane::Shards, ..) if !marks.is_empty() => format!("Marked: {}.", marks.join(", ")),
        (Pane::Shards, _, Some(shard)) => format!("In focus: shard {shard}."),
        (Pane::Shards, _, None) => "Nothing is in focus.".into(),
        (Pane::Rings, FleetRow::Ring(ring), _) => format!("In focus: ring {ring}."),
        (Pane::Rings, FleetRow::Fleet, _) => "In focus: the fleet.".into(),
    }
}

/// Every command.
pub(super) fn help() -> Vec<String> {
    let mut out = vec![
        "Type a command. A name after it says over what: fleet, a ring or a shard; without one it is over what is in focus.".to_owned(),
        "status: Say again how everything stands.".to_owned(),
    ];
    out.extend(ACTIONS.iter().map(command));
    out
}

fn command(item: &Item) -> String {
    let takes = match item.tier {
        Tier::Look => "",
        Tier::Line => " Asks y/N.",
        Tier::Dialog => " Asks y/N and for a reason.",
        Tier::Typed => " Asks for a typed name and for a reason.",
    };
    format!("{}: {}{takes}", item.name, item.doc)
}

/// What changes something, and whether it can be done now.
pub(super) fn operations(model: &Model) -> Vec<String> {
    let items = ACTIONS.iter().filter(|item| item.mutates());
    let line = |item: &Item| match item.action.disabled_reason(model) {
        None => command(item),
        Some(reason) => format!("{}: not now: {reason}", item.name),
    };
    items.map(line).collect()
}

/// Signals and locks of the shard in focus, one sentence each.
pub(super) fn closer(model: &Model) -> Vec<String> {
    let Some(detail) = model.detail() else {
        return Vec::new();
    };
    let worded = |signal: &SignalView, value: u64| words::signal_value(&signal.signal, value);
    let mut out: Vec<String> = detail
        .signals
        .iter()
        .map(|signal| {
            let value = signal.value.map_or("unknown".into(), |v| worded(signal, v));
            let limit = match signal.limit.filter(|n| *n > 0) {
                Some(limit) => format!("limit {}", worded(signal, limit)),
                None => "no limit".into(),
            };
            format!(
                "Signal: {} {value}, {limit}, {}",
                signal.signal, signal.place
            )
        })
        .collect();
    match &detail.locks {
        Locks::Unknown(why) => out.push(format!("Locks: {why}")),
        Locks::Seen(waits) if waits.is_empty() => out.push("Locks: nobody waits for one".into()),
        Locks::Seen(waits) => out.extend(waits.iter().map(|wait| {
            let blockers: Vec<String> = wait.blockers.iter().map(words::party).collect();
            let waits = words::ms(wait.waits_ms);
            let (who, whom) = (words::party(&wait.waiter), blockers.join(" and "));
            format!("Lock: {who} waits {waits} for {whom}")
        })),
    }
    out
}

/// Rows of a screen that are told at most.
const SCREEN_ROWS: u16 = 200;
/// And how wide they are.
const SCREEN_CELLS: u16 = 120;

/// The screen that is shown, without what frames it.
pub(super) fn screen(model: &Model) -> Vec<String> {
    let buffer = shot::buffer(model, SCREEN_CELLS, SCREEN_ROWS);
    let cells = usize::from(SCREEN_CELLS);
    let rows = buffer.content.chunks(cells).map(|row| {
        let text: String = row.iter().map(|cell| cell.symbol()).collect();
        text.trim_end().to_owned()
    });
    let body = rows.skip(2).take(usize::from(SCREEN_ROWS) - 4);
    body.filter(|row| !row.is_empty()).collect()
}

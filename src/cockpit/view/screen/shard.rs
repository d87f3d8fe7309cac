//! Why a shard moves or not: everything there is to know about it, from the
//! reason to the last act.

use super::super::lines::{Lines, labelled, proof, said, standing};
use super::super::plan::first_row;
use super::super::trend;
use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, Part, fit, fit_right, part, sign};
use crate::wire::{EventView, LockWait, Locks, ShardView, Sign, SignalView, concerns, words};
use ratatui::layout::Rect;

/// Acts and events that are shown.
const EVENTS_MAX: usize = 10;

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let lines = lines(model, usize::from(area.width));
    let room = usize::from(area.height);
    let cursor = model.shown.cursor(lines.len());
    let from =
        first_row(cursor, room, lines.len()).max(cursor.min(lines.len().saturating_sub(room)));
    for (row, parts) in (0..area.height).zip(&lines[from.min(lines.len())..]) {
        canvas.line(area, row, parts);
    }
    let below = lines.len().saturating_sub(from + room);
    if below > 0 {
        let more = format!(" {below} more lines: j ");
        let wide = u16::try_from(more.len()).unwrap_or(0).min(area.width);
        let corner = Rect {
            x: area.right() - wide,
            y: area.bottom().saturating_sub(1),
            width: wide,
            height: 1,
        };
        canvas.line(corner, 0, &[part(Role::Key, more)]);
    }
}

/// Everything, top to bottom.
pub(super) fn lines(model: &Model, wide: usize) -> Lines {
    let Some(shard) = model.focused_shard() else {
        return vec![said("", "No shard is in focus.")];
    };
    let mut lines = standing(model, &shard.standing);
    lines.push(said("Where", place(shard)));
    lines.push(said("Work", work(shard)));
    failure(shard, &mut lines);
    lines.extend(trend::of_shard(model, &shard.name, wide));
    lines.extend(signals(model, shard));
    lines.extend(locks(model));
    checkpoint(model, shard, &mut lines);
    lines.extend(events(model, shard));
    lines
}

fn place(shard: &ShardView) -> String {
    format!(
        "{} {} in ring {}, on {}",
        shard.stop,
        shard.phase.word(),
        shard.ring,
        shard.server.as_ref().unwrap_or(&shard.instance),
    )
}

fn work(shard: &ShardView) -> String {
    let total = shard.rows_total.map_or_else(
        || "not counted".into(),
        |n| format!("of about {}", words::count(n)),
    );
    let mut text = format!("{} rows {total}", words::count(shard.rows_done));
    if let Some(rows) = shard.chunk_rows {
        text.push_str(&format!(", chunks of {}", words::count(rows)));
    }
    if let (Some(p50), Some(p90)) = (shard.chunk_ms_p50, shard.chunk_ms_p90) {
        let (p50, p90) = (words::ms(p50), words::ms(p90));
        text.push_str(&format!(" p50 {p50} p90 {p90}"));
    }
    if let Some(percent) = shard.throttled.percent {
        text.push_str(&format!(", throttled {percent} % of the last minute"));
    }
    if let Some(cap) = shard.rows_per_s_max {
        text.push_str(&format!(", cap {} rows/s", words::count(cap)));
    }
    text
}

fn failure(shard: &ShardView, lines: &mut Lines) {
    let Some(fault) = &shard.failure else {
        return;
    };
    lines.push(said("Failed", format!("{} {}", fault.code, fault.what)));
    lines.push(said("At", fault.place.clone()));
    let why = fault.why.clone().unwrap_or("unknown".into());
    lines.push(said("Because", why));
    lines.push(said("pilothouse", fault.did.clone()));
    lines.push(said("You can", fault.can.clone()));
}

fn signals(model: &Model, shard: &ShardView) -> Lines {
    let judged = shard.throttled.read_at.map_or_else(
        || "never judged".into(),
        |at| format!("judged {} ago", words::ms(model.now.since(at).ms())),
    );
    let open = shard.throttled.reasons.is_empty();
    let word = if open { "open" } else { "closed" };
    let mut lines = vec![said("Throttle", format!("{word}, {judged}"))];
    for reason in &shard.throttled.reasons {
        let since = words::lasting(model.now, reason.since);
        let text = format!("{} ({since})", words::throttle_reason(reason));
        lines.push(vec![labelled(""), sign(Sign::Throttled, &text)]);
    }
    let Some(detail) = model.detail() else {
        return lines;
    };
    for (place, signal) in detail.signals.iter().enumerate() {
        let label = if place == 0 { "Signals" } else { "" };
        lines.push(one_signal(model, shard, label, signal));
    }
    lines
}

fn one_signal(model: &Model, shard: &ShardView, label: &str, signal: &SignalView) -> Vec<Part> {
    let closed = shard
        .throttled
        .reasons
        .iter()
        .any(|r| r.signal == signal.signal && r.place == signal.place);
    let mark = match (closed, signal.value, signal.limit) {
        (true, _, _) => sign(Sign::Throttled, ""),
        (_, None, _) => sign(Sign::Unknown, ""),
        (_, _, None) => sign(Sign::NotYet, ""),
        _ => sign(Sign::Done, ""),
    };
    let worded = |value: u64| words::signal_value(&signal.signal, value);
    let value = signal.value.map_or_else(|| "unknown".into(), worded);
    let limit = match signal.limit.filter(|n| *n > 0).map(worded) {
        Some(limit) => format!("of {limit}"),
        None => "no limit".into(),
    };
    let age = words::ms(model.now.since(signal.at).ms());
    vec![
        labelled(label),
        mark,
        part(Role::Text, format!(" {}", fit(&signal.signal, 22))),
        part(Role::Text, fit_right(&value, 8)),
        part(Role::Muted, format!(" {}", fit(&limit, 9))),
        part(Role::Muted, format!(" {} old  ", fit_right(&age, 6))),
        part(Role::Muted, signal.place.clone()),
    ]
}

fn locks(model: &Model) -> Lines {
    match model.detail().map(|detail| &detail.locks) {
        None => vec![said("Locks", "being looked at")],
        Some(Locks::Unknown(why)) => vec![said("Locks", why.clone())],
        Some(Locks::Seen(waits)) if waits.is_empty() => {
            vec![said("Locks", "nobody waits for a lock")]
        }
        Some(Locks::Seen(waits)) => waits.iter().enumerate().flat_map(wait).collect(),
    }
}

/// The one who waits, and below it those it waits for.
fn wait((place, wait): (usize, &LockWait)) -> Lines {
    let label = if place == 0 { "Locks" } else { "" };
    let waits = words::ms(wait.waits_ms);
    let mut lines = vec![vec![
        labelled(label),
        sign(
            Sign::Held,
            &format!("{} waits {waits}", words::party(&wait.waiter)),
        ),
        part(Role::Muted, format!("  {}", wait.waiter.query)),
    ]];
    for blocker in &wait.blockers {
        let open = words::ms(blocker.open_ms);
        lines.push(vec![
            labelled(""),
            part(
                Role::Text,
                format!("  for {}, open {open}", words::party(blocker)),
            ),
            part(Role::Muted, format!("  {}", blocker.query)),
        ]);
    }
    lines
}

fn checkpoint(model: &Model, shard: &ShardView, lines: &mut Lines) {
    lines.push(said(
        "Checkpoint",
        "safe to stop at any time: rows, log and checkpoint commit together",
    ));
    if let Some(newest) = &shard.verified {
        lines.push(said("Verified", proof(model, newest)));
    }
    lines.push(said("Way back", shard.way_back.word()));
    let fence = format!("epoch {}, version {}", shard.epoch, shard.version);
    lines.push(said("Fence", fence));
}

/// What the record says about this shard, oldest first: from the closer look,
/// or as far as the fleet's feed goes back until there was one.
pub(in crate::cockpit::view) fn happened<'a>(
    model: &'a Model,
    shard: &'a ShardView,
) -> impl DoubleEndedIterator<Item = &'a EventView> {
    let looked = model.detail().filter(|d| d.shard == shard.name);
    let feed = model.view().map_or(&[][..], |view| &view.events);
    let events = looked.map_or(feed, |detail| &detail.events);
    events
        .iter()
        .filter(|event| concerns(event, &shard.name, Some(&shard.ring)))
}

fn events(model: &Model, shard: &ShardView) -> Lines {
    let here = happened(model, shard).rev();
    here.take(EVENTS_MAX)
        .enumerate()
        .map(|(place, event)| {
            vec![
                labelled(if place == 0 { "Last acts" } else { "" }),
                part(Role::Muted, format!("{}  ", event.at.clock())),
                part(Role::Text, fit(&event.scope.to_string(), 13)),
                part(Role::Text, format!(" {}", event.text)),
                part(Role::Muted, format!("  {}", event.actor)),
            ]
        })
        .collect()
}

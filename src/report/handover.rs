//! The last shift in ten lines: always the same ten, in the same order.

use crate::base::{Timestamp, Untrusted};
use crate::rollout::{Event, Fact, Rollout, Scope, State};
use crate::wire::{FleetView, Handover, HandoverLine, Need, Sign, Topic, describe, words};
use std::collections::BTreeMap;

/// Longest line, in characters: two lines of a terminal.
const LINE_CHARS_MAX: usize = 156;
/// Acts that are named of one person.
const ACTS_NAMED: usize = 3;

/// What a handover is made from.
#[derive(Clone, Copy, Debug)]
pub struct Shift<'a> {
    /// How everything stands.
    pub view: &'a FleetView,
    /// What the journal says.
    pub state: &'a State,
    /// Facts with their numbers, oldest first; those that are not
    /// [`is_notable`] may be left out.
    pub facts: &'a [(u64, Fact)],
    /// From when on `facts` are whole, if older ones are missing.
    pub whole_since: Option<Timestamp>,
    /// When the shift began.
    pub since: Timestamp,
    /// The moment.
    pub at: Timestamp,
}

/// Whether a handover names the fact itself. The others are shards at work;
/// what they come to is in the state.
pub fn is_notable(event: &Event) -> bool {
    !matches!(
        event,
        Event::StageBegun { .. }
            | Event::StageDone { .. }
            | Event::StageUndone { .. }
            | Event::ShardAttached { .. }
            | Event::ShareSeen { .. }
            | Event::HeadSealed(_)
    )
}

/// Puts it together.
pub fn handover(shift: &Shift<'_>) -> Handover {
    let lately: Vec<&Fact> = shift
        .facts
        .iter()
        .map(|(_, fact)| fact)
        .filter(|fact| fact.at >= shift.since && is_notable(&fact.event))
        .collect();
    let (stands, next) = stands(shift);
    let line = |topic, sign, text: String| HandoverLine { topic, sign, text };
    Handover {
        since: shift.since,
        at: shift.at,
        lines: vec![
            line(Topic::Shift, None, head(shift)),
            stands,
            line(Topic::Rings, None, rings(shift.view)),
            needs(shift.view),
            line(Topic::Next, None, next),
            held(shift),
            line(Topic::Done, None, done(shift)),
            trouble(&lately),
            line(Topic::Acts, None, acts(&lately)),
            line(Topic::Record, None, record(shift)),
        ],
    }
}

/// As lines of text; at most ten, each on one line whatever a name holds.
pub fn plain(handover: &Handover) -> String {
    let lines = handover.lines.iter().take(10).map(|line| {
        let clean = Untrusted::new(line.text.as_str()).to_string();
        let mut text: String = clean.chars().take(LINE_CHARS_MAX).collect();
        if text.len() < clean.len() {
            text.push('…');
        }
        format!("{:<10} {text}\n", line.topic.word())
    });
    lines.collect()
}

fn head(shift: &Shift<'_>) -> String {
    let identity = &shift.view.header.identity;
    let what = match &shift.view.header.rollout {
        None => "no rollout".to_owned(),
        Some(rollout) => format!("{} ({})", rollout.migration, rollout.id),
    };
    let production = if identity.production {
        ", PRODUCTION"
    } else {
        ""
    };
    format!(
        "{} to {} UTC; {what} on {}, {}{production}",
        shift.since.minute_of_year(),
        shift.at.minute_of_year(),
        identity.fleet,
        identity.environment
    )
}

fn stands(shift: &Shift<'_>) -> (HandoverLine, String) {
    let line = |sign, text| HandoverLine {
        topic: Topic::Stands,
        sign,
        text,
    };
    let Some(rollout) = &shift.view.header.rollout else {
        return (
            line(None, "no rollout was opened yet".into()),
            "nothing".into(),
        );
    };
    let standing = &rollout.standing;
    let mut text = standing.word.clone();
    if !standing.cause.is_empty() {
        text.push_str(&format!(", {}", standing.cause));
    }
    text.push_str(&format!(" ({})", words::lasting(shift.at, standing.since)));
    let mut next = match standing.next.as_str() {
        "" => "nothing by itself".to_owned(),
        next => next.to_owned(),
    };
    if let Some(at) = standing.at.filter(|at| *at > shift.at) {
        next.push_str(&format!(", at {} UTC", at.clock()));
    }
    if let Some(auto) = &rollout.auto {
        next.push_str(&format!("; automatic up to {}", auto.to));
    }
    (line(Some(standing.sign), text), next)
}

fn rings(view: &FleetView) -> String {
    let ring = |ring: &crate::wire::RingView| {
        let stop = ring
            .stop
            .map_or_else(|| "no shard left".into(), |s| s.to_string());
        format!("{} {stop} {}", ring.name, ring.standing.word)
    };
    some(view.rings.iter().map(ring).collect(), 6, "none")
}

fn needs(view: &FleetView) -> HandoverLine {
    let need = |need: &Need| format!("{}: {}", need.scope, need.what);
    let first = view.needs_you.first();
    let mut text = some(view.needs_you.iter().map(need).collect(), 3, "nothing");
    if let Some(call) = view.header.contacts.call().filter(|_| first.is_some()) {
        text.push_str(&format!("; {call}"));
    }
    HandoverLine {
        topic: Topic::NeedsYou,
        sign: first.map(|need| need.sign),
        text,
    }
}

fn held(shift: &Shift<'_>) -> HandoverLine {
    let mut found = Vec::new();
    if let Some(rollout) = &shift.state.rollout {
        stood(rollout, shift.at, &mut found);
    }
    let sign = (!found.is_empty()).then_some(Sign::Held);
    HandoverLine {
        topic: Topic::Held,
        sign,
        text: some(found, 3, "nothing"),
    }
}

fn stood(rollout: &Rollout, now: Timestamp, found: &mut Vec<String>) {
    let mut say = |what: String, mark: Option<&crate::rollout::Mark>| {
        found.extend(mark.map(|mark| {
            let why = match mark.reason.as_str() {
                "" => mark.cause.to_string(),
                reason => reason.to_owned(),
            };
            let since = words::lasting(now, mark.at);
            format!("{what} by {} {since}: {why}", mark.by)
        }));
    };
    say("fleet held".into(), rollout.hold.as_ref());
    say("fleet paused".into(), rollout.paused.as_ref());
    for (name, ring) in &rollout.rings {
        say(format!("ring {name} held"), ring.hold.as_ref());
        say(format!("ring {name} paused"), ring.paused.as_ref());
    }
    for (name, shard) in &rollout.shards {
        say(format!("shard {name} paused"), shard.paused.as_ref());
    }
}

/// Stops that rings finished in this shift.
fn done(shift: &Shift<'_>) -> String {
    let Some(rollout) = &shift.state.rollout else {
        return "nothing".into();
    };
    let rings = rollout.ring_order().filter_map(|name| {
        let ring = rollout.rings.get(name)?;
        let stops = ring.finished.iter().filter(|(_, at)| **at >= shift.since);
        let stops: Vec<String> = stops.map(|(stop, _)| stop.to_string()).collect();
        let text = match stops.as_slice() {
            [] => return None,
            [one] => one.clone(),
            [first, .., last] => format!("{first} to {last}"),
        };
        Some(format!("{name} {text}"))
    });
    some(rings.collect(), 6, "no ring finished a stage")
}

/// What went wrong, counted, and the newest of it.
fn trouble(lately: &[&Fact]) -> HandoverLine {
    let word = |event: &Event| match event {
        Event::ShardFailed { .. } => Some("failed"),
        Event::ShardRegressed { .. } => Some("regressed"),
        Event::GenerationBumped { .. } => Some("proof void"),
        Event::ShardFenced { .. } => Some("fenced"),
        Event::ShardAbandoned => Some("given up"),
        Event::BlockerEnding { .. } => Some("session ended"),
        Event::GlassBroken { .. } => Some("glass broken"),
        _ => None,
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut newest = None;
    for fact in lately {
        if let Some(word) = word(&fact.event) {
            *counts.entry(word).or_default() += 1;
            newest = Some(*fact);
        }
    }
    let Some(newest) = newest else {
        return HandoverLine {
            topic: Topic::Trouble,
            sign: None,
            text: "none in this shift".into(),
        };
    };
    let counts: Vec<String> = counts
        .iter()
        .map(|(word, n)| format!("{word} {n}"))
        .collect();
    HandoverLine {
        topic: Topic::Trouble,
        sign: Some(Sign::Failed),
        text: format!(
            "{}; last {} {}: {}",
            counts.join(", "),
            newest.at.clock(),
            newest.scope,
            describe(newest)
        ),
    }
}

/// Who did what: every person, the newest of their acts first.
fn acts(lately: &[&Fact]) -> String {
    let mut people: BTreeMap<&str, Vec<&Fact>> = BTreeMap::new();
    for fact in lately.iter().rev().filter(|fact| !fact.actor.is_engine()) {
        people.entry(&fact.actor.name).or_default().push(fact);
    }
    let person = |(name, acts): (&&str, &Vec<&Fact>)| {
        let named: Vec<String> = acts.iter().take(ACTS_NAMED).map(|fact| act(fact)).collect();
        let more = match acts.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{name}: {}{more}", named.join(", "))
    };
    some(
        people.iter().map(person).collect(),
        3,
        "nobody did anything",
    )
}

/// A few words; the reason is in the journal.
fn act(fact: &Fact) -> String {
    let place = match &fact.scope {
        Scope::Fleet => "fleet".into(),
        Scope::Ring(name) => name.to_string(),
        Scope::Shard(name) => name.to_string(),
    };
    let what = match &fact.event {
        Event::RingAdmitted { stop, .. } => format!("promoted to {stop}"),
        Event::RollbackBegun { to, .. } => format!("rolled back to {to}"),
        Event::ApprovalRequested(asked) => format!("asked for {}", asked.stop),
        Event::Throttled {
            rows_per_s_max: Some(cap),
        } => format!("capped at {cap} rows/s"),
        Event::RolloutOpened(_) => "opened".into(),
        Event::GlassBroken { .. } => "broke glass".into(),
        other => other.kind().replace('_', " "),
    };
    format!(
        "{what} ({place} {})",
        fact.at.clock().get(..5).unwrap_or_default()
    )
}

fn record(shift: &Shift<'_>) -> String {
    let mut text = match &shift.view.header.head {
        Some(head) => format!("ends at #{} {}", head.seq, head.hash.short()),
        None => "empty".into(),
    };
    if let Some(since) = shift.view.header.unwritten_since {
        text.push_str(&format!("; CANNOT BE WRITTEN since {} UTC", since.clock()));
    }
    if let Some(from) = shift.whole_since.filter(|from| *from > shift.since) {
        text.push_str(&format!(
            "; acts and trouble from {} UTC on only",
            from.minute_of_year()
        ));
    }
    let rollout = shift.view.header.rollout.as_ref();
    for glass in rollout.into_iter().flat_map(|rollout| &rollout.glass) {
        text.push_str(&format!(
            "; glass broken by {}, review owed",
            glass.broken.by
        ));
    }
    text
}

/// The first few, and how many more.
fn some(all: Vec<String>, named: usize, nothing: &str) -> String {
    match all.len() {
        0 => nothing.into(),
        n if n <= named => all.join("; "),
        n => format!("{}; and {} more", all[..named].join("; "), n - named),
    }
}

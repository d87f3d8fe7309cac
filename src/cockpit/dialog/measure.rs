//! The blast radius: what an act would hit, measured when the question opens.

use super::prepare::{Target, into_contract, shards_of};
use super::{blocker, request};
use crate::base::{Stage, Stop, Timestamp};
use crate::cockpit::action::Action;
use crate::cockpit::model::{Leaving, Model};
use crate::wire::{GateView, Phase, RingView, Scope, ShardView, Verdict, words};
use std::collections::BTreeMap;

/// Most gates that are shown with a question.
const EVIDENCE_MAX: usize = 6;
/// Most findings of shards that are shown with a question.
const TO_KNOW_MAX: usize = 6;
/// Most other people who are named in a question.
const ATTACHED_NAMED: usize = 3;

pub(super) fn radius(
    model: &Model,
    action: Action,
    targets: &[Target],
) -> Vec<(&'static str, Vec<String>)> {
    let shards: Vec<&ShardView> = targets
        .iter()
        .flat_map(|t| shards_of(model, &t.scope))
        .collect();
    if action == Action::EndBlocker {
        return blocker::radius(model, targets);
    }
    let mut out = vec![
        ("Shards", vec![who(&shards)]),
        ("Rows", vec![rows(&shards)]),
    ];
    if matches!(action, Action::Approve | Action::Reject | Action::Withdraw) {
        out.push(("Request", request::shown(model, targets)));
    }
    if matches!(action, Action::Promote | Action::Approve) {
        out.push(("Evidence", evidence(model, targets)));
        let known = to_know(&shards);
        if !known.is_empty() {
            out.push(("To know", known));
        }
    }
    let failures: Vec<String> = shards
        .iter()
        .filter_map(|s| Some(format!("{}: {}", s.name, s.failure.as_ref()?)))
        .take(3)
        .collect();
    if !failures.is_empty() {
        out.push(("Failed", failures));
    }
    out.push(("Locks", vec![locks(model, action, targets).into()]));
    out.push(("Lag", vec![lag(model, &shards)]));
    out.push(("Way back", vec![way_back(&shards)]));
    out.push(("Attached", vec![attached(model)]));
    out.push((
        "What happens",
        vec![consequence(model, action, targets).into()],
    ));
    if matches!(action, Action::Promote | Action::Approve) {
        for stop in into_contract(model, targets) {
            out.push((stop_word(stop), vec![in_contract(stop).into()]));
        }
    }
    out
}

/// Who else may be about to act.
fn attached(model: &Model) -> String {
    let Some(company) = &model.company else {
        return match model.options.leaving {
            Leaving::StopsTheEngine(_) => "you alone: engine and cockpit are one process".into(),
            Leaving::LeavesTheEngine => "not known: the daemon has not said".into(),
        };
    };
    let mut others = company.others.iter();
    let named = others.by_ref().take(ATTACHED_NAMED);
    let named: Vec<String> = named
        .map(|other| match other.place.as_str() {
            "" => other.name.clone(),
            place => format!("{} ({place})", other.name),
        })
        .collect();
    match (named.is_empty(), others.count()) {
        (true, _) => "you alone".into(),
        (false, 0) => format!("you, {}", named.join(", ")),
        (false, more) => format!("you, {} and {more} more", named.join(", ")),
    }
}

fn who(shards: &[&ShardView]) -> String {
    let names: Vec<&str> = shards.iter().map(|s| s.name.as_str()).collect();
    let busy = shards.iter().filter(|s| s.phase == Phase::Running).count();
    let busy = match busy {
        0 => String::new(),
        n => format!(", {n} at work"),
    };
    format!("{}{busy}: {}", shards.len(), words::names(&names))
}

fn rows(shards: &[&ShardView]) -> String {
    let total = shards.iter().filter_map(|s| s.rows_total);
    match total.reduce(u64::saturating_add) {
        Some(total) => {
            let done: u64 = shards.iter().map(|s| s.rows_done).sum();
            format!("{} of about {}", words::count(done), words::count(total))
        }
        None => "not counted yet".into(),
    }
}

fn evidence(model: &Model, targets: &[Target]) -> Vec<String> {
    let view = model.view();
    let rings = view.map_or(&[][..], |v| &v.rings).iter();
    let wanted = |ring: &&RingView| {
        targets.iter().any(|t| match &t.scope {
            Scope::Fleet => true,
            Scope::Ring(name) => *name == ring.name,
            Scope::Shard(_) => false,
        })
    };
    let mut all = rings
        .filter(wanted)
        .flat_map(|ring| ring.gates.iter().map(|gate| reading(gate, ring, model.now)));
    let mut lines: Vec<String> = all.by_ref().take(EVIDENCE_MAX).collect();
    match all.count() {
        0 if lines.is_empty() => lines.push("no gates".into()),
        0 => {}
        more => lines.push(format!(
            "and {more} more gates, all of them on the ring's page"
        )),
    }
    lines
}

/// What the shards' newest stops found: before contract, what a way back would
/// lose. Shards that found the same share a line.
fn to_know(shards: &[&ShardView]) -> Vec<String> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for shard in shards {
        for note in &shard.to_know {
            found.entry(note).or_default().push(shard.name.as_str());
        }
    }
    let mut all = found.into_iter();
    let shown = all.by_ref().take(TO_KNOW_MAX);
    let mut lines: Vec<String> = shown
        .map(|(note, names)| format!("{}: {note}", words::names(&names)))
        .collect();
    match all.count() {
        0 => {}
        more => lines.push(format!("and {more} more, all of them in the journal")),
    }
    lines
}

/// What the act may lock, the strongest of it; the plan has every statement.
fn locks(model: &Model, action: Action, targets: &[Target]) -> &'static str {
    let stops = targets.iter().filter_map(|target| match &target.scope {
        Scope::Ring(name) => model.ring_named(name)?.next,
        Scope::Fleet | Scope::Shard(_) => None,
    });
    let brief = "tables, exclusively for a moment; waits at most 1.5 s for them";
    let rows = "rows of one chunk at a time, 100 ms at most";
    match action {
        Action::Promote | Action::Approve => {
            let stages: Vec<Stage> = stops.map(Stop::stage).collect();
            let has = |wanted: &[Stage]| stages.iter().any(|stage| wanted.contains(stage));
            if has(&[Stage::Expand, Stage::DualWrite, Stage::Contract]) {
                brief
            } else if has(&[Stage::Backfill]) {
                rows
            } else {
                "none that others wait for"
            }
        }
        Action::RollBack | Action::Abort => brief,
        Action::Retry => "those of the step that failed; the plan has them",
        _ => "none",
    }
}

fn reading(gate: &GateView, ring: &RingView, now: Timestamp) -> String {
    let verdict = match gate.verdict {
        Verdict::Pass => "passed",
        Verdict::Fail => "closed",
        Verdict::Inconclusive => "unknown",
    };
    let age = gate.read_at.map_or_else(String::new, |at| {
        format!(", {} old", words::ms(now.since(at).ms()))
    });
    format!(
        "{} {}: {verdict}, {}{age}",
        ring.name,
        gate.gate.word(),
        gate.value
    )
}

fn lag(model: &Model, shards: &[&ShardView]) -> String {
    let read = shards.iter().filter_map(|s| Some((s.lag_ms?, &s.name)));
    match read.max_by_key(|(lag, _)| lag.value) {
        None => "not read yet".into(),
        Some((lag, name)) => format!(
            "at most {} on {name}, read {} ago",
            words::ms(lag.value),
            words::ms(model.now.since(lag.at).ms())
        ),
    }
}

fn way_back(shards: &[&ShardView]) -> String {
    let mut kinds: Vec<&str> = shards.iter().map(|s| s.way_back.word()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.join(", ")
}

fn stop_word(stop: Stop) -> &'static str {
    match stop {
        Stop::Retire => "Retire",
        _ => "Drop",
    }
}

fn in_contract(stop: Stop) -> &'static str {
    match stop {
        Stop::Retire => "old-form writes are refused; the old form stays, up to date",
        _ => "the old form is exported, then dropped; way back: merge restore, whole fleet",
    }
}

fn consequence(model: &Model, action: Action, targets: &[Target]) -> &'static str {
    match action {
        Action::Promote => "each listed ring may run its next stage, once; no gate is skipped",
        Action::Approve if request::are_scheduled(model, targets) => {
            "IT HAPPENS BY ITSELF in its window, once all have said yes and every gate has passed; used once, void if anything changes"
        }
        Action::Approve => {
            "somebody may promote it once all have said yes; used once, void if anything changes"
        }
        Action::Reject => "the request is over; they may ask again",
        Action::Withdraw => "the request is over, and every yes with it",
        Action::Ask => "everybody who may approve sees it; nothing runs by it",
        Action::Retry => "the same step again from its probe, with a new budget of attempts",
        Action::RollBack => {
            "stages are undone in reverse order; chunks in flight end first; ends held"
        }
        Action::Abort => {
            "no promotion any more; every shard goes back to before expand, then the rollout ends"
        }
        Action::Abandon => "the shard is left as it is; its leftovers are listed",
        _ => "it can be taken back at any time",
    }
}

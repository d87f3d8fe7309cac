//! Ending a session that others wait for: which one, and what it would hit.

use super::prepare::Target;
use crate::cockpit::model::Model;
use crate::wire::{Blocker, LockParty, LockWait, Locks, Scope, Verb, words};

/// Most of those who wait that are shown with the question.
const WAITERS_MAX: usize = 4;

/// The queue of a shard, as it was looked at last.
fn queue<'m>(model: &'m Model, scope: &Scope) -> Option<&'m Locks> {
    let Scope::Shard(name) = scope else {
        return None;
    };
    let detail = model.detail().filter(|detail| detail.shard == *name)?;
    Some(&detail.locks)
}

fn waits_for(wait: &LockWait, pid: i32) -> bool {
    wait.blockers.iter().any(|party| party.pid == pid)
}

/// The one at the head of the queue: it waits for nobody, and most wait for
/// it; of two such the one that is open for longer.
fn head(waits: &[LockWait]) -> Option<&LockParty> {
    let is_waiter = |party: &LockParty| waits.iter().any(|w| w.waiter.pid == party.pid);
    let all = waits.iter().flat_map(|wait| &wait.blockers);
    let free = all.filter(|party| !is_waiter(party));
    let count = |party: &LockParty| waits.iter().filter(|w| waits_for(w, party.pid)).count();
    free.max_by_key(|party| (count(party), party.open_ms))
}

pub(super) fn verb(model: &Model, scope: &Scope) -> Result<Verb, String> {
    let waits = match queue(model, scope) {
        None => return Err("2 shows who waits for whom; look there first".into()),
        Some(Locks::Unknown(why)) => return Err(format!("who waits is not known: {why}")),
        Some(Locks::Seen(waits)) => waits,
    };
    let found = head(waits).ok_or("nobody waits for a lock there")?;
    let began_us = found.began_us.ok_or(
        "it cannot be told which transaction it runs: the login role needs pg_monitor, a prepared transaction has no session, and one of another database is left alone",
    )?;
    Ok(Verb::EndBlocker(Blocker {
        pid: found.pid,
        began_us,
    }))
}

pub(super) fn title(target: &Target) -> String {
    match target.verb {
        Verb::EndBlocker(blocker) => format!("End session {} on {}?", blocker.pid, target.scope),
        _ => String::new(),
    }
}

pub(super) fn radius(model: &Model, targets: &[Target]) -> Vec<(&'static str, Vec<String>)> {
    let [target] = targets else {
        return Vec::new();
    };
    let (Verb::EndBlocker(blocker), Some(Locks::Seen(waits))) =
        (&target.verb, queue(model, &target.scope))
    else {
        return Vec::new();
    };
    let all = waits.iter().flat_map(|wait| &wait.blockers);
    let mut sessions = all.filter(|party| party.pid == blocker.pid);
    let session = sessions.next().map_or_else(Vec::new, |party| {
        let open = words::ms(party.open_ms);
        vec![format!("{}, open {open}", party.who), party.query.clone()]
    });
    let mut waiting = waits.iter().filter(|wait| waits_for(wait, blocker.pid));
    let shown = waiting.by_ref().take(WAITERS_MAX);
    let mut waiters: Vec<String> = shown
        .map(|wait| format!("{} for {}", wait.waiter.who, words::ms(wait.waits_ms)))
        .collect();
    match waiting.count() {
        0 => {}
        more => waiters.push(format!("and {more} more")),
    }
    vec![
        ("Session", session),
        ("Waiting", waiters),
        (
            "What happens",
            vec![
                "its transaction is rolled back, its connection closed; its client gets an error".into(),
                "left alone if it has written for more than 10 minutes, or if nobody waits any more".into(),
            ],
        ),
        ("Way back", vec!["none: what it had not committed is lost".into()]),
    ]
}

//! One sentence per fact, for feeds and logs.

use super::{JournalEntry, Sign, words};
use crate::base::{ShardName, Stop};
use crate::fleet::Crew;
use crate::rollout::{
    Approval, BlockerEnd, Event, Evidence, Fact, Opening, Outcome, Restored, Signed,
};

/// What happened, as a sentence; the scope and the actor stand beside it.
pub fn describe(fact: &Fact) -> String {
    let text = what(&fact.event);
    let told = matches!(
        fact.event,
        Event::Held
            | Event::Released
            | Event::Paused
            | Event::Resumed
            | Event::Retried { .. }
            | Event::RollbackBegun { .. }
            | Event::AbortBegun
            | Event::ShardAbandoned
            | Event::BlockerEnding { .. }
            | Event::Throttled { .. }
            | Event::RingAdmitted { .. }
            | Event::ApprovalRequested(_)
            | Event::ApprovalGiven { .. }
            | Event::ApprovalRejected { .. }
            | Event::ApprovalWithdrawn { .. }
            | Event::GlassBroken { .. }
            | Event::GlassReviewed
            | Event::PeopleChanged(_)
            | Event::Baselined { .. }
    );
    if told && !fact.reason.is_empty() {
        format!("{text}: {}", fact.reason)
    } else {
        text
    }
}

/// Facts as a client is shown them that looks at the journal.
pub fn entries(facts: &[(u64, Fact)]) -> Vec<JournalEntry> {
    let entry = |(seq, fact): &(u64, Fact)| JournalEntry {
        seq: *seq,
        at: fact.at,
        scope: fact.scope.clone(),
        actor: fact.actor.to_string(),
        cause: fact.cause.to_string(),
        reason: fact.reason.clone(),
        text: describe(fact),
        // A fact is plain data with string keys: this cannot fail.
        json: serde_json::to_string_pretty(fact).unwrap_or_default(),
    };
    facts.iter().map(entry).collect()
}

/// The mark of an event on a time axis: acts, flips and faults have one.
pub(super) fn moment(event: &Event) -> Option<Sign> {
    Some(match event {
        Event::Paused => Sign::Paused,
        Event::Resumed | Event::Retried { .. } => Sign::Running,
        Event::Held => Sign::Held,
        Event::Throttled { .. } => Sign::Throttled,
        Event::ShardFailed { .. } | Event::ShardRegressed { .. } => Sign::Failed,
        Event::ShareSeen { .. } => Sign::Partly,
        Event::RollbackBegun { .. } | Event::AbortBegun => Sign::RolledBack,
        Event::StageDone { .. } => Sign::Done,
        _ => return None,
    })
}

fn what(event: &Event) -> String {
    match event {
        Event::RolloutOpened(opening) => opened(opening),
        Event::RingAdmitted { stop, readings, .. } => {
            format!("admitted to {stop}, {} gates passed", readings.len())
        }
        Event::StageBegun { stop, shards, .. } => format!("{stop} begins on {}", list(shards)),
        Event::StageDone { stop, evidence, .. } => done(*stop, evidence),
        Event::StageUndone { stop, restored } => undone(*stop, *restored),
        Event::ShardAttached { epoch, .. } => format!("connected, fence epoch {epoch}"),
        Event::ShardFailed { fault } => format!("failed ({}): {}", fault.code, fault.what),
        Event::ShardRegressed { found, why, .. } => {
            format!("knows less than the journal, back at {found}: {why}")
        }
        Event::GenerationBumped { generation, why } => {
            format!("checkpoints void, generation {generation}: {why}")
        }
        Event::ShardFenced { epoch } => format!("another engine owns it, epoch {epoch}"),
        Event::ShareSeen { percent, clients } => {
            format!("flag at {percent} %, seen by {clients} clients")
        }
        Event::Held => "held".into(),
        Event::Released => "released".into(),
        Event::Paused => "paused".into(),
        Event::Resumed => "resumed".into(),
        Event::Retried { shards } => format!("retry of {}", list(shards)),
        Event::RollbackBegun { to, shards } => {
            format!("roll back of {} to the end of {to}", list(shards))
        }
        Event::AbortBegun => "abort: everything is rolled back".into(),
        Event::ShardAbandoned => "abandoned".into(),
        Event::BlockerEnding { blocker } => format!("session {} is to be ended", blocker.pid),
        Event::BlockerEnded { blocker, end } => blocker_end(blocker.pid, end),
        Event::Throttled {
            rows_per_s_max: Some(cap),
        } => format!("capped at {} rows/s per shard", words::count(*cap)),
        Event::Throttled { .. } => "cap lifted".into(),
        Event::Automated { auto: Some(auto) } => format!("automatic up to {}", auto.to),
        Event::Automated { auto: None } => "automatic promotion off".into(),
        Event::PromotionScheduled(p) => {
            format!("scheduled: promote to {}, {} ({})", p.stop, p.window, p.id)
        }
        Event::PromotionCancelled { id } => format!("scheduled promotion {id} cancelled"),
        Event::PromotionLapsed { id, why } => {
            format!("scheduled promotion {id} came to nothing: {why}")
        }
        Event::ApprovalRequested(approval) => asked_for(approval),
        Event::ApprovalGiven { id, signed } => given(id, signed.as_deref()),
        Event::ApprovalRejected { id } => format!("approval {id} rejected"),
        Event::ApprovalWithdrawn { id } => format!("approval {id} withdrawn"),
        Event::ApprovalConsumed { id } => format!("approval {id} used"),
        Event::GlassBroken { until } => {
            let until = until.clock();
            format!("glass broken: no approval is needed until {until}")
        }
        Event::GlassReviewed => "what was done behind broken glass is reviewed".into(),
        Event::PeopleChanged(change) => change.to_string(),
        Event::HeadSealed(seal) => format!("sealed up to entry {}", seal.head.seq),
        Event::Baselined {
            name,
            schema,
            shards,
        } => {
            let (on, schema) = (list(shards), schema.short());
            format!("baseline {name}: the history of {on} begins with schema {schema}")
        }
        Event::Forgotten => "forget: what pilothouse keeps on the shards is removed".into(),
        Event::RolloutEnded { outcome } => ended(*outcome).into(),
    }
}

fn blocker_end(pid: i32, end: &BlockerEnd) -> String {
    match end {
        BlockerEnd::Ended { who } => format!("session {pid} ({who}) ended"),
        BlockerEnd::Gone => format!("session {pid}: that transaction was over before"),
        BlockerEnd::Spared(why) => format!("session {pid} left alone: {why}"),
        BlockerEnd::Failed(why) => format!("session {pid} could not be ended: {why}"),
    }
}

fn asked_for(approval: &Approval) -> String {
    let (id, stop) = (&approval.id, approval.stop);
    match approval.window {
        None => format!("approval {id} asked for: promote to {stop}"),
        Some(window) => format!("approval {id} asked for: promote to {stop}, {window}"),
    }
}

fn given(id: &str, signed: Option<&Signed>) -> String {
    match signed {
        None => format!("approval {id} given"),
        Some(signed) => {
            let key = signed.signature.key().fingerprint();
            format!("approval {id} given, signed with {key}")
        }
    }
}

fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "rollout done",
        Outcome::Aborted => "rollout aborted, undone on every shard that was not given up",
    }
}

fn opened(opening: &Opening) -> String {
    let shards: usize = opening.rings.iter().map(|(_, members)| members.len()).sum();
    let mut text = format!(
        "rollout {} of {} opened on {}, plan {}",
        opening.id,
        opening.migration,
        words::shards(shards),
        opening.plan_digest.short()
    );
    if opening.policy.people == Crew::Solo {
        text.push_str("; policy solo: one person runs this fleet, nobody else approves");
    }
    for waiver in &opening.waived {
        let rule = waiver.rule.rule().name;
        match waiver.operation {
            Some(number) => {
                text.push_str(&format!("; {rule} waived in operation {number}: "));
            }
            None => text.push_str(&format!("; {rule} waived: ")),
        }
        text.push_str(&waiver.reason);
    }
    text
}

fn done(stop: Stop, evidence: &Evidence) -> String {
    let mut text = format!("{stop} done");
    if evidence.rows > 0 {
        text.push_str(&format!(", {}", rows(evidence.rows)));
    }
    if !evidence.notes.is_empty() {
        text.push_str(&format!("; to know: {}", evidence.notes.join("; ")));
    }
    text
}

fn undone(stop: Stop, restored: Option<Restored>) -> String {
    let Some(Restored { exported, down }) = restored else {
        return format!("{stop} undone");
    };
    format!(
        "{stop} undone: {} got their exported value back, {} got down(new)",
        rows(exported),
        rows(down)
    )
}

fn rows(count: u64) -> String {
    let word = if count == 1 { "row" } else { "rows" };
    format!("{} {word}", words::count(count))
}

fn list(shards: &[ShardName]) -> String {
    let names: Vec<&str> = shards.iter().map(ShardName::as_str).collect();
    words::names(&names)
}

//! What is still to be done by somebody.

use crate::base::{Stage, Stop, Timestamp};
use crate::rollout::{Glass, Outcome, Phase, Rollout, ShardState};

/// All of it, the most urgent first.
pub(super) fn open_ends(rollout: &Rollout, now: Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(rollout.reviews_owed().map(review));
    for (name, shard) in &rollout.shards {
        found.extend(of_shard(name.as_str(), shard));
    }
    let pending = rollout.rings.iter();
    let pending = pending.filter_map(|(name, ring)| Some((name, ring.pending.as_ref()?)));
    found.extend(pending.map(|(name, p)| {
        let (stop, by, window) = (p.stop, &p.asked.by, p.window);
        format!("ring {name} is promoted to {stop} by itself, scheduled by {by} for {window}")
    }));
    match rollout.outcome {
        None => open(rollout, now, &mut found),
        Some(Outcome::Done) => found.push(match &rollout.forgotten {
            None => {
                "exported values and pilothouse's own tables stay on every shard until `pilothouse forget`".into()
            }
            Some(mark) => format!(
                "{} ordered to forget it at {} UTC: nothing of pilothouse stays on a shard where that has come to its end, run it again to see",
                mark.by,
                mark.at.minute()
            ),
        }),
        Some(Outcome::Aborted) => {}
    }
    found
}

fn review(glass: &Glass) -> String {
    let broken = &glass.broken;
    format!(
        "review owed: {} broke glass ({}), and nobody has reviewed what was done",
        broken.by, broken.reason
    )
}

fn of_shard(name: &str, shard: &ShardState) -> Option<String> {
    match (&shard.failure, shard.phase) {
        (Some(fault), _) => Some(format!(
            "shard {name} failed at {}: {} {}; {}",
            shard.at, fault.code, fault.what, fault.can
        )),
        (None, Phase::Abandoned) => Some(format!(
            "shard {name} was given up at {}: {}",
            shard.at,
            leftovers(shard.begun)
        )),
        (None, Phase::RolledBack) if shard.begun.is_some() => Some(format!(
            "shard {name} was rolled back and is not part of its ring any more"
        )),
        _ => None,
    }
}

/// What may be left on a shard that nobody undid.
fn leftovers(begun: Option<Stop>) -> String {
    let Some(begun) = begun else {
        return "nothing was begun on it".into();
    };
    let mut left = Vec::new();
    if begun.stage() >= Stage::Expand {
        left.push("what expand added");
    }
    if begun.stage() >= Stage::DualWrite {
        left.push("the trigger, which still writes and still costs");
    }
    if begun.stage() >= Stage::Shift {
        left.push("a flag that may stand above 0 %");
    }
    if begun == Stop::Drop {
        left.push("dropped columns, and their exported values");
    }
    match left.as_slice() {
        [] => "nothing is left on it but pilothouse's own tables".into(),
        left => format!(
            "it may still hold {}, and pilothouse's own tables",
            left.join("; ")
        ),
    }
}

fn open(rollout: &Rollout, now: Timestamp, found: &mut Vec<String>) {
    if let Some(mark) = &rollout.aborting {
        found.push(format!("the abort by {} has not ended", mark.by));
    }
    let fleet = [
        ("held", rollout.hold.as_ref()),
        ("paused", rollout.paused.as_ref()),
    ];
    for (word, mark) in fleet {
        found.extend(mark.map(|m| format!("the fleet is {word} by {}: {}", m.by, m.reason)));
    }
    for name in rollout.ring_order() {
        let Some(ring) = rollout.rings.get(name) else {
            continue;
        };
        let marks = [
            ("held", ring.hold.as_ref()),
            ("paused", ring.paused.as_ref()),
        ];
        for (word, mark) in marks {
            found.extend(mark.map(|m| format!("ring {name} is {word} by {}: {}", m.by, m.reason)));
        }
        let Some(stop) = rollout.ring_stop(ring) else {
            continue;
        };
        let done = |stop: Stop| ring.finished.contains_key(&stop);
        let wants = match (done(Stop::Retire), done(Stop::Drop)) {
            (_, true) => continue,
            (true, false) => "retired, not dropped",
            (false, false) => "not retired, not dropped",
        };
        found.push(format!("ring {name} stands at {stop}: {wants}"));
    }
    for asked in rollout.approvals.iter().filter(|a| a.is_open(now)) {
        found.push(format!(
            "request {} by {} for {} of ring {} is open",
            asked.id, asked.asked.by, asked.stop, asked.ring
        ));
    }
}

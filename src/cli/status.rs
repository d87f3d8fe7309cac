//! `pilothouse status`: the fleet as plain lines. As JSON it is the view
//! itself.

use crate::base::{Timestamp, Untrusted};
use crate::wire::{
    Delivery, FleetView, NotifyView, Progress, RolloutView, ShardView, Standing, words,
};

/// The view as lines of text, for a terminal or a log.
pub fn render(view: &FleetView, now: Timestamp) -> String {
    let mut out = Vec::new();
    let identity = &view.header.identity;
    let production = if identity.production {
        " (production)"
    } else {
        ""
    };
    out.push(format!(
        "Fleet {}, environment {}{production}",
        identity.fleet, identity.environment
    ));
    match &view.header.rollout {
        None => out.push("No rollout yet.".into()),
        Some(rollout) => rollout_lines(view, rollout, now, &mut out),
    }
    if !view.events.is_empty() {
        out.push(String::new());
        out.push("Last events".into());
        let newest = view.events.iter().rev().take(10).rev();
        out.extend(newest.map(|e| {
            format!(
                "  {}  {:<16}  {}  ({})",
                e.at.clock(),
                e.scope.to_string(),
                clean(&e.text),
                clean(&e.actor)
            )
        }));
    }
    if !view.header.notify.is_empty() {
        out.push(String::new());
        out.push("Told outside".into());
        out.extend(view.header.notify.iter().map(|n| told(n, now)));
    }
    if let Some(head) = &view.header.head {
        out.push(String::new());
        out.push(format!("Journal head {} {}", head.seq, head.hash.short()));
    }
    let mut text: String = out.join("\n");
    text.push('\n');
    text
}

fn rollout_lines(view: &FleetView, rollout: &RolloutView, now: Timestamp, out: &mut Vec<String>) {
    out.push(format!(
        "Rollout {} of {}, plan {}, opened {}",
        clean(&rollout.id),
        rollout.migration,
        rollout.plan,
        rollout.opened_at
    ));
    out.push(format!("State: {}", state(rollout, now)));
    out.push(totals(view));
    if !view.needs_you.is_empty() {
        out.push(String::new());
        out.push(format!("Needs you ({})", view.needs_you.len()));
        out.extend(view.needs_you.iter().map(|n| {
            format!(
                "  {}: {}: {} ({})",
                n.scope,
                clean(&n.what),
                clean(&n.why),
                words::lasting(now, n.since)
            )
        }));
        let call = view.header.contacts.call();
        out.extend(call.map(|call| format!("  {}", clean(&call))));
    }
    out.push(String::new());
    let mut rings = vec![row(["Ring", "Shards", "Stage", "State"])];
    rings.extend(view.rings.iter().map(|r| {
        let stop = r.stop.map_or_else(|| "-".into(), |s| s.to_string());
        [
            r.name.to_string(),
            r.shards.to_string(),
            stop,
            sentence(&r.standing, now),
        ]
    }));
    aligned(&rings, out);
    out.push(String::new());
    let head = [
        "Shard", "Ring", "Stage", "Phase", "Progress", "Rows/s", "Lag", "Flag", "Now",
    ];
    let mut shards = vec![row(head)];
    shards.extend(view.shards.iter().map(shard_row));
    aligned(&shards, out);
}

fn told(to: &NotifyView, now: Timestamp) -> String {
    let how = match &to.delivery {
        Delivery::Idle => "nothing was to be told yet".to_owned(),
        Delivery::Delivered(at) => format!("delivered {}", words::ended(now, *at)),
        Delivery::Failing { since, why } => {
            format!("NOT delivered since {}, {}", since.clock(), clean(why))
        }
    };
    let given_up = match to.given_up {
        0 => String::new(),
        n => format!("; {n} given up"),
    };
    let (kind, name) = (clean(&to.kind), clean(&to.name));
    format!(
        "  {kind} {name}: {how}; {} delivered{given_up}",
        to.delivered
    )
}

fn state(rollout: &RolloutView, now: Timestamp) -> String {
    let standing = &rollout.standing;
    if rollout.outcome.is_none() {
        return sentence(standing, now);
    }
    let ended = words::ended(now, standing.since);
    let (word, cause) = (clean(&standing.word), clean(&standing.cause));
    format!("{word}, {cause}; ended {ended}, {}", standing.since)
}

/// Rows only while rows are counted, and an ETA only while they move.
fn totals(view: &FleetView) -> String {
    let t = &view.totals;
    let mut parts = Vec::new();
    if let Some(total) = t.rows_total {
        let (done, total) = (words::count(t.rows_done), words::count(total));
        parts.push(format!("Rows {done} of about {total}"));
    }
    if let Some(rate) = t.rows_per_s {
        parts.push(format!("{} rows/s", words::count(rate)));
    }
    if t.at_work > 0 {
        let shards = words::shards(t.at_work as usize);
        parts.push(format!("ETA {} for {shards} at work", words::eta(t.eta)));
    }
    parts.push(format!("failed {} of {} shards", t.failed, t.shards));
    let text = parts.join(", ");
    text.replacen(
        "failed",
        if parts.len() == 1 { "Failed" } else { "failed" },
        1,
    )
}

fn sentence(standing: &Standing, now: Timestamp) -> String {
    let mut text = clean(&standing.word);
    if !standing.cause.is_empty() {
        text.push_str(&format!(", {}", clean(&standing.cause)));
    }
    text.push_str(&format!(", {}", words::lasting(now, standing.since)));
    if !standing.clears.is_empty() {
        text.push_str(&format!("; clears when: {}", clean(&standing.clears)));
    }
    if !standing.next.is_empty() {
        text.push_str(&format!("; next: {}", clean(&standing.next)));
    }
    text
}

fn shard_row(shard: &ShardView) -> [String; 9] {
    let dash = || "-".to_owned();
    let progress = match shard.progress {
        Progress::None => dash(),
        Progress::Unmeasured => "running".into(),
        Progress::Percent(percent) => format!("{percent} %"),
        Progress::Done => "done".into(),
    };
    [
        shard.name.to_string(),
        shard.ring.to_string(),
        shard.stop.to_string(),
        shard.phase.word().into(),
        progress,
        shard.rows_per_s.map_or_else(dash, words::count),
        shard.lag_ms.map_or_else(dash, |lag| words::ms(lag.value)),
        format!("{} %", shard.share_percent),
        clean(&shard.now),
    ]
}

fn row<const N: usize>(cells: [&str; N]) -> [String; N] {
    cells.map(str::to_owned)
}

fn aligned<const N: usize>(rows: &[[String; N]], out: &mut Vec<String>) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|r| r.get(column));
        cells.map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    for cells in rows {
        let line: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        out.push(format!("  {}", line.join("  ")).trim_end().to_owned());
    }
}

fn clean(text: &str) -> String {
    Untrusted::new(text).to_string()
}

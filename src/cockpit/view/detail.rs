//! Why the thing in focus moves or not: every signal with value, limit and
//! age; every gate; the failure in full.

use crate::cockpit::model::{Model, Pane};
use crate::cockpit::palette::Role;
use crate::cockpit::widgets::{Canvas, Part, fit, part, sign};
use crate::wire::{RingView, ShardView, Sign, Standing, Verdict, words};

type Rows = Vec<Vec<Part>>;

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model) {
    let (title, rows) = match model.pane {
        Pane::Shards => match model.focused_shard() {
            Some(shard) => (format!("Shard {}", shard.name), of_shard(model, shard)),
            None => return,
        },
        Pane::Rings => of_ring_row(model),
    };
    let high = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX);
    let area = canvas.clear_middle(100, high);
    let inner = canvas.frame(area, &title, Role::Title);
    for (row, parts) in (0..inner.height).zip(&rows) {
        canvas.line(inner, row, parts);
    }
}

fn said(label: &str, text: impl Into<String>) -> Vec<Part> {
    vec![
        part(Role::Muted, fit(&format!(" {label}"), 14)),
        part(Role::Text, text),
    ]
}

fn of_ring_row(model: &Model) -> (String, Rows) {
    let view = model.view();
    let place = model.ring_row().checked_sub(1);
    let ring = place.and_then(|place| view?.rings.get(place));
    if let Some(ring) = ring {
        return (format!("Ring {}", ring.name), of_ring(model, ring));
    }
    let Some(rollout) = model.rollout() else {
        return ("Fleet".into(), vec![said("Rollout", "none yet")]);
    };
    let mut rows = standing(model, &rollout.standing);
    rows.push(said("Rollout", rollout.id.clone()));
    rows.push(said("Opened", rollout.opened_at.to_string()));
    let route: Vec<String> = rollout.route.iter().map(ToString::to_string).collect();
    rows.push(said("Route", route.join(" → ")));
    if let Some(head) = view.and_then(|v| v.header.head.as_ref()) {
        rows.push(said("Journal", format!("entry {} {}", head.seq, head.hash)));
    }
    ("Fleet".into(), rows)
}

fn standing(model: &Model, standing: &Standing) -> Rows {
    let since = words::ago(model.now, standing.since);
    let mut rows = vec![vec![
        part(Role::Muted, fit(" State", 14)),
        sign(standing.sign, &standing.word),
        part(
            Role::Muted,
            format!("  since {} ({since})", standing.since.clock()),
        ),
    ]];
    rows.push(said("Why", standing.cause.clone()));
    if let Some(by) = &standing.by {
        rows.push(said("By", by.clone()));
    }
    rows.push(said("Clears when", standing.clears.clone()));
    let next = match standing.at.filter(|at| *at > model.now) {
        Some(at) => format!("at {}: {}", at.clock(), standing.next),
        None => standing.next.clone(),
    };
    rows.push(said("Next", next));
    rows
}

fn of_ring(model: &Model, ring: &RingView) -> Rows {
    let mut rows = standing(model, &ring.standing);
    let next = ring.next.map_or_else(|| "–".into(), |s| s.to_string());
    rows.push(said("Next stage", next));
    for (place, gate) in ring.gates.iter().enumerate() {
        let (mark, word) = match gate.verdict {
            Verdict::Pass => (Sign::Done, "passed"),
            Verdict::Fail => (Sign::Held, "closed"),
            Verdict::Inconclusive => (Sign::Unknown, "unknown"),
        };
        let age = gate.read_at.map_or_else(String::new, |at| {
            format!(", {} old", words::ms(model.now.since(at).ms()))
        });
        let label = if place == 0 { " Gates" } else { "" };
        rows.push(vec![
            part(Role::Muted, fit(label, 14)),
            sign(mark, word),
            part(Role::Text, format!("  {gate}{age}")),
        ]);
    }
    rows
}

fn of_shard(model: &Model, shard: &ShardView) -> Rows {
    let mut rows = standing(model, &shard.standing);
    let place = format!(
        "ring {}, instance {}, {} {}",
        shard.ring,
        shard.instance,
        shard.stop,
        shard.phase.word()
    );
    rows.push(said("Where", place));
    rows.push(said("Work", work(shard)));
    let judged = shard.throttled.read_at.map_or_else(
        || "never judged".into(),
        |at| format!("judged {} ago", words::ms(model.now.since(at).ms())),
    );
    let open = shard.throttled.reasons.is_empty();
    let first = if open { "open" } else { "closed" };
    rows.push(said("Throttle", format!("{first}, {judged}")));
    for reason in &shard.throttled.reasons {
        let since = words::lasting(model.now, reason.since);
        let text = format!("{} ({since})", words::throttle_reason(reason));
        rows.push(vec![
            part(Role::Muted, fit("", 14)),
            sign(Sign::Throttled, &text),
        ]);
    }
    if let Some(fault) = &shard.failure {
        rows.push(said("Failed", format!("{} {}", fault.code, fault.what)));
        rows.push(said("At", fault.place.clone()));
        rows.push(said(
            "Because",
            fault.why.clone().unwrap_or("unknown".into()),
        ));
        rows.push(said("pilothouse", fault.did.clone()));
        rows.push(said("You can", fault.can.clone()));
    }
    if let Some(proof) = &shard.verified {
        let text = format!(
            "{} rows at {}, evidence {}",
            words::count(proof.rows),
            proof.at.clock(),
            proof.evidence.short()
        );
        rows.push(said("Verified", text));
    }
    rows.push(said("Way back", shard.way_back.word()));
    let fence = format!("epoch {}, version {}", shard.epoch, shard.version);
    rows.push(said("Fence", fence));
    rows
}

fn work(shard: &ShardView) -> String {
    let total = shard.rows_total.map_or_else(
        || "not counted".into(),
        |n| format!("of about {}", words::count(n)),
    );
    let mut text = format!("{} rows {total}", words::count(shard.rows_done));
    if let (Some(p50), Some(p90)) = (shard.chunk_ms_p50, shard.chunk_ms_p90) {
        let (p50, p90) = (words::ms(p50), words::ms(p90));
        text.push_str(&format!(", chunks p50 {p50} p90 {p90}"));
    }
    if let Some(cap) = shard.rows_per_s_max {
        text.push_str(&format!(", cap {} rows/s", words::count(cap)));
    }
    text
}

//! Why the ring in focus, or the fleet, moves or not: every gate with its age.

use super::lines::{Lines, labelled, said, standing};
use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, part, sign};
use crate::wire::{RingView, Sign, Verdict, words};

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model) {
    let (title, rows) = of_ring_row(model);
    let high = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX);
    let area = canvas.clear_middle(100, high);
    let inner = canvas.frame(area, &title, Role::Title);
    for (row, parts) in (0..inner.height).zip(&rows) {
        canvas.line(inner, row, parts);
    }
}

fn of_ring_row(model: &Model) -> (String, Lines) {
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
        rows.push(said(
            "Journal",
            format!("entry {} {}", head.seq, head.hash.short()),
        ));
    }
    ("Fleet".into(), rows)
}

fn of_ring(model: &Model, ring: &RingView) -> Lines {
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
        let label = if place == 0 { "Gates" } else { "" };
        rows.push(vec![
            labelled(label),
            sign(mark, word),
            part(Role::Text, format!("  {gate}{age}")),
        ]);
    }
    rows
}

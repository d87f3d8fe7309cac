//! What the checks of the shard in focus found: value, limit, remedy.

use super::super::lines::{Lines, proof, said};
use super::list::List;
use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, Part, fit, part, sign, wrap};
use crate::wire::{CheckVerdict, Finding, Sign, words};
use ratatui::layout::Rect;

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let found = found(model);
    let nothing = match model.detail() {
        None => "Waiting for the shard.",
        Some(_) => "No check has run since this engine began.",
    };
    let wide = usize::from(area.width);
    let list = List {
        head: head(model, &found),
        cursor: model.shown.cursor(found.len()),
        count: found.len(),
        nothing,
        row: &|place| row(found[place]),
        opened: &|place| opened(model, found[place], wide),
    };
    list.draw(canvas, model, area);
}

/// What was found on the shard in focus: what is bad first, then by name, so
/// that nothing jumps.
pub(in crate::cockpit) fn found(model: &Model) -> Vec<&Finding> {
    let detail = model.detail();
    let mut found: Vec<&Finding> = detail.map_or(Vec::new(), |d| d.findings.iter().collect());
    found.sort_by(|a, b| {
        let worse = b.check.verdict.cmp(&a.check.verdict);
        worse.then_with(|| a.check.name.cmp(&b.check.name))
    });
    found
}

fn head(model: &Model, found: &[&Finding]) -> Lines {
    let mut head = Vec::new();
    let count = |verdict| found.iter().filter(|f| f.check.verdict == verdict).count();
    let name = model
        .shard
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    head.push(said(
        "Checks",
        format!(
            "{name}: {} failed, {} wait, {} to know, {} good",
            count(CheckVerdict::Fail),
            count(CheckVerdict::Wait),
            count(CheckVerdict::Warn),
            count(CheckVerdict::Pass)
        ),
    ));
    let newest = model.focused_shard().and_then(|s| s.verified.as_ref());
    let verified = newest.map_or_else(
        || "no row was compared yet".to_owned(),
        |newest| proof(model, newest),
    );
    head.push(said("Verified", verified));
    let columns = format!("   {} {} NEEDED", fit("CHECK", 32), fit("FOUND", 44));
    head.push(vec![part(Role::Muted, columns)]);
    head
}

fn verdict(verdict: CheckVerdict) -> (Sign, &'static str) {
    match verdict {
        CheckVerdict::Pass => (Sign::Done, "good"),
        CheckVerdict::Warn => (Sign::NeedsHuman, "worth knowing"),
        CheckVerdict::Wait => (Sign::Held, "not yet"),
        CheckVerdict::Fail => (Sign::Failed, "failed"),
    }
}

fn row(found: &Finding) -> Vec<Part> {
    let (mark, _) = verdict(found.check.verdict);
    vec![
        sign(mark, ""),
        part(Role::Text, format!(" {} ", fit(&found.check.name, 32))),
        part(Role::Text, format!("{} ", fit(&found.check.value, 44))),
        part(Role::Muted, found.check.limit.clone()),
    ]
}

fn opened(model: &Model, found: &Finding, wide: usize) -> Lines {
    let room = wide.saturating_sub(16).max(20);
    let (_, word) = verdict(found.check.verdict);
    let age = words::ended(model.now, found.at);
    let mut lines = vec![said("Verdict", format!("{word}, {age}"))];
    for (label, text) in [
        ("Found", &found.check.value),
        ("Needed", &found.check.limit),
        ("Remedy", &found.check.remedy),
    ] {
        for (place, text) in wrap(text, room).into_iter().enumerate() {
            lines.push(said(if place == 0 { label } else { "" }, text));
        }
    }
    lines
}

//! What the rollout runs, stop by stop: statements, locks, and the way back.

use super::super::lines::{Lines, said};
use super::list::List;
use crate::base::{Stage, Stop};
use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, Part, fit, part, sign, wrap};
use crate::wire::{Phase, PlanStep, PlanWay, Sign, words};
use ratatui::layout::Rect;

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let steps = model.seen.plan.as_deref().unwrap_or(&[]);
    let wide = usize::from(area.width);
    let list = List {
        head: head(model),
        cursor: model.shown.cursor(steps.len()),
        count: steps.len(),
        nothing: "Waiting for the plan.",
        row: &|place| row(model, steps, place),
        opened: &|place| opened(model, &steps[place], wide),
    };
    list.draw(canvas, model, area);
}

fn head(model: &Model) -> Lines {
    let mut head = Vec::new();
    if let Some(rollout) = model.rollout() {
        let route: Vec<String> = rollout.route.iter().map(ToString::to_string).collect();
        head.push(said(
            "Plan",
            format!("{} of {}", rollout.plan, rollout.migration),
        ));
        head.push(said("Route", route.join(" → ")));
    }
    let columns = format!(
        "  {} {} {}",
        fit("STAGE", 12),
        fit("STEP", 54),
        "LOCK ON YOUR TABLES"
    );
    head.push(vec![part(Role::Muted, columns)]);
    head
}

fn row(model: &Model, steps: &[PlanStep], place: usize) -> Vec<Part> {
    let step = &steps[place];
    let first = place == 0 || steps[place - 1].stop != step.stop;
    let stage = if first {
        step.stop.to_string()
    } else {
        String::new()
    };
    let (arrow, role) = match step.way {
        PlanWay::There => ("→", Role::Text),
        PlanWay::Back => ("←", Role::Muted),
    };
    let mark = match first {
        true => sign(progress(model, step.stop), ""),
        false => part(Role::Text, " "),
    };
    vec![
        mark,
        part(Role::Title, fit(&format!(" {stage}"), 12)),
        part(role, fit(&format!("{arrow} {}", step.title), 55)),
        part(Role::Muted, step.lock.clone()),
    ]
}

/// How far the fleet is with a stop.
fn progress(model: &Model, stop: Stop) -> Sign {
    let shards = model.view().map_or(&[][..], |view| &view.shards);
    let done =
        |s: &&crate::wire::ShardView| s.stop > stop || s.stop == stop && s.phase == Phase::Done;
    let begun = shards
        .iter()
        .any(|s| s.stop >= stop && s.phase != Phase::RolledBack);
    match shards.iter().filter(done).count() {
        n if n == shards.len() && n > 0 => Sign::Done,
        0 if !begun => Sign::NotYet,
        _ => Sign::Partly,
    }
}

fn opened(model: &Model, step: &PlanStep, wide: usize) -> Lines {
    let mut lines = vec![said("Lock", step.lock.clone())];
    lines.push(said("Estimate", estimate(model, step)));
    lines.push(said("Way back", way_back(step.stop)));
    let room = wide.saturating_sub(16).max(20);
    for (number, statement) in step.sql.iter().enumerate() {
        for (place, text) in wrap(statement, room).into_iter().enumerate() {
            let label = match (number, place) {
                (0, 0) => "SQL".to_owned(),
                (_, 0) => format!("{}.", number + 1),
                _ => String::new(),
            };
            lines.push(said(&label, text));
        }
    }
    lines
}

/// How much there is to do, and how long that takes at the rate of now.
fn estimate(model: &Model, step: &PlanStep) -> String {
    let by_rows = match step.stop.stage() {
        Stage::Backfill | Stage::Verify => step.way == PlanWay::There,
        Stage::Contract => step.stop != Stop::Retire,
        _ => false,
    };
    if let Some(estimate) = &step.estimate {
        return format!("{}, on the first shard", words::estimate(estimate));
    }
    if !by_rows {
        return "a moment: it does not grow with the rows".into();
    }
    let shards = model.view().map_or(&[][..], |view| &view.shards);
    let counted: Vec<u64> = shards.iter().filter_map(|s| s.rows_total).collect();
    let Some(rows) = counted.iter().copied().reduce(u64::saturating_add) else {
        return "by the rows, which are counted when the first shard begins".into();
    };
    let of = match shards.len() - counted.len() {
        0 => words::shards(counted.len()),
        more => format!("{}, {more} not counted yet", words::shards(counted.len())),
    };
    let rate = model.view().and_then(|view| view.totals.rows_per_s);
    let time = match rate.filter(|rate| *rate > 0) {
        Some(rate) => {
            let ms = words::ms(rows.saturating_mul(1_000) / rate);
            format!("; {ms} at {} rows/s", words::count(rate))
        }
        None => String::new(),
    };
    format!("about {} rows on {of}{time}", words::count(rows))
}

/// Until when a stop can be undone, and what that loses.
fn way_back(stop: Stop) -> &'static str {
    match (stop.stage(), stop) {
        (Stage::Preflight | Stage::Snapshot, _) => "nothing to undo: it only looks",
        (Stage::Shift, _) => "flag back, any time before contract; nothing is lost",
        (Stage::Contract, Stop::Retire) => "exact until drop: the old form is kept up to date",
        (Stage::Contract, _) => {
            "merge restore: exported values where the row is unchanged, down(new) elsewhere; counted before it is confirmed"
        }
        _ => "exact, any time before contract; nothing is lost",
    }
}

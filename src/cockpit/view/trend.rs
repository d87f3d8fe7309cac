//! Rate and lag on one time axis, with marks for acts, flips and faults.

use super::lines::{LABEL_CELLS, Lines, labelled};
use super::screen::happened;
use crate::base::{Period, ShardName};
use crate::cockpit::model::{Model, SAMPLE, Sample};
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Part, fit, fit_right, part, sign, spark};
use crate::wire::{ShardView, Sign, words};

/// Cells of the figures before a line.
const FIGURE_CELLS: usize = 26;

/// The fleet's rate of the last minute or so, as a short line.
pub(super) fn of_fleet(model: &Model, cells: usize) -> Part {
    let rates: Vec<u64> = model.history.fleet().map(|s| s.rows_per_s.into()).collect();
    part(
        Role::from(Sign::Running),
        spark(newest(&rates, cells), cells),
    )
}

/// One shard's rate and lag, what happened meanwhile, and the axis.
pub(super) fn of_shard(model: &Model, name: &ShardName, wide: usize) -> Lines {
    let place = model.live_place_of(name);
    let samples = place.map_or_else(Vec::new, |place| model.history.shard(place));
    let Some(shard) = model.shard_named(name).filter(|_| samples.len() > 1) else {
        return Vec::new();
    };
    let cells = wide.min(200).saturating_sub(LABEL_CELLS + FIGURE_CELLS + 2);
    let line = |label: &str, of: fn(&Sample) -> u32, word: fn(u64) -> String, role: Role| {
        let values: Vec<u64> = samples.iter().map(|s| of(s).into()).collect();
        let values = newest(&values, cells);
        let (now, most) = (values.last().copied(), values.iter().max().copied());
        let figures = format!(
            "{}  max {}",
            fit_right(&word(now.unwrap_or(0)), 8),
            fit(&word(most.unwrap_or(0)), 8)
        );
        vec![
            labelled(label),
            part(Role::Text, fit(&figures, FIGURE_CELLS)),
            part(role, spark(values, cells)),
        ]
    };
    let rate = |n: u64| format!("{}/s", words::count(n));
    let shown = samples.len().min(cells);
    vec![
        line("Rate", |s| s.rows_per_s, rate, Role::from(Sign::Running)),
        line("Lag", |s| s.lag_ms, words::ms, Role::from(Sign::Throttled)),
        marks(model, shard, (shown, cells)),
        axis(shown, cells),
    ]
}

/// The last `cells` of them.
fn newest(values: &[u64], cells: usize) -> &[u64] {
    &values[values.len().saturating_sub(cells)..]
}

/// What happened, where on the axis it happened; the newest wins a cell.
fn marks(model: &Model, shard: &ShardView, (shown, cells): (usize, usize)) -> Vec<Part> {
    let mut axis: Vec<Option<Sign>> = vec![None; cells];
    for event in happened(model, shard) {
        let ago = model.history.at().since(event.at).ms() / SAMPLE.ms();
        let ago = usize::try_from(ago).unwrap_or(usize::MAX);
        if let (Some(sign), true) = (event.sign, ago < shown) {
            axis[cells - 1 - ago] = Some(sign);
        }
    }
    let mut parts = vec![labelled(""), part(Role::Text, " ".repeat(FIGURE_CELLS))];
    for mark in axis {
        parts.push(match mark {
            Some(mark) => sign(mark, ""),
            None => part(Role::Text, " "),
        });
    }
    parts
}

fn axis(shown: usize, cells: usize) -> Vec<Part> {
    let span = Period::from_ms(SAMPLE.ms() * u64::try_from(shown).unwrap_or(0));
    let from = format!("{} ago", words::length(span.ms() / 1_000));
    let line = shown.saturating_sub(from.len() + 4);
    let text = match line {
        0 => String::new(),
        line => format!("{from} {} now", "─".repeat(line.saturating_sub(1))),
    };
    vec![
        labelled(""),
        part(Role::Text, " ".repeat(FIGURE_CELLS)),
        part(Role::Muted, fit_right(&text, cells)),
    ]
}

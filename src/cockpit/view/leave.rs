//! The first words and the last ones.

use super::lines::{Lines, labelled};
use crate::cockpit::model::{Leaving, Model};
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, fit, part, sign, wrap};
use crate::wire::words;
use ratatui::layout::Rect;

/// Shards that are named.
const NAMED_MAX: usize = 6;

/// What a newcomer should press first, over the feed.
pub(super) fn welcome(canvas: &mut Canvas<'_>, lines: &[String], feed: Rect) {
    let high = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let area = Rect {
        y: feed.bottom().saturating_sub(high),
        height: high,
        ..feed
    };
    canvas.clear(area);
    let inner = canvas.frame(area, "Welcome aboard", Role::Title);
    for (row, text) in (0..inner.height).zip(lines) {
        canvas.line(inner, row, &[part(Role::Text, format!(" {text}"))]);
    }
}

/// Why nothing of what is on the screen counts.
pub(super) fn refused(canvas: &mut Canvas<'_>, why: &str) {
    const WIDTH: u16 = 74;
    let mut lines = wrap(why, usize::from(WIDTH - 4));
    lines.push(String::new());
    lines.push("Nothing can be changed from here. q leaves.".into());
    let high = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let area = canvas.clear_middle(WIDTH, high);
    let inner = canvas.frame(area, "Journal refused", Role::Danger);
    for (row, text) in (0..inner.height).zip(&lines) {
        canvas.line(inner, row, &[part(Role::Text, format!(" {text}"))]);
    }
}

/// Whether to leave while something is under way.
pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model) {
    let rows = rows(model);
    let high = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX);
    let area = canvas.clear_middle(76, high);
    let inner = canvas.frame(area, "Leave?", Role::Danger);
    // What must be decided on is at the bottom, and is never cut.
    let shown = usize::from(inner.height);
    let last = rows.len().saturating_sub(1);
    let kept = rows.iter().enumerate();
    let kept = kept.filter(|(place, _)| *place + 1 < shown || *place == last);
    for (row, (_, parts)) in (0..inner.height).zip(kept) {
        canvas.line(inner, row, parts);
    }
}

fn rows(model: &Model) -> Lines {
    let shards = model.live.as_ref().map_or(&[][..], |view| &view.shards);
    let mut at_work = shards.iter().filter(|shard| shard.is_at_work());
    let mut rows = Vec::new();
    for shard in at_work.by_ref().take(NAMED_MAX) {
        let label = if rows.is_empty() { "At work" } else { "" };
        rows.push(vec![
            labelled(label),
            sign(shard.standing.sign, &fit(shard.name.as_str(), 12)),
            part(Role::Text, format!(" {}", fit(&shard.stop.to_string(), 11))),
            part(Role::Text, shard.now.clone()),
        ]);
    }
    let more = at_work.count();
    if more > 0 {
        let text = format!("and {} more", words::shards(more));
        rows.push(vec![labelled(""), part(Role::Muted, text)]);
    }
    let mut say = |label: &str, text: &str| {
        rows.push(vec![labelled(label), part(Role::Text, text)]);
    };
    say(
        "If you leave",
        "the engine stops too, each shard after its chunk.",
    );
    say(
        "",
        "What is committed stays, and so does what keeps both forms right.",
    );
    if let Leaving::StopsTheEngine(afterwards) = model.options.leaving {
        say("Afterwards", afterwards);
    }
    say(
        "To stop work",
        "without leaving: pause, in the operations menu.",
    );
    rows.push(vec![
        labelled(""),
        part(Role::Key, "y"),
        part(Role::Text, " leave   "),
        part(Role::Key, "N"),
        part(Role::Text, " stay"),
    ]);
    rows
}

//! The shards. Only rows on the screen are built.

use super::place::Room;
use super::plan::first_row;
use crate::cockpit::model::{Model, Pane};
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, Part, bar, fit, fit_right, part, sign};
use crate::wire::{Progress, ShardView, Sign, words};
use ratatui::layout::Rect;

/// One column: head, cells, and what stands in it.
struct Column {
    head: &'static str,
    cells: usize,
    /// Shown only on screens at least this wide.
    from: u16,
    draw: fn(&Model, &ShardView, usize) -> Part,
}

const SHARD: Column = Column {
    head: "SHARD",
    cells: 12,
    from: 0,
    draw: |_, s, n| part(Role::Text, fit(s.name.as_str(), n)),
};
const STAGE: Column = Column {
    head: "STAGE",
    cells: 10,
    from: 0,
    draw: |_, s, n| part(Role::Text, fit(&s.stop.to_string(), n)),
};
const LAG: Column = Column {
    head: "LAG",
    cells: 9,
    from: 0,
    draw: lag,
};
const CHECKS: Column = Column {
    head: "CHECKS",
    cells: 7,
    from: 0,
    draw: checks,
};

const FULL: &[Column] = &[
    SHARD,
    Column {
        head: "RING",
        cells: 7,
        from: 0,
        draw: |_, s, n| part(Role::Muted, fit(s.ring.as_str(), n)),
    },
    STAGE,
    Column {
        head: "PROGRESS",
        cells: 13,
        from: 0,
        draw: |_, s, n| progress(s, n),
    },
    Column {
        head: "ROWS/S",
        cells: 8,
        from: 0,
        draw: |_, s, n| number(s.rows_per_s.map(words::count), n),
    },
    Column {
        head: "THROTTLED",
        cells: 9,
        from: 0,
        draw: |_, s, n| number(s.throttled.percent.map(|p| format!("{p} %")), n),
    },
    LAG,
    Column {
        head: "FLAG",
        cells: 6,
        from: 0,
        draw: |_, s, n| number(Some(format!("{} %", s.share_percent)), n),
    },
    CHECKS,
    Column {
        head: "WAY BACK",
        cells: 15,
        from: 140,
        draw: |_, s, n| part(Role::Text, fit(s.way_back.word(), n)),
    },
    Column {
        head: "IN STAGE",
        cells: 9,
        from: 150,
        draw: |m, s, n| number(Some(words::ms(m.now.since(s.since).ms())), n),
    },
    Column {
        head: "ETA",
        cells: 8,
        from: 160,
        draw: |_, s, n| number(eta(s), n),
    },
    Column {
        head: "VERIFIED",
        cells: 9,
        from: 170,
        draw: |m, s, n| {
            let age = s
                .verified
                .as_ref()
                .map(|v| words::ms(m.now.since(v.at).ms()));
            number(age, n)
        },
    },
    Column {
        head: "SERVER",
        cells: 28,
        from: 216,
        draw: |_, s, n| {
            part(
                Role::Muted,
                fit(s.server.as_ref().unwrap_or(&s.instance), n),
            )
        },
    },
];

const COMPACT: &[Column] = &[
    SHARD,
    STAGE,
    Column {
        head: "PROGRESS",
        cells: 8,
        from: 0,
        draw: |_, s, n| progress(s, n),
    },
    LAG,
    CHECKS,
];

fn columns(room: Room, wide: u16) -> impl Iterator<Item = &'static Column> {
    let all = match room {
        Room::Full => FULL,
        Room::Compact => COMPACT,
    };
    all.iter().filter(move |column| column.from <= wide)
}

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, area: Rect, room: Room) {
    if area.height == 0 {
        return;
    }
    let mut head = vec![part(Role::Muted, "    ")];
    for column in columns(room, area.width) {
        head.push(part(Role::Muted, fit(column.head, column.cells + 1)));
    }
    head.push(part(Role::Muted, "NOW"));
    canvas.line(area, 0, &head);
    let shown = usize::from(area.height - 1);
    let focus = model.shard_row();
    let from = first_row(focus.unwrap_or(0), shown, model.shown_count());
    let window = model.shard_window(from, shown);
    if window.is_empty() && shown > 0 {
        let text = match model.view() {
            None => "    Waiting for the engine.",
            Some(view) if view.shards.is_empty() => "    No shards yet.",
            Some(_) => "    No shard matches the filter; Esc clears it.",
        };
        canvas.line(area, 1, &[part(Role::Muted, text)]);
    }
    for (place, shard) in window.into_iter().enumerate() {
        let row = u16::try_from(place + 1).unwrap_or(u16::MAX);
        let here = focus == Some(from + place);
        canvas.line(area, row, &line(model, shard, here, (room, area.width)));
        if here && model.pane == Pane::Shards {
            canvas.focus(area, row);
        }
    }
}

/// The row of the shards at a line of the screen.
pub(super) fn row_at(model: &Model, area: Rect, y: u16) -> Option<usize> {
    let line = usize::from(y.checked_sub(area.y)?).checked_sub(1)?;
    let shown = usize::from(area.height - 1);
    let count = model.shown_count();
    let from = first_row(model.shard_row().unwrap_or(0), shown, count);
    Some(from + line).filter(|row| *row < count)
}

fn line(model: &Model, shard: &ShardView, here: bool, (room, wide): (Room, u16)) -> Vec<Part> {
    let marked = model.marks.contains(&shard.name);
    let mut parts = vec![
        part(Role::Title, if here { "▌" } else { " " }),
        part(Role::Title, if marked { "*" } else { " " }),
        sign(shard.standing.sign, ""),
        part(Role::Text, " "),
    ];
    for column in columns(room, wide) {
        parts.push((column.draw)(model, shard, column.cells));
        parts.push(part(Role::Text, " "));
    }
    parts.push(part(Role::Text, shard.now.clone()));
    parts
}

/// Until the stage ends at the rate of now; the fleet's is a range.
fn eta(shard: &ShardView) -> Option<String> {
    let left = shard.rows_total?.checked_sub(shard.rows_done)?;
    let rate = shard.rows_per_s.filter(|rate| *rate > 0)?;
    Some(words::ms(left.saturating_mul(1_000) / rate))
}

fn number(text: Option<String>, cells: usize) -> Part {
    match text {
        Some(text) => part(Role::Text, fit_right(&text, cells)),
        None => part(Role::Muted, fit_right("–", cells)),
    }
}

fn progress(shard: &ShardView, cells: usize) -> Part {
    let role = Role::from(shard.standing.sign);
    match shard.progress {
        Progress::None => part(Role::Muted, fit("·", cells)),
        Progress::Unmeasured => part(role, fit("running", cells)),
        Progress::Done => part(Role::from(Sign::Done), fit("done", cells)),
        Progress::Percent(percent) if cells < 12 => part(role, fit(&format!("{percent} %"), cells)),
        Progress::Percent(percent) => {
            let text = format!("{} {percent:>3} %", bar(percent, cells - 6));
            part(role, text)
        }
    }
}

/// Beside the value a mark: in its limit, over it, or too old to trust.
fn lag(model: &Model, shard: &ShardView, cells: usize) -> Part {
    // One that is not seen may be the worst of them.
    let unseen = shard.replicas_unseen;
    let Some(lag) = shard.lag_ms else {
        return match unseen {
            0 => number(None, cells),
            n => part(
                Role::from(Sign::Unknown),
                fit_right(&format!("{n} unseen"), cells),
            ),
        };
    };
    let over = |r: &&crate::wire::ThrottleReason| r.signal.contains("lag");
    let old = model.now.since(lag.at).ms() > 10_000;
    let (mark, sign) = if old || unseen > 0 {
        ('?', Sign::Unknown)
    } else if shard.throttled.reasons.iter().any(|r| over(&r)) {
        ('▲', Sign::Throttled)
    } else {
        ('✓', Sign::Done)
    };
    let text = format!("{} {mark}", words::ms(lag.value));
    part(Role::from(sign), fit_right(&text, cells))
}

fn checks(_: &Model, shard: &ShardView, cells: usize) -> Part {
    match shard.checks {
        None => part(Role::Muted, fit("–", cells)),
        Some(c) if c.passed == c.total => part(
            Role::from(Sign::Done),
            fit(&format!("✓ {}/{}", c.passed, c.total), cells),
        ),
        Some(c) => part(Role::Text, fit(&format!("{}/{}", c.passed, c.total), cells)),
    }
}

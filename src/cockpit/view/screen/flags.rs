//! Who uses the new form on which shard, and which clients have seen it.

use super::super::lines::{Lines, said};
use super::list::List;
use crate::base::{Stage, Stop};
use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, Part, bar, fit, fit_right, part, sign};
use crate::wire::{FlagSeen, ShardView, words};
use ratatui::layout::Rect;

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let count = model.shown_count();
    let shard = |place: usize| model.shard_window(place, 1).first().copied();
    let list = List {
        head: head(model),
        cursor: model.shard_row().unwrap_or(0),
        count,
        nothing: "No shards yet.",
        row: &|place| shard(place).map_or_else(Vec::new, |s| row(model, s)),
        opened: &|place| shard(place).map_or_else(Vec::new, |s| opened(model, s)),
    };
    list.draw(canvas, model, area);
}

fn head(model: &Model) -> Lines {
    let shards = model.view().map_or(&[][..], |view| &view.shards);
    let full = shards.iter().filter(|s| s.share_percent == 100).count();
    let some = shards
        .iter()
        .filter(|s| (1..100).contains(&s.share_percent))
        .count();
    let behind = shards.iter().filter_map(|s| s.flag_seen.as_ref());
    let behind: usize = behind.map(|seen| seen.behind.len()).sum();
    vec![
        said(
            "Flags",
            format!(
                "{full} of {} at 100 %, {some} partly; {behind} clients behind",
                words::shards(shards.len())
            ),
        ),
        vec![part(
            Role::Muted,
            format!(
                "    {} {} {} {} {}",
                fit("SHARD", 12),
                fit("RING", 8),
                fit("NEW FORM", 17),
                fit("CLIENTS", 18),
                "WHO MAY WRITE WHAT"
            ),
        )],
    ]
}

fn row(model: &Model, shard: &ShardView) -> Vec<Part> {
    let share = format!(
        "{} {:>3} %",
        bar(shard.share_percent, 10),
        shard.share_percent
    );
    vec![
        part(Role::Text, " "),
        sign(shard.standing.sign, ""),
        part(Role::Text, format!(" {}", fit(shard.name.as_str(), 12))),
        part(Role::Muted, format!(" {}", fit(shard.ring.as_str(), 8))),
        part(Role::Text, format!(" {} ", fit_right(&share, 17))),
        part(
            Role::Text,
            fit(&clients(model, shard.flag_seen.as_ref()), 19),
        ),
        part(Role::Muted, authority(shard)),
    ]
}

fn clients(model: &Model, seen: Option<&FlagSeen>) -> String {
    match seen {
        None => "not asked yet".into(),
        Some(seen) if seen.behind.is_empty() => {
            format!(
                "{} seen, {}",
                seen.clients,
                words::ended(model.now, seen.at)
            )
        }
        Some(seen) => format!("{} of {} behind", seen.behind.len(), seen.clients),
    }
}

/// Which form the database accepts from whom, by the stop.
fn authority(shard: &ShardView) -> &'static str {
    match (shard.stop.stage(), shard.stop) {
        (Stage::Preflight | Stage::Snapshot | Stage::Expand, _) => "the old form only",
        (Stage::Shift, _) => "either form; the other follows",
        (Stage::Contract, Stop::Retire) => "the new form; the old one follows",
        (Stage::Contract, _) => "the new form only",
        _ => "the old form; the new one follows",
    }
}

fn opened(model: &Model, shard: &ShardView) -> Lines {
    let Some(seen) = &shard.flag_seen else {
        return vec![said("Clients", "they are asked when the flag moves")];
    };
    let asked = format!("{}, {}", seen.at.clock(), words::ended(model.now, seen.at));
    let mut lines = vec![
        said("Asked", asked),
        said("Clients", format!("{} live", seen.clients)),
    ];
    for client in seen.behind.iter().take(10) {
        lines.push(said("Behind", client.clone()));
    }
    lines
}

//! Puts what is in focus on the clipboard, for the incident's channel.

use crate::base::Untrusted;
use crate::cockpit::model::{FleetRow, Level, Model, Pane, Screen};
use crate::cockpit::msg::Effect;
use crate::cockpit::view::{findings, journal_entries};
use crate::wire::Standing;

/// Terminals refuse more than some tens of thousands.
const BYTES_MAX: usize = 16_384;

/// Copies what is in focus.
pub(super) fn focused(model: &mut Model) -> Vec<Effect> {
    let Some((what, text)) = text(model) else {
        model.say(Level::Note, "There is nothing in focus to copy");
        return Vec::new();
    };
    let clean = Untrusted::new(text).in_full().to_string();
    if clean.len() > BYTES_MAX {
        model.say(Level::Bad, format!("{what} is too long to copy"));
        return Vec::new();
    }
    let said = format!("Copied {what}, if the terminal permits it");
    model.say(Level::Note, said);
    vec![Effect::Copy(clean)]
}

/// What is in focus, in a few words and in full.
fn text(model: &Model) -> Option<(String, String)> {
    let rows = crate::cockpit::view::screen_rows(model);
    let here = model.shown.cursor(rows);
    match model.shown.screen {
        Screen::Fleet if model.pane == Pane::Rings => ring(model),
        Screen::Fleet | Screen::Shard | Screen::Flags => shard(model),
        Screen::Plan => {
            let step = model.seen.plan.as_ref()?.get(here)?;
            Some(("the statements".into(), step.sql.join(";\n")))
        }
        Screen::Checks => {
            let found = findings(model);
            let check = &found.get(here)?.check;
            let name = &model.detail()?.shard;
            let text = format!(
                "{name}: check {}: found {}, needed {}: {}",
                check.name, check.value, check.limit, check.remedy
            );
            Some((format!("the check {}", check.name), text))
        }
        Screen::Handover => {
            let lines = &model.seen.handover.as_ref()?.lines;
            let lines = lines
                .iter()
                .map(|l| format!("{}: {}", l.topic.word(), l.text));
            let lines: Vec<String> = lines.collect();
            Some(("the handover".into(), lines.join("\n")))
        }
        Screen::Journal => {
            let entry = journal_entries(model).nth(here)?;
            Some((format!("entry {}", entry.seq), entry.json.clone()))
        }
    }
}

fn ring(model: &Model) -> Option<(String, String)> {
    let rollout = model.rollout()?;
    let (name, standing) = match &model.ring {
        FleetRow::Fleet => (format!("rollout {}", rollout.id), &rollout.standing),
        FleetRow::Ring(name) => (format!("ring {name}"), &model.ring_named(name)?.standing),
    };
    let text = format!("{name}: {}", said(standing));
    Some((name, text))
}

fn shard(model: &Model) -> Option<(String, String)> {
    let shard = model.focused_shard()?;
    let name = format!("shard {}", shard.name);
    let text = format!(
        "{name} ({}, {}): {}: {}",
        shard.ring,
        shard.instance,
        shard.stop,
        said(&shard.standing)
    );
    Some((name, text))
}

fn said(standing: &Standing) -> String {
    let mut text = standing.word.clone();
    for more in [&standing.cause, &standing.next] {
        if !more.is_empty() {
            text.push_str("; ");
            text.push_str(more);
        }
    }
    text
}

//! `GET /metrics`: how things stand, in Prometheus' text format 0.0.4.
//!
//! Names, labels and units are part of the interface; `docs/people.md` lists
//! them. Figures per shard are given up to [`SHARDS_MAX`] shards; beyond, the
//! figures per ring stand alone, so that a large fleet does not flood whoever
//! scrapes it.

use super::answer::Refused;
use super::caller::Counted;
use super::state::Served;
use crate::wire::{Delivery, FleetView, NotifyView, Phase, ShardView, Sign};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::fmt::Write as _;

/// Most shards with figures of their own.
const SHARDS_MAX: usize = 1_000;

pub(super) async fn metrics(State(served): State<Served>, _: Counted) -> Result<Response, Refused> {
    let newest = served.engine.newest();
    let published = newest.ok_or_else(|| Refused::silent("ask again"))?;
    let age_ms = super::now().since(published.at).ms();
    let mut text = Text::default();
    text.family(
        "pilothouse_view_age_seconds",
        "gauge",
        "Age of what this is read from.",
    );
    text.figure("pilothouse_view_age_seconds", &[], seconds(age_ms));
    let attached = served.board.count();
    text.family(
        "pilothouse_attached_clients",
        "gauge",
        "Cockpits that are attached.",
    );
    text.figure("pilothouse_attached_clients", &[], attached as f64);
    describe(&mut text, &published.view);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((kind, text.0).into_response())
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

fn describe(text: &mut Text, view: &FleetView) {
    let entries = view.header.head.as_ref().map_or(0, |head| head.seq);
    text.family(
        "pilothouse_journal_entries_total",
        "counter",
        "Entries of the journal.",
    );
    text.figure("pilothouse_journal_entries_total", &[], entries as f64);
    text.family(
        "pilothouse_journal_writable",
        "gauge",
        "1 while the journal can be written.",
    );
    let writable = view.header.unwritten_since.is_none();
    text.figure(
        "pilothouse_journal_writable",
        &[],
        f64::from(u8::from(writable)),
    );
    text.family(
        "pilothouse_needs_human",
        "gauge",
        "Things that wait for a person.",
    );
    text.figure("pilothouse_needs_human", &[], view.needs_you.len() as f64);
    if let Some(rollout) = &view.header.rollout {
        let open = rollout.outcome.is_none();
        let migration = rollout.migration.as_str();
        text.family(
            "pilothouse_rollout_open",
            "gauge",
            "1 while the rollout is open.",
        );
        text.figure(
            "pilothouse_rollout_open",
            &[("rollout", &rollout.id), ("migration", migration)],
            f64::from(u8::from(open)),
        );
    }
    notify(text, &view.header.notify);
    rings(text, view);
    if view.shards.len() <= SHARDS_MAX {
        shards(text, &view.shards);
    }
}

/// Whether those outside are told.
fn notify(text: &mut Text, all: &[NotifyView]) {
    type Reads = fn(&NotifyView) -> f64;
    let families: [(&str, &str, &str, Reads); 4] = [
        (
            "pilothouse_notify_failing",
            "gauge",
            "1 while what is to be told does not arrive.",
            |n| f64::from(u8::from(matches!(n.delivery, Delivery::Failing { .. }))),
        ),
        (
            "pilothouse_notify_waiting",
            "gauge",
            "Messages that wait to be delivered.",
            |n| n.waiting as f64,
        ),
        (
            "pilothouse_notify_delivered_total",
            "counter",
            "Messages that arrived since the engine began.",
            |n| n.delivered as f64,
        ),
        (
            "pilothouse_notify_given_up_total",
            "counter",
            "Messages that were given up since the engine began.",
            |n| n.given_up as f64,
        ),
    ];
    for (name, kind, help, reads) in families.iter().filter(|_| !all.is_empty()) {
        text.family(name, kind, help);
        for told in all {
            let labels = [("name", told.name.as_str()), ("kind", told.kind.as_str())];
            text.figure(name, &labels, reads(told));
        }
    }
}

fn rings(text: &mut Text, view: &FleetView) {
    type Counts = fn(&ShardView) -> bool;
    let families: [(&str, &str, Counts); 5] = [
        ("pilothouse_ring_shards", "Shards of the ring.", |_| true),
        (
            "pilothouse_ring_shards_at_work",
            "Shards that work now.",
            ShardView::is_at_work,
        ),
        (
            "pilothouse_ring_shards_failed",
            "Shards that have failed.",
            |s| s.phase == Phase::Failed,
        ),
        (
            "pilothouse_ring_shards_stalled",
            "Shards that do not move, with nothing to explain it.",
            |s| s.stalled_since.is_some(),
        ),
        (
            "pilothouse_ring_shards_throttled",
            "Shards that wait for a limit.",
            |s| s.standing.sign == Sign::Throttled,
        ),
    ];
    for (name, help, counts) in families {
        text.family(name, "gauge", help);
        for ring in &view.rings {
            let own = view.shards.iter().filter(|s| s.ring == ring.name);
            let count = own.filter(|s| counts(s)).count();
            text.figure(name, &[("ring", ring.name.as_str())], count as f64);
        }
    }
}

fn shards(text: &mut Text, shards: &[ShardView]) {
    type Reads = fn(&ShardView) -> Option<f64>;
    let families: [(&str, &str, Reads); 6] = [
        (
            "pilothouse_shard_rows_done",
            "Rows done in the stage that runs.",
            |s| Some(s.rows_done as f64),
        ),
        (
            "pilothouse_shard_rows_expected",
            "Rows there will be, as estimated.",
            |s| s.rows_total.map(|n| n as f64),
        ),
        (
            "pilothouse_shard_rows_per_second",
            "Rows written per second.",
            |s| s.rows_per_s.map(|n| n as f64),
        ),
        (
            "pilothouse_shard_replica_lag_seconds",
            "Lag of the worst replica seen.",
            |s| s.lag_ms.map(|lag| seconds(lag.value)),
        ),
        (
            "pilothouse_shard_replicas_unseen",
            "Replicas whose lag could not be read.",
            |s| Some(f64::from(s.replicas_unseen)),
        ),
        (
            "pilothouse_shard_new_form_ratio",
            "Reads and writes on the new form, 0 to 1.",
            |s| Some(f64::from(s.share_percent) / 100.0),
        ),
    ];
    for (name, help, reads) in families {
        text.family(name, "gauge", help);
        for shard in shards {
            let labels = [
                ("ring", shard.ring.as_str()),
                ("shard", shard.name.as_str()),
            ];
            if let Some(value) = reads(shard) {
                text.figure(name, &labels, value);
            }
        }
    }
    let name = "pilothouse_shard_stage";
    text.family(
        name,
        "gauge",
        "1: the stage and phase in which the shard is.",
    );
    for shard in shards {
        let labels = [
            ("ring", shard.ring.as_str()),
            ("shard", shard.name.as_str()),
            ("stage", shard.stop.stage().word()),
            ("phase", shard.phase.word()),
        ];
        text.figure(name, &labels, 1.0);
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn figure(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let listed: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let listed = match listed.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", listed.join(",")),
        };
        let _ = writeln!(self.0, "{name}{listed} {value}");
    }
}

/// As the format wants it within quotes.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_end_its_quotes() {
        let mut text = Text::default();
        text.figure("n", &[("a", "x\"} 1\nevil 2\\")], 1.5);
        assert_eq!(text.0, "n{a=\"x\\\"} 1\\nevil 2\\\\\"} 1.5\n");
    }
}

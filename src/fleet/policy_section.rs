//! Checks `[policy]`, `[throttle]` and `[[guard]]`.

use crate::base::{Findings, Period, Stage};
use crate::fleet::model::{Crew, Guard, GuardAction, Policy, ThrottleLimits};
use crate::fleet::raw::{RawGuard, RawPolicy, RawThrottle};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Wire names of the signals that a guard can watch.
pub const SIGNALS: [&str; 5] = [
    "replica_lag_ms",
    "active_sessions",
    "slot_wal_bytes",
    "oldest_transaction_ms",
    "archive_segments",
];

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// Most distinct approvals that a stage can need.
const APPROVALS_MAX: i64 = 10;
const MIB: i64 = 1024 * 1024;

fn between(from_ms: u64, to_ms: u64) -> RangeInclusive<Period> {
    Period::from_ms(from_ms)..=Period::from_ms(to_ms)
}

pub(super) fn policy(raw: &RawPolicy, findings: &mut Findings<'_>) -> Policy {
    let mut period = |key: &str, text: &Option<String>, from_ms, default_ms| {
        let limits = between(from_ms, 90 * DAY_MS);
        let path = format!("policy.{key}");
        findings.period(&path, text.as_deref(), limits, Period::from_ms(default_ms))
    };
    let soak = period("soak", &raw.soak, 0, 15 * MINUTE_MS);
    let shift_soak = period("shift.soak", &raw.shift.soak, 0, 10 * MINUTE_MS);
    let verify_age_max = period("verify_age_max", &raw.verify_age_max, MINUTE_MS, DAY_MS);
    let quiet = period("quiet", &raw.quiet, 0, 10 * MINUTE_MS);
    let ttl = &raw.approval_ttl;
    let approval_ttl = period("approval_ttl", ttl, MINUTE_MS, 8 * 60 * MINUTE_MS);
    let mut count = |key: &str, value: Option<i64>, limits, default: u32| match value {
        Some(value) => findings
            .number(&format!("policy.{key}"), value, limits)
            .unwrap_or(default),
        None => default,
    };
    let max_failed_shards = count("max_failed_shards", raw.max_failed_shards, 0..=100_000, 0);
    let attempts_max = count("attempts_max", raw.attempts_max, 1..=1_000, 12);
    Policy {
        after: after(raw, findings),
        soak,
        shift_steps: shift_steps(raw, findings),
        shift_soak,
        max_failed_shards,
        verify_age_max,
        quiet,
        attempts_max,
        approvals: approvals(raw, findings),
        signed: signed(raw, findings),
        people: crew(raw, findings),
        approval_ttl,
    }
}

/// Whatever moves by itself without a statement on the server does so within a
/// minute or two: chunks take seconds, connections and retries give up sooner. Ten
/// minutes are several times that, and short enough to be of use at night.
pub(super) fn stall_after(raw: &RawPolicy, findings: &mut Findings<'_>) -> Period {
    let limits = between(MINUTE_MS, DAY_MS);
    let default = Period::from_ms(10 * MINUTE_MS);
    let given = raw.stall_after.as_deref();
    findings.period("policy.stall_after", given, limits, default)
}

fn stages() -> Vec<(&'static str, Stage)> {
    Stage::ALL
        .into_iter()
        .map(|stage| (stage.word(), stage))
        .collect()
}

fn after(raw: &RawPolicy, findings: &mut Findings<'_>) -> Stage {
    let Some(text) = &raw.after else {
        return Stage::Verify;
    };
    let path = "policy.after";
    if text == Stage::Contract.word() {
        findings.report(
            path,
            "no ring can wait for contract, because contract waits for every ring",
            "choose verify (the default), shift, or an earlier stage",
        );
        return Stage::Verify;
    }
    let mut choices = stages();
    choices.retain(|(_, stage)| *stage != Stage::Contract);
    findings
        .choose(path, "stage", text, &choices)
        .unwrap_or(Stage::Verify)
}

fn shift_steps(raw: &RawPolicy, findings: &mut Findings<'_>) -> Vec<u8> {
    let Some(steps) = &raw.shift.steps else {
        return vec![1, 10, 50, 100];
    };
    let path = "policy.shift.steps";
    let remedy = "write rising percentages from 1 to 100 that end at 100, such as [1, 10, 50, 100]";
    let mut checked: Vec<u8> = Vec::new();
    for (position, step) in steps.iter().enumerate() {
        let here = format!("{path}[{}]", position + 1);
        match u8::try_from(*step) {
            Ok(percent @ 1..=100) => {
                if checked.last().is_some_and(|last| *last >= percent) {
                    let message = format!("{percent} % does not rise above the step before it");
                    findings.report(&here, message, remedy);
                }
                checked.push(percent);
            }
            _ => findings.report(
                &here,
                format!("{step} is not a percentage of shift"),
                remedy,
            ),
        }
    }
    if steps.last() != Some(&100) {
        findings.report(path, "shift would never reach 100 %", remedy);
    }
    checked
}

fn approvals(raw: &RawPolicy, findings: &mut Findings<'_>) -> BTreeMap<Stage, u32> {
    let choices = stages();
    let mut approvals = BTreeMap::new();
    for (word, number) in &raw.approvals {
        let path = format!("policy.approvals.{word}");
        let stage = findings.choose(&path, "stage", word, &choices);
        let number = findings.number(&path, *number, 0..=APPROVALS_MAX);
        if stage == Some(Stage::Preflight) && number > Some(0) {
            findings.report(
                &path,
                "a rollout begins with preflight, so there is nothing to promote to it",
                "ask for approvals from snapshot on; preflight writes nothing",
            );
        }
        approvals.extend(stage.zip(number));
    }
    approvals
}

fn signed(raw: &RawPolicy, findings: &mut Findings<'_>) -> BTreeSet<Stage> {
    let choices = stages();
    let mut signed = BTreeSet::new();
    for (position, word) in raw.signed.iter().enumerate() {
        let path = format!("policy.signed[{}]", position + 1);
        let Some(stage) = findings.choose(&path, "stage", word, &choices) else {
            continue;
        };
        // Otherwise it would look as if somebody had to sign.
        if raw.approvals.get(word).is_none_or(|number| *number == 0) {
            findings.report(
                &path,
                format!("{word} needs no approval, so there is nothing to sign"),
                "name it in [policy.approvals] too, with 1 or more",
            );
        }
        signed.insert(stage);
    }
    signed
}

fn crew(raw: &RawPolicy, findings: &mut Findings<'_>) -> Crew {
    let Some(word) = &raw.people else {
        return Crew::Several;
    };
    let choices = [("several", Crew::Several), ("solo", Crew::Solo)];
    let path = "policy.people";
    let crew = findings.choose(path, "crew", word, &choices);
    let needed = raw.approvals.iter().find(|(_, number)| **number > 0);
    if let (Some(Crew::Solo), Some((stage, _))) = (crew, needed) {
        findings.report(
            path,
            format!("{stage} needs an approval, and one person alone cannot give it"),
            "let nothing be approved, or leave people at \"several\"",
        );
    }
    crew.unwrap_or_default()
}

pub(super) fn throttle(raw: &RawThrottle, findings: &mut Findings<'_>) -> ThrottleLimits {
    let poll = period_of("poll", &raw.poll, between(50, MINUTE_MS), 500, findings);
    let limits = between(100, 60 * MINUTE_MS);
    let stale_after = period_of("stale_after", &raw.stale_after, limits, 3_000, findings);
    if stale_after.ms() < poll.ms().saturating_mul(2) {
        let given = findings.source().has("throttle.stale_after");
        findings.report(
            if given { "throttle.stale_after" } else { "throttle.poll" },
            format!("readings every {poll} would be stale after {stale_after}, so work would always wait"),
            "give stale_after at least twice the time of poll",
        );
    }
    let replica_lag = match raw.replica_lag.as_deref() {
        Some("off") => None,
        _ => {
            let limits = between(100, DAY_MS);
            Some(period_of(
                "replica_lag",
                &raw.replica_lag,
                limits,
                5_000,
                findings,
            ))
        }
    };
    let oldest_transaction = raw.oldest_transaction.as_ref().map(|_| {
        let limits = between(1_000, 30 * DAY_MS);
        period_of(
            "oldest_transaction",
            &raw.oldest_transaction,
            limits,
            0,
            findings,
        )
    });
    let mut number = |key: &str, value: Option<i64>, least: i64| -> Option<u64> {
        findings.number(&format!("throttle.{key}"), value?, least..=i64::MAX)
    };
    ThrottleLimits {
        poll,
        stale_after,
        replica_lag,
        active_sessions: number("active_sessions", raw.active_sessions, 1),
        slot_wal_bytes: number("slot_wal_bytes", raw.slot_wal_bytes, MIB),
        oldest_transaction,
        archive_segments: number("archive_segments", raw.archive_segments, 1),
        disk_free_bytes: number("disk_free_bytes", raw.disk_free_bytes, MIB),
    }
}

fn period_of(
    key: &str,
    text: &Option<String>,
    limits: RangeInclusive<Period>,
    default_ms: u64,
    findings: &mut Findings<'_>,
) -> Period {
    let path = format!("throttle.{key}");
    findings.period(&path, text.as_deref(), limits, Period::from_ms(default_ms))
}

pub(super) fn guards(raw: &[RawGuard], findings: &mut Findings<'_>) -> Vec<Guard> {
    let actions = [
        ("hold", GuardAction::Hold),
        ("pause", GuardAction::Pause),
        ("roll_back", GuardAction::RollBack),
    ];
    let signals = SIGNALS.map(|signal| (signal, signal));
    let mut seen = BTreeSet::new();
    let mut guards = Vec::new();
    for (position, guard) in raw.iter().enumerate() {
        let path = format!("guard[{}]", position + 1);
        let name = guard.name.trim();
        if name.is_empty() || name.chars().count() > 48 || name.contains(char::is_control) {
            let remedy = "give it a short name of at most 48 characters";
            findings.report(&format!("{path}.name"), "a guard needs a name", remedy);
        }
        if !seen.insert(name) {
            let message = format!("there are two guards named {name:?}");
            findings.report(&format!("{path}.name"), message, "rename one of them");
        }
        let signal = findings.choose(&format!("{path}.signal"), "signal", &guard.signal, &signals);
        let above = findings.number(&format!("{path}.above"), guard.above, 0..=i64::MAX);
        let action = findings.choose(&format!("{path}.action"), "action", &guard.action, &actions);
        let lasting = findings.period(
            &format!("{path}.lasting"),
            Some(&guard.lasting),
            between(0, DAY_MS),
            Period::default(),
        );
        if let (Some(signal), Some(above), Some(action)) = (signal, above, action) {
            let (name, signal) = (name.to_owned(), signal.to_owned());
            guards.push(Guard {
                name,
                signal,
                above,
                lasting,
                action,
            });
        }
    }
    guards
}

//! Numbers and lengths of time in words that keep their unit and their width.

use super::look::{LockParty, StepEstimate};
use super::view::Eta;
use crate::base::{Period, Timestamp};
use crate::rollout::ThrottleReason;

/// `950`, `41.2 k`, `48.2 M`, `1.3 G`.
pub fn count(n: u64) -> String {
    let units = [(1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")];
    match units.iter().find(|(at, _)| n >= *at) {
        Some((_, "k")) => tenths(n, 1_000, "k"),
        Some((unit, word)) => tenths(n, *unit, word),
        None => grouped(n),
    }
}

fn tenths(n: u64, unit: u64, word: &str) -> String {
    format!("{}.{} {word}", n / unit, n % unit * 10 / unit)
}

/// An exact number with its thousands apart: `1,203,418`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `120 ms`, `6.1 s`, `4 min`, `2 h 05`.
pub fn ms(n: u64) -> String {
    match n {
        0..=999 => format!("{n} ms"),
        1_000..=59_999 if n.is_multiple_of(1_000) => format!("{} s", n / 1_000),
        1_000..=59_999 => format!("{}.{} s", n / 1_000, n % 1_000 / 100),
        _ => length(n / 1_000),
    }
}

/// `48 s`, `4 min`, `2 h 05`, `3 d`.
pub fn length(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3_599 => format!("{} min", seconds / 60),
        3_600..=86_399 => format!("{} h {:02}", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// How long ago, for lists: `now`, `12 s`, `4 min`.
pub fn ago(now: Timestamp, then: Timestamp) -> String {
    match now.since(then).ms() / 1_000 {
        0 => "now".into(),
        seconds => length(seconds),
    }
}

/// How long it has been so, in a sentence: `just now`, `for 4 min`.
pub fn lasting(now: Timestamp, since: Timestamp) -> String {
    match now.since(since).ms() / 1_000 {
        0 => "just now".into(),
        seconds => format!("for {}", length(seconds)),
    }
}

/// When it ended: `just now`, `4 min ago`.
pub fn ended(now: Timestamp, at: Timestamp) -> String {
    match now.since(at).ms() / 1_000 {
        0 => "just now".into(),
        seconds => format!("{} ago", length(seconds)),
    }
}

/// How long until, for countdowns: `03:12`, `1:02:05`.
pub fn until(now: Timestamp, then: Timestamp) -> String {
    // Rounded up: a countdown that shows 00:00 has ended.
    let seconds = then.since(now).ms().div_ceil(1_000);
    match seconds {
        0..=3_599 => format!("{:02}:{:02}", seconds / 60, seconds % 60),
        _ => format!(
            "{}:{:02}:{:02}",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        ),
    }
}

/// A range of seconds: `6–9 min`, `40–50 s`.
pub fn range(from_s: u64, to_s: u64) -> String {
    let (unit, word) = match to_s {
        0..=119 => (1, "s"),
        120..=7_199 => (60, "min"),
        _ => (3_600, "h"),
    };
    let (from, to) = (from_s / unit, to_s.div_ceil(unit));
    if from == to {
        format!("{to} {word}")
    } else {
        format!("{from}–{to} {word}")
    }
}

/// A signal's value in the unit that its name ends with.
pub fn signal_value(signal: &str, value: u64) -> String {
    if signal.ends_with("_ms") {
        ms(value)
    } else if signal.ends_with("_bytes") {
        format!("{}B", count(value))
    } else {
        count(value)
    }
}

/// `replica lag 6.1 s over 5 s on eu-05-r2`.
pub fn throttle_reason(reason: &ThrottleReason) -> String {
    let ThrottleReason { signal, place, .. } = reason;
    let bare = signal.trim_end_matches("_ms").trim_end_matches("_bytes");
    let name = bare.replace('_', " ");
    match reason.value {
        None => format!("{name} unknown on {place}"),
        Some(value) => {
            // Free space is the one signal that closes from below.
            let side = if bare.ends_with("_free") {
                "under"
            } else {
                "over"
            };
            let (value, limit) = (
                signal_value(signal, value),
                signal_value(signal, reason.limit),
            );
            format!("{name} {value} {side} {limit} on {place}")
        }
    }
}

/// A period as people say it.
pub fn period(period: Period) -> String {
    ms(period.ms())
}

/// `1 shard`, `3 shards`.
pub fn shards(n: usize) -> String {
    match n {
        1 => "1 shard".into(),
        n => format!("{} shards", count(n as u64)),
    }
}

/// Names, the first few of them: `eu-05, eu-06 and 3 more`.
pub fn names<T: AsRef<str>>(all: &[T]) -> String {
    let shown: Vec<&str> = all.iter().take(3).map(AsRef::as_ref).collect();
    match all.len() {
        0..=3 => shown.join(", "),
        n => format!("{} and {} more", shown.join(", "), n - 3),
    }
}

/// When the work that runs will end: a range or "measuring", never a lie.
pub fn eta(eta: Eta) -> String {
    match eta {
        Eta::Idle => "-".into(),
        Eta::Measuring => "measuring".into(),
        Eta::Range { from_s, to_s } => range(from_s, to_s),
    }
}

/// What a step costs: `about 1.2M rows, 48 MB more on disk, 40 s`.
pub fn estimate(estimate: &StepEstimate) -> String {
    let mut text = format!("about {} rows", count(estimate.rows));
    if estimate.disk_bytes > 0 {
        let bytes = signal_value("disk_bytes", estimate.disk_bytes);
        text.push_str(&format!(", {bytes} more on disk"));
    }
    format!("{text}, {}", ms(estimate.ms))
}

/// A session that waits or is waited for; one of ours has no process to name.
pub fn party(party: &LockParty) -> String {
    match party.pid {
        0 => party.who.clone(),
        pid => format!("{} (pid {pid})", party.who),
    }
}

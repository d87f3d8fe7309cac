//! Measures a shard's work for the screens: rate, chunk times, waits.

use crate::base::{Period, Timestamp};
use crate::wire::{CheckCount, Finding, FlagSeen, Rate, ShardTelemetry, StepProgress};
use crate::worker::{Check, CheckVerdict, WaitReason};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Chunks remembered for the percentiles.
const CHUNKS_MAX: usize = 64;
/// The rate is taken over this long.
const WINDOW: Period = Period::from_ms(10_000);
/// Rates remembered for the range.
const RATES_MAX: usize = 30;

/// One thing that happened on a shard.
#[derive(Clone, Debug)]
pub enum Tick {
    /// Another step.
    Step(String),
    /// A row job began with this many rows done already.
    Rows { done: u64 },
    /// A chunk was committed.
    Chunk { rows: u64, took_ms: u64 },
    /// Work waits.
    Wait(WaitReason),
    /// Checks were made.
    Checked(Vec<Check>),
    /// Live clients of the flag were asked: how many, and who is behind.
    Seen { clients: u64, behind: Vec<String> },
}

/// Folds ticks of one shard.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    seen: ShardTelemetry,
    chunks: VecDeque<(Timestamp, u64, u64)>,
    rates: VecDeque<u64>,
    rated_at: Timestamp,
    /// Since when rows wait for the throttle, and for how long they did before.
    closed_since: Option<Timestamp>,
    throttled_ms: u64,
    /// The newest finding of every check, over all assignments.
    findings: BTreeMap<String, Finding>,
    /// Steps that this assignment has come to. A worker that starts again and
    /// again comes to the same ones: that is no progress.
    steps: BTreeSet<String>,
    /// How long each step was estimated to take, in milliseconds.
    estimates: BTreeMap<String, u64>,
}

impl Meter {
    /// Another assignment begins. What the one before it measured says nothing
    /// about this one; `rows` is the planner's estimate, if it counts rows.
    pub fn begin(&mut self, rows: Option<u64>, now: Timestamp) {
        let findings = std::mem::take(&mut self.findings);
        let flag_seen = self.seen.flag_seen.take();
        *self = Self {
            findings,
            ..Self::default()
        };
        self.seen.flag_seen = flag_seen;
        self.seen.at = now;
        self.seen.moved_at = now;
        self.seen.rows_total = rows.filter(|n| *n > 0);
    }

    /// What the steps of this assignment were estimated to take.
    pub fn expect(&mut self, estimates: BTreeMap<String, u64>) {
        self.estimates = estimates;
    }

    /// How far the server says that a statement is.
    pub fn progress(&mut self, progress: Option<StepProgress>, now: Timestamp) {
        if self.seen.progress != progress {
            if progress.is_some() {
                self.seen.moved_at = now;
            }
            self.seen.progress = progress;
        }
    }

    /// Takes one tick in.
    pub fn note(&mut self, tick: Tick, now: Timestamp) {
        self.seen.at = now;
        match &tick {
            Tick::Wait(WaitReason::Throttled) => {
                self.closed_since.get_or_insert(now);
            }
            Tick::Step(_) | Tick::Chunk { .. } | Tick::Wait(_) => {
                self.throttled_ms = self.throttled_ms(now);
                self.closed_since = None;
            }
            Tick::Rows { .. } | Tick::Checked(_) | Tick::Seen { .. } => {}
        }
        match tick {
            Tick::Step(title) => {
                if self.seen.step != title {
                    self.seen.rate = None;
                    self.seen.step_since = now;
                    self.seen.step_ms = self.estimates.get(&title).copied();
                    self.seen.progress = None;
                }
                if self.steps.insert(title.clone()) {
                    self.seen.moved_at = now;
                }
                self.seen.step = title;
                self.seen.wait = None;
            }
            Tick::Rows { done } => {
                if done > self.seen.rows_done {
                    self.seen.moved_at = now;
                }
                self.seen.rows_done = done;
            }
            Tick::Chunk { rows, took_ms } => self.chunk(rows, took_ms, now),
            Tick::Checked(checks) => self.checked(checks, now),
            Tick::Seen { clients, behind } => {
                let at = now;
                self.seen.moved_at = now;
                self.seen.flag_seen = Some(FlagSeen {
                    clients,
                    behind,
                    at,
                });
            }
            Tick::Wait(reason) => {
                if reason != WaitReason::Rate {
                    // Whoever stands still has no speed.
                    self.seen.rate = None;
                }
                self.seen.wait = Some(reason);
            }
        }
        if let Some(total) = self.seen.rows_total {
            // An estimate that was too low must not show more than 100 %.
            self.seen.rows_total = Some(total.max(self.seen.rows_done));
        }
    }

    fn chunk(&mut self, rows: u64, took_ms: u64, now: Timestamp) {
        self.seen.wait = None;
        self.seen.moved_at = now;
        self.seen.rows_done += rows;
        self.seen.chunk_rows = Some(rows);
        self.chunks.push_back((now, rows, took_ms));
        while self.chunks.len() > CHUNKS_MAX {
            self.chunks.pop_front();
        }
        self.percentiles();
        self.rate(now);
    }

    fn checked(&mut self, checks: Vec<Check>, now: Timestamp) {
        let good = |c: &&Check| c.verdict <= CheckVerdict::Warn;
        self.seen.moved_at = now;
        let (passed, total) = (checks.iter().filter(good).count(), checks.len());
        self.seen.checks = Some(CheckCount {
            passed: u32::try_from(passed).unwrap_or(u32::MAX),
            total: u32::try_from(total).unwrap_or(u32::MAX),
            at: now,
        });
        for check in checks {
            let found = Finding { check, at: now };
            self.findings.insert(found.check.name.clone(), found);
        }
    }

    /// There is a reason why nothing moves: it counts from its end.
    pub fn excuse(&mut self, now: Timestamp) {
        self.seen.moved_at = now;
    }

    /// For how long this assignment's rows waited for the throttle, in
    /// milliseconds.
    pub fn throttled_ms(&self, now: Timestamp) -> u64 {
        let waits = self.closed_since.map_or(0, |since| now.since(since).ms());
        self.throttled_ms + waits
    }

    /// The newest finding of every check.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.values()
    }

    /// What is known.
    pub fn seen(&self) -> &ShardTelemetry {
        &self.seen
    }

    fn percentiles(&mut self) {
        let mut times: Vec<u64> = self.chunks.iter().map(|(_, _, took)| *took).collect();
        times.sort_unstable();
        let at = |percent: usize| {
            times
                .get(times.len().saturating_sub(1) * percent / 100)
                .copied()
        };
        self.seen.chunk_ms_p50 = at(50);
        self.seen.chunk_ms_p90 = at(90);
    }

    fn rate(&mut self, now: Timestamp) {
        if now.since(self.rated_at) < Period::from_ms(500) {
            return;
        }
        self.rated_at = now;
        let recent = || {
            self.chunks
                .iter()
                .filter(|(at, _, _)| now.since(*at) <= WINDOW)
        };
        let Some((first, _, _)) = recent().next() else {
            return;
        };
        let span_ms = now.since(*first).ms();
        if span_ms < 500 {
            return;
        }
        let rows: u64 = recent().skip(1).map(|(_, rows, _)| rows).sum();
        let rows_per_s = rows * 1_000 / span_ms;
        self.rates.push_back(rows_per_s);
        while self.rates.len() > RATES_MAX {
            self.rates.pop_front();
        }
        self.seen.rate = Some(Rate {
            rows_per_s,
            rows_per_s_low: self.rates.iter().copied().min().unwrap_or(rows_per_s),
            rows_per_s_high: self.rates.iter().copied().max().unwrap_or(rows_per_s),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_one_assignment_is_shown_with_the_next() {
        let mut meter = Meter::default();
        meter.begin(Some(1_000), Timestamp(0));
        for n in 0..20 {
            let (rows, took_ms) = (10, 5);
            meter.note(Tick::Chunk { rows, took_ms }, Timestamp(n * 100));
        }
        assert_eq!(meter.seen().rows_done, 200);
        assert!(meter.seen().rate.is_some());
        meter.note(Tick::Wait(WaitReason::Paused), Timestamp(2_000));
        assert_eq!(meter.seen().rate, None, "it stands still");
        meter.begin(None, Timestamp(3_000));
        assert_eq!(meter.seen().rows_done, 0);
        assert_eq!(meter.seen().rows_total, None);
    }

    #[test]
    fn a_worker_that_starts_again_and_again_does_not_move() {
        let mut meter = Meter::default();
        meter.begin(Some(100), Timestamp(1));
        for round in 2..6 {
            for step in ["connecting", "backfill"] {
                meter.note(Tick::Step(step.into()), Timestamp(round));
            }
            // The shard says again what it said before.
            meter.note(Tick::Rows { done: 40 }, Timestamp(round));
            let (code, attempt) = ("08006".to_owned(), 1);
            let reason = WaitReason::BackOff { code, attempt };
            meter.note(Tick::Wait(reason), Timestamp(round));
        }
        assert_eq!(meter.seen().moved_at, Timestamp(2));
        let (rows, took_ms) = (1, 5);
        meter.note(Tick::Chunk { rows, took_ms }, Timestamp(7));
        assert_eq!(meter.seen().moved_at, Timestamp(7));
        meter.excuse(Timestamp(9));
        assert_eq!(meter.seen().moved_at, Timestamp(9));
    }

    #[test]
    fn the_time_that_rows_wait_for_the_throttle_is_summed_and_no_other() {
        let mut meter = Meter::default();
        meter.begin(Some(1_000), Timestamp(0));
        let throttled = || Tick::Wait(WaitReason::Throttled);
        let chunk = || Tick::Chunk {
            rows: 1,
            took_ms: 1,
        };
        for (tick, at) in [
            (chunk(), 1_000),
            (throttled(), 2_000),
            // Looked at again, still closed.
            (throttled(), 2_250),
            (chunk(), 5_000),
            (Tick::Wait(WaitReason::Paused), 6_000),
            (chunk(), 9_000),
            (throttled(), 10_000),
        ] {
            meter.note(tick, Timestamp(at));
        }
        assert_eq!(meter.throttled_ms(Timestamp(10_500)), 3_500);
        meter.begin(None, Timestamp(11_000));
        assert_eq!(meter.throttled_ms(Timestamp(12_000)), 0);
    }

    #[test]
    fn checks_are_counted_and_the_newest_finding_of_each_is_kept() {
        let mut meter = Meter::default();
        let check = |name: &str, verdict| Check::new(name, verdict, "found", "needed", "remedy");
        let first = vec![
            check("a", CheckVerdict::Pass),
            check("b", CheckVerdict::Warn),
            check("c", CheckVerdict::Fail),
        ];
        meter.note(Tick::Checked(first), Timestamp(1));
        let count = meter.seen().checks.map(|c| (c.passed, c.total));
        assert_eq!(count, Some((2, 3)));
        // Another assignment counts anew and forgets no finding.
        meter.begin(None, Timestamp(2));
        assert_eq!(meter.seen().checks, None);
        let again = vec![check("c", CheckVerdict::Pass)];
        meter.note(Tick::Checked(again), Timestamp(3));
        let found: Vec<_> = meter
            .findings()
            .map(|f| (f.check.name.as_str(), f.check.verdict, f.at.0))
            .collect();
        assert_eq!(
            found,
            [
                ("a", CheckVerdict::Pass, 1),
                ("b", CheckVerdict::Warn, 1),
                ("c", CheckVerdict::Pass, 3),
            ]
        );
    }
}

//! A little trouble, at moments that the seed has chosen: one follower stops
//! replaying for a while, and one shard fails once. Pure: it looks at what
//! any client of the engine sees, and says what should happen.

use super::spec::DemoSpec;
use crate::base::{Period, ShardName, Stop, Timestamp};
use crate::lab::writer::Random;
use crate::rollout::Phase;
use crate::wire::{FleetView, ShardView};

/// Longest that one trouble lasts, whatever comes of it.
const LASTS_MAX: Period = Period::from_ms(40_000);

/// What should happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TroubleAct {
    /// The shard's follower stops replaying.
    StopReplay(ShardName),
    /// It goes on.
    Replay(ShardName),
    /// A batch takes the shard's write lock and keeps it.
    TakeLock(ShardName),
    /// It lets go.
    LetGo(ShardName),
}

/// What came of it, for the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct TroubleSeen {
    /// The shard whose throttle closed by replica lag.
    pub throttled: Option<ShardName>,
    /// Whether it opened again.
    pub throttle_reopened: bool,
    /// The shard that failed.
    pub failed: Option<ShardName>,
    /// Whether it worked again afterwards.
    pub recovered: bool,
}

/// How far one trouble is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Until so many rows are filled.
    Before(u64),
    /// Since then.
    Under(Timestamp),
    /// It has done what it was for, since then.
    Shown(Timestamp),
    /// Over.
    Over,
}

/// Both troubles of one demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    lag: (Option<ShardName>, At),
    lock: (Option<ShardName>, At),
    shown: Period,
    seen: TroubleSeen,
}

impl Trouble {
    /// Chosen by the spec's seed: a follower in the early ring, a shard in
    /// the broad one, each in the first half of its backfill.
    pub fn new(spec: &DemoSpec) -> Self {
        let mut random = Random(spec.seed);
        let mut choose = |ring: &str| {
            let shards = spec.shards_of(ring);
            let percent = 10 + random.below(21).unsigned_abs();
            let place = random.place(shards.len());
            let rows = u64::from(spec.rows) * percent / 100;
            (shards.get(place).cloned(), At::Before(rows))
        };
        Self {
            lag: choose("early"),
            lock: choose("broad"),
            shown: spec.pace.shown,
            seen: TroubleSeen::default(),
        }
    }

    /// What came of it so far.
    pub fn seen(&self) -> &TroubleSeen {
        &self.seen
    }

    /// Looks at the newest view.
    pub fn step(&mut self, view: &FleetView, now: Timestamp) -> Vec<TroubleAct> {
        let find = |name: &Option<ShardName>| {
            let name = name.as_ref()?;
            view.shards.iter().find(|shard| shard.name == *name)
        };
        let mut acts = Vec::new();
        if let Some(shard) = find(&self.lag.0) {
            acts.extend(self.lag(shard, now));
        }
        if let Some(shard) = find(&self.lock.0) {
            acts.extend(self.lock(shard, now));
        }
        acts
    }

    fn lag(&mut self, shard: &ShardView, now: Timestamp) -> Option<TroubleAct> {
        let reasons = &shard.throttled.reasons;
        let closed = reasons.iter().any(|r| r.signal == "replica_lag_ms");
        match self.lag.1 {
            At::Before(rows) if fills(shard) && shard.rows_done >= rows => {
                self.lag.1 = At::Under(now);
                return Some(TroubleAct::StopReplay(shard.name.clone()));
            }
            At::Before(_) => {}
            At::Under(_) if closed => {
                self.seen.throttled = Some(shard.name.clone());
                self.lag.1 = At::Shown(now);
            }
            At::Under(since) if !fills(shard) || now.since(since) > LASTS_MAX => {
                self.lag.1 = At::Over;
                return Some(TroubleAct::Replay(shard.name.clone()));
            }
            At::Under(_) => {}
            At::Shown(since) if now.since(since) >= self.shown => {
                self.lag.1 = At::Over;
                return Some(TroubleAct::Replay(shard.name.clone()));
            }
            At::Shown(_) => {}
            At::Over => self.seen.throttle_reopened |= self.seen.throttled.is_some() && !closed,
        }
        None
    }

    fn lock(&mut self, shard: &ShardView, now: Timestamp) -> Option<TroubleAct> {
        let failed = shard.phase == Phase::Failed;
        match self.lock.1 {
            At::Before(rows) if fills(shard) && shard.rows_done >= rows => {
                self.lock.1 = At::Under(now);
                return Some(TroubleAct::TakeLock(shard.name.clone()));
            }
            At::Before(_) => {}
            At::Under(_) if failed => {
                self.seen.failed = Some(shard.name.clone());
                self.lock.1 = At::Over;
                return Some(TroubleAct::LetGo(shard.name.clone()));
            }
            At::Under(since) if !fills(shard) || now.since(since) > LASTS_MAX => {
                self.lock.1 = At::Over;
                return Some(TroubleAct::LetGo(shard.name.clone()));
            }
            At::Under(_) | At::Shown(_) => {}
            At::Over => self.seen.recovered |= self.seen.failed.is_some() && !failed,
        }
        None
    }
}

/// Whether the backfill is at work there.
fn fills(shard: &ShardView) -> bool {
    shard.stop == Stop::Backfill && shard.phase == Phase::Running
}

//! The fault vocabulary, and the plan that a seed makes of it.

use crate::shard::sim::Dice;

/// Everything that goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// Committed, but the reply is lost.
    ReplyLost,
    /// Broken off before the commit; the engine cannot tell.
    CommitLost,
    /// The client gives up, the server commits later.
    LateCommit,
    /// Transactions of the application hold rows for long.
    LongLocks,
    /// The server dies and comes back.
    ServerCrash,
    /// A replica takes over that lacks the newest commits.
    Failover,
    /// A replica lags behind.
    Lag,
    /// A throttle signal cannot be read.
    SignalUnknown,
    /// Everything takes long.
    Slow,
    /// The server hangs: calls time out, and may still be done later.
    Frozen,
    /// A step is refused until somebody mends the cause.
    BrokenStep,
    /// Somebody restores an old backup.
    Restore,
    /// Somebody disables our trigger.
    TriggerDisabled,
    /// Somebody disables our trigger and enables it again.
    TriggerToggled,
    /// Somebody damages a row.
    Corruption,
    /// The engine dies and starts again.
    EngineCrash,
    /// The engine dies right after one of its effects.
    CrashAtEffect,
    /// A second engine takes over while the first still runs.
    Takeover,
    /// The engine's process stands still, another takes over, and the first
    /// goes on as if nothing had happened.
    EngineFrozen,
    /// The engine's clock jumps.
    ClockJump,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::ReplyLost,
        Self::CommitLost,
        Self::LateCommit,
        Self::LongLocks,
        Self::ServerCrash,
        Self::Failover,
        Self::Lag,
        Self::SignalUnknown,
        Self::Slow,
        Self::Frozen,
        Self::BrokenStep,
        Self::Restore,
        Self::TriggerDisabled,
        Self::TriggerToggled,
        Self::Corruption,
        Self::EngineCrash,
        Self::CrashAtEffect,
        Self::Takeover,
        Self::EngineFrozen,
        Self::ClockJump,
    ];

    /// How often a planned fault of this kind happens in one run, at most;
    /// `None`: it happens to single calls or transactions instead.
    fn times_max(self) -> Option<u64> {
        match self {
            Self::ReplyLost | Self::CommitLost | Self::LateCommit | Self::LongLocks => None,
            Self::Restore => Some(1),
            Self::EngineCrash | Self::CrashAtEffect => Some(4),
            _ => Some(2),
        }
    }
}

/// One planned fault.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    /// 0: not at a time, but in the middle of a row job.
    pub(super) at_ms: u64,
    pub(super) kind: FaultKind,
    pub(super) shard: usize,
    pub(super) lasts_ms: u64,
}

/// Picks kinds (swarm: each seed its own subset) and places them in time.
pub(super) fn plan(
    dice: &mut Dice,
    shards: usize,
    until_ms: u64,
) -> (Vec<FaultKind>, Vec<Planned>) {
    let share = dice.between(0, 60);
    let mut kinds = Vec::new();
    let mut planned = Vec::new();
    for kind in FaultKind::ALL {
        if !dice.chance(share) {
            continue;
        }
        kinds.push(kind);
        let Some(most) = kind.times_max() else {
            continue;
        };
        // Row jobs are short: a fault that is to meet one waits for it.
        let meets_rows = matches!(kind, FaultKind::Takeover | FaultKind::EngineFrozen);
        for _ in 0..dice.between(1, most) {
            planned.push(Planned {
                at_ms: if meets_rows && dice.chance(80) {
                    0
                } else {
                    dice.between(50, until_ms)
                },
                kind,
                shard: dice.place(shards),
                lasts_ms: dice.between(20, 6_000),
            });
        }
    }
    (kinds, planned)
}

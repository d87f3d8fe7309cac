//! Planned faults, when they happen and when they are over.

use super::fault::FaultKind;
use super::world::{AtChunk, Happening, World};

impl World {
    pub(super) fn strike(&mut self, n: usize) {
        let Some(planned) = self.shape.planned.get(n).copied() else {
            return;
        };
        let (kind, shard) = (planned.kind, planned.shard);
        if self.healed {
            return;
        }
        self.note(|| format!("fault {kind:?} on s{shard} for {} ms", planned.lasts_ms));
        let happened = match kind {
            FaultKind::ServerCrash => self.down(shard, planned.lasts_ms),
            FaultKind::Failover => self.fail_over(shard, planned.lasts_ms),
            FaultKind::Restore => {
                self.sites[shard].server.restore_backup();
                self.down(shard, planned.lasts_ms)
            }
            FaultKind::Lag => set(&mut self.sites[shard].lags),
            FaultKind::SignalUnknown => set(&mut self.sites[shard].blind),
            FaultKind::Slow => set(&mut self.sites[shard].slow),
            FaultKind::Frozen => {
                self.sites[shard].frozen_until_ms = self.now_ms + planned.lasts_ms;
                true
            }
            FaultKind::BrokenStep => self.break_step(shard),
            FaultKind::TriggerDisabled => self.sites[shard].server.disable_trigger(),
            FaultKind::TriggerToggled => self.sites[shard].server.disable_trigger(),
            FaultKind::Corruption => {
                let place = self.dice.place(1_000);
                self.sites[shard].server.corrupt(place)
            }
            FaultKind::EngineCrash => {
                let owner = self.journal.owner;
                let lives = self.engines.contains_key(&owner);
                self.crash_engine(owner);
                lives
            }
            FaultKind::CrashAtEffect => {
                let soon = self.dice.between(1, 40);
                self.crash_at_effect = Some(self.effects + soon);
                return;
            }
            FaultKind::Takeover if planned.at_ms == 0 => return self.arm(AtChunk::TakeOver),
            FaultKind::Takeover => return self.take_over_with_another(),
            FaultKind::EngineFrozen if planned.at_ms == 0 => {
                let ms = planned.lasts_ms;
                return self.arm(AtChunk::Freeze { ms });
            }
            FaultKind::EngineFrozen => return self.freeze_engine(planned.lasts_ms),
            FaultKind::ClockJump => self.jump(),
            FaultKind::ReplyLost
            | FaultKind::CommitLost
            | FaultKind::LateCommit
            | FaultKind::LongLocks => return,
        };
        if happened {
            self.fault(kind);
            self.after(planned.lasts_ms, Happening::FaultOver(kind, shard));
        }
    }

    fn arm(&mut self, what: AtChunk) {
        let n = self.chunks + self.dice.between(1, 15);
        self.at_chunk.insert(n, what);
    }

    pub(super) fn fault_over(&mut self, kind: FaultKind, shard: usize) {
        let site = &mut self.sites[shard];
        match kind {
            FaultKind::ServerCrash | FaultKind::Failover | FaultKind::Restore => site.up = true,
            FaultKind::Lag => site.lags = false,
            FaultKind::SignalUnknown => site.blind = false,
            FaultKind::Slow => site.slow = false,
            FaultKind::TriggerToggled => {
                site.server.enable_trigger();
            }
            FaultKind::BrokenStep => site.server.break_step(None),
            _ => {}
        }
    }

    fn down(&mut self, shard: usize, _lasts_ms: u64) -> bool {
        let site = &mut self.sites[shard];
        site.server.crash();
        site.up = false;
        site.boot += 1;
        true
    }

    fn fail_over(&mut self, shard: usize, lasts_ms: u64) -> bool {
        let lost = usize::try_from(self.dice.between(0, 8)).unwrap_or(1);
        self.sites[shard].server.fail_over(lost);
        self.down(shard, lasts_ms)
    }

    fn break_step(&mut self, shard: usize) -> bool {
        let steps = [
            "preflight",
            "column",
            "index",
            "trigger",
            "constraint",
            "publish",
            "retire",
            "drop_old",
            "drop_trigger",
            "drop_column",
            "unpublish",
        ];
        let step = steps[self.dice.place(steps.len())];
        self.sites[shard].server.break_step(Some(step.to_owned()));
        true
    }

    fn jump(&mut self) -> bool {
        let by = i64::try_from(self.dice.between(0, 120_000)).unwrap_or(0) - 60_000;
        let owner = self.journal.owner;
        self.engines.get_mut(&owner).is_some_and(|engine| {
            engine.clock_offset_ms += by;
            true
        })
    }
}

fn set(what: &mut bool) -> bool {
    !std::mem::replace(what, true)
}

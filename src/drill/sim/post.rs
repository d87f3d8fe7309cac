//! Calls on their way to a server and back, and the application's writes.

use super::fault::FaultKind;
use super::oracle;
use super::world::{AtChunk, Fate, Happening, Who, World};
use crate::base::Stop;
use crate::rollout::Job;
use crate::shard::sim::{AppWrite, Form};
use crate::worker::{CallError, ErrorKind, Op, Reply, ShardCall};

/// How long a client waits for a hanging server.
const TIMEOUT_MS: u64 = 2_000;

fn error(kind: ErrorKind, code: &str) -> Reply {
    Reply::Error(CallError {
        kind,
        code: code.into(),
        message: "simulated".into(),
    })
}

impl World {
    pub(super) fn send(&mut self, who: Who, call: ShardCall) {
        let site = &self.sites[who.shard];
        let (now_boot, slow) = (site.boot, site.slow);
        let connection = self.connection(who);
        let boot = connection.map_or(now_boot, |c| *c.get_or_insert(now_boot));
        let mut latency = self.dice.between(1, 6);
        if let Op::Chunk { rows, .. } = &call.op {
            latency += u64::from(*rows) / 2;
        }
        if slow {
            latency *= 40;
        }
        let fate = self.fate(&call.op);
        self.after(
            latency,
            Happening::Execute {
                who,
                call,
                boot,
                fate,
            },
        );
    }

    fn fate(&mut self, op: &Op) -> Fate {
        if self.healed {
            return Fate::Arrives;
        }
        let rows = matches!(op, Op::Chunk { .. } | Op::CloseRange { .. });
        if self.shape.has(FaultKind::ReplyLost) && self.dice.chance(4) {
            Fate::ReplyLost
        } else if self.shape.has(FaultKind::CommitLost) && self.dice.chance(4) {
            Fate::CommitLost
        } else if rows && self.shape.has(FaultKind::LateCommit) && self.dice.chance(6) {
            Fate::Late(self.dice.between(1, 1_500))
        } else {
            Fate::Arrives
        }
    }

    pub(super) fn execute(&mut self, who: Who, call: ShardCall, boot: u32, fate: Fate) {
        let site = &self.sites[who.shard];
        let now_boot = site.boot;
        if !site.up {
            return self.answer(who, error(ErrorKind::Unreachable, "08001"), now_boot);
        }
        if boot != now_boot {
            return self.answer(who, error(ErrorKind::Unknown, "08006"), now_boot);
        }
        if site.frozen_until_ms > self.now_ms {
            let thaws = site.frozen_until_ms - self.now_ms;
            if self.dice.chance(50) {
                self.after(thaws, Happening::Orphan { who, call, boot });
            }
            let reply = error(ErrorKind::Unknown, "sim/timeout");
            let wait = TIMEOUT_MS;
            return self.after(wait, Happening::Answer { who, reply, boot });
        }
        let unknown = error(ErrorKind::Unknown, "08006");
        match fate {
            Fate::Arrives => {
                let reply = self.perform(who, &call);
                self.answer(who, reply, boot);
            }
            Fate::ReplyLost => {
                self.fault(FaultKind::ReplyLost);
                self.perform(who, &call);
                self.answer(who, unknown, boot);
            }
            Fate::CommitLost => {
                self.fault(FaultKind::CommitLost);
                self.note(|| format!("s{} breaks off {:?}", who.shard, call.op));
                self.sites[who.shard].server.break_off(&call);
                self.judge(who.shard);
                self.answer(who, unknown, boot);
            }
            Fate::Late(ms) => {
                self.fault(FaultKind::LateCommit);
                self.after(ms, Happening::Orphan { who, call, boot });
                self.answer(who, unknown, boot);
            }
        }
    }

    /// A statement whose client has given up.
    pub(super) fn orphan(&mut self, who: Who, call: &ShardCall, boot: u32) {
        let site = &self.sites[who.shard];
        if site.up && site.boot == boot {
            self.note(|| format!("s{} orphan", who.shard));
            self.perform(who, call);
        }
    }

    fn answer(&mut self, who: Who, reply: Reply, boot: u32) {
        let latency = self.dice.between(1, 5);
        self.after(latency, Happening::Answer { who, reply, boot });
    }

    pub(super) fn answered(&mut self, who: Who, reply: Reply, boot: u32) {
        let dead = self.sites[who.shard].boot != boot;
        let lost = dead && !matches!(reply, Reply::Error(_));
        let reply = if lost {
            error(ErrorKind::Unknown, "08006")
        } else {
            reply
        };
        self.take_reply(who, reply);
    }

    /// Executes a call and looks at what it did.
    fn perform(&mut self, who: Who, call: &ShardCall) -> Reply {
        let drops = matches!(&call.op, Op::Apply(id) if id == "drop_old");
        let site = &mut self.sites[who.shard];
        let before = site.server.commits();
        let had_old = site.server.image().schema.old_column;
        let deposed = oracle::deposed(site.server.image(), call);
        let proof = if drops && had_old {
            oracle::drop_is_proved(site.server.image())
        } else {
            None
        };
        let reply = site.server.execute(call, self.now_ms);
        let committed = site.server.commits() != before;
        let dropped = had_old && !site.server.image().schema.old_column;
        self.note(|| format!("e{} s{} {:?} -> {reply:?}", who.engine, who.shard, call));
        if committed {
            if let Some((promise, what)) = proof.filter(|_| dropped) {
                self.violated(promise, what);
            }
            if let Some((promise, what)) = deposed {
                self.violated(promise, what);
            }
            self.judge(who.shard);
            self.covered(who);
            self.effects += 1;
            let chunk = matches!(call.op, Op::Chunk { .. });
            if chunk {
                self.chunk_committed();
            }
            if self.crash_at_effect.is_some_and(|n| self.effects >= n) {
                self.crash_at_effect = None;
                self.fault(FaultKind::CrashAtEffect);
                self.crash_engine(who.engine);
            }
        }
        reply
    }

    fn chunk_committed(&mut self) {
        self.chunks += 1;
        match self.at_chunk.remove(&self.chunks) {
            Some(AtChunk::TakeOver) => self.take_over_with_another(),
            Some(AtChunk::Freeze { ms }) => self.freeze_engine(ms),
            None => {}
        }
    }

    /// Every effect has a record that it may happen.
    fn covered(&mut self, who: Who) {
        let job = self
            .engines
            .get(&who.engine)
            .and_then(|engine| engine.jobs.get(&who.shard))
            .filter(|running| running.serial == who.serial)
            .map(|running| running.job);
        let name = self.shape.shards[who.shard].clone();
        let covered = match job {
            Some(Job::Advance(stop)) => self.journal.covers_run(&name, stop),
            Some(Job::Undo(_)) => self.journal.covers_undo(&name),
            // The engine is dead or on to something else; its call still runs.
            Some(Job::CloseShare) | None => true,
        };
        if !covered {
            self.violated("I7", format!("{name}: {job:?} took effect unrecorded"));
        }
    }

    /// A stop is finished: no row may be stale.
    pub(super) fn judge_finished(&mut self, shard: usize, stop: Stop) {
        let server = &self.sites[shard].server;
        let image = server.image();
        let proved = matches!(stop, Stop::Backfill | Stop::Verify);
        let known = !server.has_unseen_loss() && image.dual_write_broken().is_none();
        let stale = oracle::stale_rows(image);
        if proved && known && stale > 0 {
            let name = self.shape.shards[shard].clone();
            self.violated("finish", format!("{name}: {stop} with {stale} stale rows"));
        }
    }

    pub(super) fn app_begin(&mut self, shard: usize) {
        let every = self.shape.writes_every_ms;
        let pause = self.dice.between(every / 2, every * 2);
        self.after(pause, Happening::AppBegin(shard));
        let site = &self.sites[shard];
        if !site.up || site.frozen_until_ms > self.now_ms {
            return;
        }
        let boot = site.boot;
        let views = site.server.views(self.now_ms);
        let client = self.dice.place(views.len());
        let share = views.get(client).copied().unwrap_or(0);
        let form = if self.dice.chance(u64::from(share)) {
            Form::New
        } else {
            Form::Old
        };
        let write = self.pick_write(shard);
        let long = !self.healed && self.shape.has(FaultKind::LongLocks) && self.dice.chance(15);
        let hold = if long {
            self.dice.between(200, 1_200)
        } else {
            self.dice.between(0, 20)
        };
        self.serial += 1;
        let id = self.serial;
        if self.sites[shard].server.app_begin(id, write) {
            if long {
                self.fault(FaultKind::LongLocks);
            }
            self.after(
                hold,
                Happening::AppCommit {
                    shard,
                    id,
                    boot,
                    write,
                    form,
                },
            );
        }
    }

    fn pick_write(&mut self, shard: usize) -> AppWrite {
        let rows = &self.sites[shard].server.image().rows;
        let place = self.dice.place(rows.len());
        let key = rows.keys().nth(place).copied().unwrap_or(1);
        let fresh = i64::try_from(self.dice.between(1, 450)).unwrap_or(1);
        let value = i64::try_from(self.dice.between(0, 1_000)).unwrap_or(0);
        match self.dice.between(0, 99) {
            0..=24 => AppWrite::Insert { key: fresh, value },
            25..=74 => AppWrite::Update { key, value },
            75..=87 => AppWrite::Move {
                from: key,
                to: fresh,
            },
            _ => AppWrite::Delete { key },
        }
    }

    pub(super) fn app_commit(
        &mut self,
        shard: usize,
        id: u64,
        boot: u32,
        write: AppWrite,
        form: Form,
    ) {
        let site = &mut self.sites[shard];
        if site.boot != boot {
            return;
        }
        match site.server.app_commit(id, write, form, self.now_ms) {
            Ok(()) => {
                self.note(|| format!("s{shard} app {form:?} {write:?}"));
                self.judge(shard);
                self.mark(match form {
                    Form::Old => "app writes, old form",
                    Form::New => "app writes, new form",
                });
            }
            Err(_) => self.mark("app writes refused"),
        }
    }
}

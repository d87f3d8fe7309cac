//! The simulated database server: executes calls, each in one transaction.
//!
//! Exact and without chance of its own: when a call runs, whether its reply
//! arrives and what fails is decided by whoever drives it.

use super::image::{Image, Ours};
use super::{acts, rows};
use crate::base::{Stop, code};
use crate::worker::{
    CallError, Check, CheckVerdict, ErrorKind, Op, Probe, Reply, ShardCall, Sighting, Variant,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How a simulated server is set up.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Identity of the database.
    pub pin: String,
    /// The rollout that its registry will name.
    pub rollout: String,
    /// Which executor.
    pub variant: Variant,
    /// Committed states kept for failovers and restores.
    pub history_max: usize,
    /// How long no old-form write may have been seen before retire.
    pub quiet_ms: u64,
    /// When each client of the application sees a new flag share.
    pub client_delays_ms: Vec<u64>,
}

/// The flag of one shard. It lives outside the database.
#[derive(Clone, Debug, Default)]
pub struct Flag {
    /// What was set last.
    pub percent: u8,
    /// When.
    pub set_at_ms: u64,
    /// What each client saw before.
    pub before: Vec<u8>,
}

/// One simulated database server.
#[derive(Clone, Debug)]
pub struct SimServer {
    pub(super) image: Image,
    pub(super) history: VecDeque<Image>,
    pub(super) options: ServerOptions,
    pub(super) flag: Flag,
    /// Rows locked by open transactions of the application, by transaction.
    pub(super) locked: BTreeMap<u64, BTreeSet<i64>>,
    pub(super) old_write_at_ms: Option<u64>,
    /// Step that fails for good until somebody mends the cause.
    pub(super) broken_step: Option<String>,
    /// The newest state was lost, and nobody has looked since.
    pub(super) unseen_loss: bool,
    commits: u64,
}

impl SimServer {
    /// A server with this database.
    pub fn new(image: Image, options: ServerOptions) -> Self {
        let flag = Flag {
            before: vec![0; options.client_delays_ms.len()],
            ..Flag::default()
        };
        Self {
            history: VecDeque::from([image.clone()]),
            image,
            options,
            flag,
            locked: BTreeMap::new(),
            old_write_at_ms: None,
            broken_step: None,
            unseen_loss: false,
            commits: 0,
        }
    }

    /// The committed state.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Transactions committed so far, lost ones too.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Whether a loss has not been looked at yet.
    pub fn has_unseen_loss(&self) -> bool {
        self.unseen_loss
    }

    /// The flag share as it was set last.
    pub fn share(&self) -> u8 {
        self.flag.percent
    }

    /// Executes one call in one transaction, completely.
    pub fn execute(&mut self, call: &ShardCall, now_ms: u64) -> Reply {
        if let Some(refused) = self.fence(call) {
            return refused;
        }
        match &call.op {
            Op::Attach { pin } => self.attach(pin.as_deref()),
            Op::TakeOver { known_epoch } => self.take_over(*known_epoch),
            Op::BeginStop { stop, .. } => self.begin_stop(*stop),
            Op::EndStop(stop) => self.end_stop(*stop),
            Op::EndUndo { remains, .. } => self.record(|ours| {
                ours.ended = *remains;
                ours.began = None;
            }),
            Op::Probe(id) => Reply::Probed(self.probe(id)),
            Op::Apply(id) => self.apply(id),
            Op::Check(id) => Reply::Checked(vec![self.check(id, now_ms)]),
            Op::Split { job, ranges } => rows::split(self, job, *ranges),
            Op::ReadRange { job, range } => rows::read(self, job, *range),
            Op::Chunk {
                job,
                range,
                after,
                rows: most,
            } => rows::chunk(self, call.epoch, job, *range, after.as_ref(), *most),
            Op::CloseRange { job, range } => rows::close(self, call.epoch, job, *range),
            Op::CountRestore { after, rows, .. } => {
                rows::count_restore(&self.image, after.as_ref(), *rows)
            }
            Op::Conclude(job) => rows::conclude(self, job),
            Op::SetShare(percent) => self.set_share(*percent, now_ms),
            Op::ShareSeen(percent) => self.share_seen(*percent, now_ms),
            Op::MendDualWrite => self.mend(),
        }
    }

    /// A call whose transaction breaks off before its commit. Nothing remains
    /// of it, but for what never was transactional.
    pub fn break_off(&mut self, call: &ShardCall) {
        if self.fence(call).is_some() {
            return;
        }
        match &call.op {
            Op::Apply(id) if acts::breaks_off_half(&mut self.image, id) => self.commit(),
            Op::Chunk {
                job,
                range,
                after,
                rows: most,
            } if self.options.variant.splits_checkpoint() => {
                rows::checkpoint_alone(self, call.epoch, job, *range, after.as_ref(), *most);
            }
            _ => {}
        }
    }

    /// Removes our own schema for good.
    pub fn forget(&mut self) {
        self.image.ours = None;
        self.commit();
    }

    fn fence(&self, call: &ShardCall) -> Option<Reply> {
        let reads = matches!(
            call.op,
            Op::Attach { .. }
                | Op::TakeOver { .. }
                | Op::Probe(_)
                | Op::Check(_)
                | Op::ReadRange { .. }
                | Op::CountRestore { .. }
        );
        let skips = self.options.variant.skips_fence() && matches!(call.op, Op::Chunk { .. });
        let epoch = self.image.ours.as_ref().map_or(0, |ours| ours.epoch);
        (!reads && !skips && call.epoch != epoch).then(|| {
            error(
                ErrorKind::Fenced { epoch },
                code::FENCED,
                "another epoch holds the fence",
            )
        })
    }

    pub(super) fn commit(&mut self) {
        self.commits += 1;
        if self.options.history_max == 0 {
            return;
        }
        if self.history.len() > self.options.history_max {
            // The oldest one is the backup: it stays.
            self.history.remove(1);
        }
        self.history.push_back(self.image.clone());
    }

    pub(super) fn done(&mut self) -> Reply {
        self.commit();
        Reply::Done {
            generation: self.image.ours.as_ref().map_or(0, |o| o.generation),
        }
    }

    fn attach(&mut self, pin: Option<&str>) -> Reply {
        match pin {
            Some(pin) if pin != self.options.pin => error(
                ErrorKind::Refused,
                code::NOT_OURS,
                &format!("this is another database: {}", self.options.pin),
            ),
            _ => Reply::Attached(self.sighting()),
        }
    }

    fn sighting(&mut self) -> Sighting {
        self.unseen_loss = false;
        let ours = self.image.ours.clone();
        let installed = ours.is_some();
        let ours = ours.unwrap_or_default();
        Sighting {
            pin: self.options.pin.clone(),
            installed,
            epoch: ours.epoch,
            generation: ours.generation,
            rollout: ours.rollout,
            ended: ours.ended,
            dual_write_broken: self.image.dual_write_broken(),
        }
    }

    fn take_over(&mut self, known_epoch: u64) -> Reply {
        let rollout = self.options.rollout.clone();
        let ours = self.image.ours.get_or_insert_with(|| Ours {
            // 0 means "never heard of one" to the journal.
            generation: 1,
            ..Ours::default()
        });
        if let Some(other) = ours.rollout.as_ref().filter(|there| **there != rollout) {
            let message = format!("the shard's registry belongs to rollout {other}");
            return error(ErrorKind::Refused, code::NOT_OURS, &message);
        }
        ours.epoch = ours.epoch.max(known_epoch) + 1;
        ours.rollout = Some(rollout);
        let epoch = ours.epoch;
        self.commit();
        Reply::TakenOver { epoch }
    }

    fn record(&mut self, change: impl FnOnce(&mut Ours)) -> Reply {
        match self.image.ours.as_mut() {
            Some(ours) => change(ours),
            None => return lost_sight(),
        }
        self.done()
    }

    /// A fresh beginning voids what an earlier pass through the same stop
    /// left behind.
    fn begin_stop(&mut self, stop: Stop) -> Reply {
        self.record(|ours| {
            if ours.began.replace(stop) != Some(stop) {
                acts::jobs_of(stop).iter().for_each(|job| {
                    ours.jobs.remove(*job);
                });
            }
        })
    }

    fn end_stop(&mut self, stop: Stop) -> Reply {
        let broken_now = self.image.dual_write_broken();
        match broken_now.filter(|_| stop > Stop::DualWrite) {
            Some(why) => broken(&why),
            None => self.record(|ours| ours.ended = Some(stop)),
        }
    }

    fn probe(&self, id: &str) -> Probe {
        acts::probe(&self.image, id)
    }

    fn apply(&mut self, id: &str) -> Reply {
        if self.broken_step.as_deref() == Some(id) {
            return error(ErrorKind::Refused, "42501", "permission denied (simulated)");
        }
        if acts::locks_table(id) && !self.locked.is_empty() {
            return error(ErrorKind::Yielded, "55P03", "lock not available");
        }
        match acts::apply(&mut self.image, id) {
            Ok(()) => self.done(),
            Err(refusal) => refusal,
        }
    }

    fn check(&self, id: &str, now_ms: u64) -> Check {
        let quiet = self
            .old_write_at_ms
            .is_none_or(|at| now_ms >= at + self.options.quiet_ms);
        let (verdict, value) = match id {
            _ if self.broken_step.as_deref() == Some(id) => {
                (CheckVerdict::Fail, "not given (simulated)".to_owned())
            }
            "old_quiet" if !quiet => (CheckVerdict::Wait, "old clients still write".to_owned()),
            _ => (CheckVerdict::Pass, "good".to_owned()),
        };
        Check {
            name: id.to_owned(),
            verdict,
            value,
            limit: "good".into(),
            remedy: "mend it".into(),
        }
    }

    fn set_share(&mut self, percent: u8, now_ms: u64) -> Reply {
        if self.flag.percent != percent {
            self.flag.before = self.views(now_ms);
            self.flag.percent = percent;
            self.flag.set_at_ms = now_ms;
        }
        self.done()
    }

    /// What every client of the application believes the share to be.
    pub fn views(&self, now_ms: u64) -> Vec<u8> {
        let delays = &self.options.client_delays_ms;
        delays
            .iter()
            .zip(&self.flag.before)
            .map(|(delay, before)| {
                if now_ms >= self.flag.set_at_ms + delay {
                    self.flag.percent
                } else {
                    *before
                }
            })
            .collect()
    }

    fn share_seen(&self, percent: u8, now_ms: u64) -> Reply {
        let views = self.views(now_ms);
        let behind = views.iter().enumerate().filter(|(_, v)| **v != percent);
        Reply::Seen {
            clients: u64::try_from(views.len()).unwrap_or(0),
            behind: behind.map(|(n, _)| format!("client-{n}")).collect(),
        }
    }

    fn mend(&mut self) -> Reply {
        match acts::mend(&mut self.image) {
            Ok(()) => self.done(),
            Err(refusal) => refusal,
        }
    }
}

pub(super) fn error(kind: ErrorKind, code: &str, message: &str) -> Reply {
    Reply::Error(CallError {
        kind,
        code: code.into(),
        message: message.into(),
    })
}

/// Nothing is finished and nothing is proved while dual write is not intact.
/// Looks like a lost connection to the worker: it will attach and find out.
pub(super) fn broken(why: &str) -> Reply {
    error(ErrorKind::Unknown, code::DUAL_WRITE_BROKEN, why)
}

/// The range is not there, or void: it has to be cut again.
pub(super) fn range_gone(range: u32) -> Reply {
    let message = format!("range {range} is void; it has to be cut again");
    error(ErrorKind::Fenced { epoch: 0 }, code::RANGE_GONE, &message)
}

/// What the worker builds on is not there any more: it must look again.
pub(super) fn lost_sight() -> Reply {
    error(
        ErrorKind::Fenced { epoch: 0 },
        "42P01",
        "our tables are not there any more",
    )
}

//! What the lead worker makes of answers.

use super::{At, Broken, Do, LOOK_AGAIN, LeadWorker, RangeOutcome};
use crate::base::{Fault, Stage, Stop, code};
use crate::rollout::{Evidence, Job, Report};
use crate::worker::call::{
    CallError, Check, CheckVerdict, ErrorKind, Probe, RangeAt, Reply, Sighting,
};
use crate::worker::range::back_off;
use crate::worker::signal::WaitReason;

impl LeadWorker {
    /// Takes an answer in. `Some` is what to do instead of going on.
    pub(super) fn learn(&mut self, reply: Reply) -> Option<Do> {
        match (self.at, reply) {
            (_, Reply::Error(error)) => self.failed(error),
            (At::Attach, Reply::Attached(seen)) => self.attached(&seen),
            (At::Mend, Reply::Done { generation }) => {
                if let Some(broken) = self.broken.as_mut() {
                    broken.mended_in = Some(generation);
                }
                Some(self.tell_mended())
            }
            (At::TakeOver, Reply::TakenOver { epoch }) => Some(self.taken_over(epoch)),
            (At::Begin, Reply::Done { .. }) => {
                self.set_step(0);
                None
            }
            (At::Probe(i) | At::Confirm(i), Reply::Probed(Probe::Already)) => self.step_done(i),
            (At::Probe(i), Reply::Probed(_)) => {
                self.at = At::Apply(i);
                None
            }
            (At::Confirm(i), Reply::Probed(found)) => self.failed(CallError {
                kind: ErrorKind::Yielded,
                code: "worker/not_in_place".into(),
                message: format!(
                    "{} was applied but the probe finds it {found:?}",
                    self.act_id(i)
                ),
            }),
            (At::Apply(i), Reply::Done { .. }) => {
                self.at = At::Confirm(i);
                None
            }
            (At::Check(i), Reply::Checked(checks)) => self.checked(i, checks),
            (At::Split(i), Reply::Ranges(ranges)) => self.cut(i, &ranges),
            (At::Conclude(i), Reply::Concluded(evidence)) => self.concluded(i, evidence),
            (At::SetShare(i), Reply::Done { .. }) => {
                self.at = At::AwaitShare(i);
                None
            }
            (At::AwaitShare(i), Reply::Seen { clients, behind }) => {
                if !behind.is_empty() {
                    return Some(Do::Wait(LOOK_AGAIN, WaitReason::Clients { behind }));
                }
                self.at = At::TellShare(i, clients);
                None
            }
            (At::Finish, Reply::Done { generation }) => Some(Do::End(self.finished(generation))),
            (at, other) => self.failed(CallError {
                kind: ErrorKind::Refused,
                code: "worker/protocol".into(),
                message: format!("{other:?} does not answer {at:?}"),
            }),
        }
    }

    fn taken_over(&mut self, epoch: u64) -> Do {
        self.task.epoch = Some(epoch);
        self.task.known_epoch = epoch;
        self.at = self.after_take_over();
        let pin = self.task.pin.clone().unwrap_or_default();
        Do::Report(Report::Attached { pin, epoch })
    }

    fn cut(&mut self, i: usize, ranges: &[RangeAt]) -> Option<Do> {
        // Whatever interrupted the ranges: as long as the shard itself shows
        // more rows done, this is not an attempt in vain.
        let rows = ranges.iter().map(|r| r.rows).sum();
        if rows > self.rows_seen {
            self.attempts = 0;
        }
        self.rows_seen = rows;
        let open = ranges.iter().filter(|r| !r.closed);
        self.ranges = open.map(|r| r.range).collect();
        self.at = if self.ranges.is_empty() {
            At::Conclude(i)
        } else {
            At::Fan(i)
        };
        None
    }

    pub(super) fn reported(&mut self) -> Option<Do> {
        match self.at {
            At::TellShare(i, _) => self.step_done(i),
            // The heart has closed the stage; what comes next is its decision.
            // A report before that (the take-over) must not be taken for it.
            At::Mended => Some(self.after_mend()),
            _ => None,
        }
    }

    fn after_take_over(&self) -> At {
        match &self.broken {
            Some(broken) if broken.mended_in.is_some() => At::TellMended,
            Some(_) => At::Mend,
            None => At::Begin,
        }
    }

    /// Tells the heart in which generation dual write was mended, and why.
    pub(super) fn tell_mended(&mut self) -> Do {
        self.at = At::Mended;
        let broken = self.broken.as_ref();
        let generation = broken.and_then(|b| b.mended_in).unwrap_or(0);
        let why = broken.map(|b| b.why.clone()).unwrap_or_default();
        // Known from now on: the heart takes it before anything else.
        self.task.known_generation = generation;
        Do::Report(Report::GenerationBumped { generation, why })
    }

    pub(super) fn after_mend(&self) -> Do {
        let why = self
            .broken
            .as_ref()
            .map(|broken| broken.why.clone())
            .unwrap_or_default();
        if self.stands_in().stage() < Stage::Shift {
            // The old form was the truth all the time: fill and prove again.
            let epoch = self.task.epoch.unwrap_or(0);
            return Do::End(Some(Report::Regressed {
                found: Stop::DualWrite,
                epoch,
                why,
            }));
        }
        Do::End(Some(Report::Failed {
            fault: Fault {
                code: code::DUAL_WRITE_WAS_OFF.into(),
                what: format!("dual write was off while both forms were written ({why})"),
                place: format!("shard {}", self.task.shard),
                why: None,
                did: "the trigger is back, the generation is bumped, all proof is void".into(),
                can: "roll the ring back to dual_write: the old form wins, and rows that only the new form knew are counted first".into(),
            },
        }))
    }

    /// The stop that the shard is in while this assignment runs.
    pub(super) fn stands_in(&self) -> Stop {
        match self.task.job {
            Job::Advance(stop) | Job::Undo(stop) => stop,
            Job::CloseShare => self.task.ended.unwrap_or(Stop::Preflight),
        }
    }

    pub(super) fn attached(&mut self, seen: &Sighting) -> Option<Do> {
        if let Some(other) = seen.rollout.as_ref().filter(|id| **id != self.task.rollout) {
            return self.failed(CallError {
                kind: ErrorKind::Refused,
                code: code::NOT_OURS.into(),
                message: format!("the shard's registry belongs to rollout {other}"),
            });
        }
        self.task.pin = Some(seen.pin.clone());
        if let Some(mine) = self.task.epoch
            && seen.epoch > mine
        {
            return Some(Do::End(Some(Report::Fenced { epoch: seen.epoch })));
        }
        self.broken = self.find_broken(seen);
        let mended = self.broken.as_ref().and_then(|b| b.mended_in).is_some();
        // What a mend takes back is no loss: it is told as what it is.
        if !mended && let Some(regressed) = self.find_regress(seen) {
            return Some(Do::End(Some(regressed)));
        }
        // A flag that must be closed may have outlived everything we had
        // installed (a restored backup): it is closed under the fence too.
        let needs_fence = self.stands_in() > Stop::Preflight || self.task.job == Job::CloseShare;
        let owns = self.task.epoch == Some(seen.epoch);
        self.at = match (needs_fence, owns) {
            (true, false) => At::TakeOver,
            (true, true) => self.after_take_over(),
            (false, _) => {
                self.set_step(0);
                self.at
            }
        };
        None
    }

    /// Whether dual write was off: it is now, or the shard was mended in a
    /// generation that the journal has never heard of, because the engine that
    /// mended it ended before it could tell.
    fn find_broken(&self, seen: &Sighting) -> Option<Broken> {
        // Undo takes the trigger away anyway.
        if !matches!(self.task.job, Job::Advance(_)) || self.stands_in() <= Stop::DualWrite {
            return None;
        }
        if let Some(why) = seen.dual_write_broken.clone() {
            return Some(Broken {
                why,
                mended_in: None,
            });
        }
        let known = self.task.known_generation;
        (known > 0 && seen.generation > known).then(|| Broken {
            why: format!(
                "the shard was mended in generation {}, the journal knows {known}: an engine ended before it could tell",
                seen.generation
            ),
            mended_in: Some(seen.generation),
        })
    }

    /// What the shard has lost since the journal last heard of it, if anything.
    fn find_regress(&self, seen: &Sighting) -> Option<Report> {
        let expected = self.task.ended.filter(|stop| *stop > Stop::Preflight);
        // While a stop is undone, "the one before it" is as far as the shard
        // may have come.
        let least = match self.task.job {
            Job::Undo(_) => self.task.before.filter(|stop| *stop > Stop::Preflight),
            Job::Advance(_) | Job::CloseShare => expected,
        };
        if seen.ended < least {
            let found = seen.ended.unwrap_or(Stop::Preflight);
            return Some(Report::Regressed {
                found,
                epoch: seen.epoch,
                why: format!(
                    "the shard shows {} as its newest finished stop, the journal {}",
                    seen.ended.map_or("none".into(), |s| s.to_string()),
                    least.map_or("none".into(), |s| s.to_string()),
                ),
            });
        }
        if let Job::Undo(stop) = self.task.job
            && seen.ended > Some(stop)
        {
            // A failover brought back what had been undone already.
            let found = seen.ended.unwrap_or(stop);
            return Some(Report::Regressed {
                found,
                epoch: seen.epoch,
                why: format!("the shard shows {found} again, which had been undone"),
            });
        }
        None
    }

    pub(super) fn checked(&mut self, i: usize, checks: Vec<Check>) -> Option<Do> {
        let bad = |verdict| checks.iter().find(|c| c.verdict == verdict);
        if let Some(check) = bad(CheckVerdict::Fail) {
            let failed = || checks.iter().filter(|c| c.verdict == CheckVerdict::Fail);
            let all: Vec<String> = failed()
                .map(|c| format!("{} (needs {})", c.value, c.limit))
                .collect();
            let mut remedies: Vec<&str> = failed().map(|c| c.remedy.as_str()).collect();
            remedies.dedup();
            return Some(Do::End(Some(Report::Failed {
                fault: Fault {
                    code: check.name.clone(),
                    what: all.join("; "),
                    place: format!("shard {}", self.task.shard),
                    why: None,
                    did: "nothing further was touched".into(),
                    can: format!("{}; then retry", remedies.join("; ")),
                },
            })));
        }
        if let Some(check) = bad(CheckVerdict::Wait) {
            let value = format!("{} (needs {})", check.value, check.limit);
            return Some(Do::Wait(LOOK_AGAIN, WaitReason::Check { value }));
        }
        let warned = checks.iter().filter(|c| c.verdict == CheckVerdict::Warn);
        self.evidence
            .notes
            .extend(warned.map(|c| format!("{}: {} ({})", c.name, c.value, c.remedy)));
        self.step_done(i)
    }

    pub(super) fn ranges_ended(&mut self, outcomes: &[RangeOutcome]) -> Option<Do> {
        let At::Fan(i) = self.at else {
            return None;
        };
        for outcome in outcomes {
            if let RangeOutcome::Failed(error) = outcome {
                return self.failed(error.clone());
            }
        }
        let progress = outcomes
            .iter()
            .any(|o| matches!(o, RangeOutcome::Done { chunks, .. } if *chunks > 0));
        if progress {
            self.attempts = 0;
        }
        for outcome in outcomes {
            match outcome {
                RangeOutcome::Restart(error) => return self.failed(error.clone()),
                RangeOutcome::Left => return Some(Do::End(None)),
                RangeOutcome::Done { .. } | RangeOutcome::Failed(_) => {}
            }
        }
        self.at = At::Conclude(i);
        None
    }

    pub(super) fn concluded(&mut self, i: usize, evidence: Evidence) -> Option<Do> {
        let job = self.row_job(i);
        if evidence.stale > 0 {
            return Some(Do::End(Some(Report::Failed {
                fault: Fault {
                    code: code::ROWS_WRONG.into(),
                    what: format!("{} rows of {} are wrong", evidence.stale, evidence.rows),
                    place: format!("shard {}, {}", self.task.shard, job.title),
                    why: evidence.notes.first().cloned(),
                    did: "promotion stays closed; nothing was changed".into(),
                    can: "look at the rows named here, mend what wrote them, roll back to dual_write and fill again".into(),
                },
            })));
        }
        self.evidence.rows += evidence.rows;
        self.evidence.chunks += evidence.chunks;
        self.evidence.digest = evidence.digest.or(self.evidence.digest);
        self.evidence.notes.extend(evidence.notes);
        // Several tables: both counts over all of them.
        self.evidence.restored = match (self.evidence.restored, evidence.restored) {
            (Some(before), Some(now)) => Some(before.plus(now)),
            (before, now) => before.or(now),
        };
        self.step_done(i)
    }

    pub(super) fn failed(&mut self, error: CallError) -> Option<Do> {
        match error.kind {
            ErrorKind::Fenced { epoch } if Some(epoch) > self.task.epoch => {
                return Some(Do::End(Some(Report::Fenced { epoch })));
            }
            ErrorKind::Refused => return Some(self.give_up(&error)),
            // A lower epoch on the shard means that a failover lost our own
            // take-over: look again, as after a lost connection.
            ErrorKind::Fenced { .. } | ErrorKind::Unknown | ErrorKind::Unreachable => {
                self.at = At::Attach;
                self.evidence = Evidence::default();
            }
            ErrorKind::Yielded => self.back_to_probe(),
        }
        self.attempts += 1;
        // An abort never gives up on an unreachable shard, and a rollback or a
        // closing flag has nowhere better to go. A shard that nobody can reach
        // is shown as unreachable and waits: nothing was done there, and to
        // call it failed would pause every other shard.
        let patient =
            !matches!(self.task.job, Job::Advance(_)) || error.kind == ErrorKind::Unreachable;
        if self.attempts > self.task.attempts_max && !patient {
            return Some(self.give_up(&error));
        }
        let reason = WaitReason::BackOff {
            code: error.code,
            attempt: self.attempts,
        };
        Some(Do::Wait(back_off(self.attempts, 0), reason))
    }

    pub(super) fn back_to_probe(&mut self) {
        self.at = match self.at {
            At::Apply(i) | At::Confirm(i) => At::Probe(i),
            At::Fan(i) => At::Split(i),
            other => other,
        };
    }

    pub(super) fn give_up(&self, error: &CallError) -> Do {
        let tried = if error.kind == ErrorKind::Refused {
            "it was not tried again, because trying again cannot help".to_owned()
        } else {
            format!("tried {} times", self.attempts)
        };
        Do::End(Some(Report::Failed {
            fault: Fault {
                code: error.code.clone(),
                what: error.message.clone(),
                place: format!("shard {}, {}", self.task.shard, self.step_title()),
                why: None,
                did: format!("{tried}; what was committed stays, nothing half-done remains"),
                can: "mend the cause, then retry; or roll back".into(),
            },
        }))
    }
}

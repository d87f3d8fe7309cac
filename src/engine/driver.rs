//! Drives the pure workers of one shard: executes their calls, waits when
//! they want to wait, and never decides anything.

use super::clock;
use super::failpoint;
use super::meter::Tick;
use crate::base::ShardName;
use crate::rollout::{Report, Restored};
use crate::shard::{Session, SessionRole, Shard};
use crate::worker::{
    Assignment, CallError, Do, Input, LeadWorker, Op, RangeDo, RangeInput, RangeOutcome, RangeTask,
    RangeWorker, Reply, Run, ShardCall, Signal,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// What a driver tells the supervisor.
pub enum Told {
    /// A finding; answered when it is durable.
    Report(ShardName, Report, oneshot::Sender<()>),
    /// The assignment is over.
    Ended {
        /// The shard.
        shard: ShardName,
        /// Its last finding.
        report: Option<Report>,
        /// Our epoch there.
        epoch: Option<u64>,
    },
    /// Something to show.
    Tick(ShardName, Tick),
    /// What a merge restore would give.
    RestoreCounted(ShardName, Result<Restored, CallError>),
}

/// Extra time that a chunk in flight gets when work is to stop.
const GRACE: Duration = Duration::from_millis(250);

/// One driver.
pub struct Driver {
    shard: Arc<dyn Shard>,
    signal: watch::Receiver<Signal>,
    told: mpsc::Sender<Told>,
}

impl Driver {
    /// Ready to run one assignment.
    pub fn new(
        shard: Arc<dyn Shard>,
        signal: watch::Receiver<Signal>,
        told: mpsc::Sender<Told>,
    ) -> Self {
        Self {
            shard,
            signal,
            told,
        }
    }

    fn name(&self) -> ShardName {
        self.shard.name().clone()
    }

    /// Runs the assignment to its end.
    pub async fn run(mut self, task: Assignment) {
        let mut lead = LeadWorker::new(task);
        let mut session = self.shard.session(SessionRole::Lead);
        let mut input = Input::Start;
        let mut title = String::new();
        let report = loop {
            let signal = now(&self.signal);
            let wanted = lead.step(input, &signal);
            if lead.step_title() != title {
                title = lead.step_title();
                self.tick(Tick::Step(title.clone())).await;
            }
            input = match wanted {
                Do::Call(call) => {
                    let reply = self.call(session.as_mut(), call).await;
                    if let Some(tick) = shown(&reply) {
                        self.tick(tick).await;
                    }
                    Input::Reply(reply)
                }
                Do::Wait(period, reason) => {
                    self.tick(Tick::Wait(reason)).await;
                    wait(&mut self.signal, period.duration()).await;
                    Input::Woke
                }
                Do::Fan(tasks) => Input::Ranges(self.fan(tasks).await),
                Do::Report(report) => {
                    if !self.report(report).await {
                        // Nothing is built on what is not recorded.
                        return;
                    }
                    Input::Reported
                }
                Do::End(report) => break report,
            };
        };
        let ended = Told::Ended {
            shard: self.name(),
            report,
            epoch: lead.epoch(),
        };
        // The supervisor is gone only when the process is ending.
        let _ = self.told.send(ended).await;
    }

    async fn tick(&self, tick: Tick) {
        let _ = self.told.send(Told::Tick(self.name(), tick)).await;
    }

    /// Whether the finding is durable; if not, the engine is leaving.
    async fn report(&self, report: Report) -> bool {
        let (durable, answered) = oneshot::channel();
        let told = Told::Report(self.name(), report, durable);
        self.told.send(told).await.is_ok() && answered.await.is_ok()
    }

    async fn fan(&self, tasks: Vec<RangeTask>) -> Vec<RangeOutcome> {
        let ranges = tasks.into_iter().map(|task| {
            let mut one = Self::new(
                Arc::clone(&self.shard),
                self.signal.clone(),
                self.told.clone(),
            );
            async move { one.range(task).await }
        });
        futures_util::future::join_all(ranges).await
    }

    async fn range(&mut self, task: RangeTask) -> RangeOutcome {
        let mut worker = RangeWorker::new(task);
        let mut session = self.shard.session(SessionRole::Range);
        let mut input = RangeInput::Start;
        loop {
            let signal = now(&self.signal);
            input = match worker.step(input, &signal) {
                RangeDo::Call(call) => {
                    let reply = self.call(session.as_mut(), call).await;
                    if let Reply::Chunk(done) = &reply
                        && done.rows > 0
                    {
                        self.tick(Tick::Chunk {
                            rows: done.rows,
                            took_ms: done.took_ms,
                        })
                        .await;
                    }
                    RangeInput::Reply(reply)
                }
                RangeDo::Wait(period, reason) => {
                    self.tick(Tick::Wait(reason)).await;
                    wait(&mut self.signal, period.duration()).await;
                    RangeInput::Woke
                }
                RangeDo::End(outcome) => return outcome,
            };
        }
    }

    /// Executes a call. When work is to stop meanwhile, a chunk gets its
    /// target time and a grace, then it is cancelled; other calls end by
    /// their own timeouts.
    async fn call(&mut self, session: &mut dyn Session, call: ShardCall) -> Reply {
        let name = point(&call.op);
        failpoint::pass(&format!("before {name}"));
        let is_chunk = matches!(call.op, Op::Chunk { .. });
        let target = now(&self.signal).target.duration();
        let mut signal = self.signal.clone();
        let mut work = session.call(call);
        let stopped = async {
            if !is_chunk {
                return std::future::pending().await;
            }
            while signal.borrow().run == Run::Go {
                if signal.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
            tokio::time::sleep(target + GRACE).await;
        };
        let reply = tokio::select! {
            reply = &mut work => reply,
            () = stopped => {
                self.shard.cancel().await;
                work.await
            }
        };
        failpoint::pass(&format!("after {name}"));
        reply
    }
}

/// What of a reply is for the screens.
fn shown(reply: &Reply) -> Option<Tick> {
    match reply {
        Reply::Ranges(ranges) => Some(Tick::Rows {
            done: ranges.iter().map(|r| r.rows).sum(),
        }),
        Reply::Checked(checks) => Some(Tick::Checked(checks.clone())),
        Reply::Seen { clients, behind } => Some(Tick::Seen {
            clients: *clients,
            behind: behind.clone(),
        }),
        _ => None,
    }
}

fn now(signal: &watch::Receiver<Signal>) -> Signal {
    Signal {
        now: clock::now(),
        ..signal.borrow().clone()
    }
}

/// Waits, or until the signal changes.
async fn wait(signal: &mut watch::Receiver<Signal>, period: Duration) {
    tokio::select! {
        () = tokio::time::sleep(period) => {}
        changed = signal.changed() => {
            if changed.is_err() {
                tokio::time::sleep(period).await;
            }
        }
    }
}

/// Name of a call for drills.
fn point(op: &Op) -> &'static str {
    match op {
        Op::Attach { .. } => "attach",
        Op::TakeOver { .. } => "take_over",
        Op::BeginStop { .. } => "begin_stop",
        Op::EndStop(_) => "end_stop",
        Op::EndUndo { .. } => "end_undo",
        Op::Probe(_) => "probe",
        Op::Apply(_) => "apply",
        Op::Check(_) => "check",
        Op::Split { .. } => "split",
        Op::ReadRange { .. } => "read_range",
        Op::Chunk { .. } => "chunk",
        Op::CloseRange { .. } => "close_range",
        Op::Conclude(_) => "conclude",
        Op::CountRestore { .. } => "count_restore",
        Op::SetShare(_) => "set_share",
        Op::ShareSeen(_) => "share_seen",
        Op::MendDualWrite => "mend_dual_write",
    }
}

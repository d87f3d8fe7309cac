//! Workers under way: what they ask, wait for, fan out and report.

use super::engine::{Lane, Running};
use super::world::{Happening, Who, World};
use crate::base::Period;
use crate::rollout::{Command, Report};
use crate::worker::{
    Do, ErrorKind, Input, RangeDo, RangeInput, RangeOutcome, RangeWorker, Reply, Run, Signal,
};

impl World {
    fn running(&mut self, who: Who) -> Option<&mut Running> {
        self.engines
            .get_mut(&who.engine)?
            .jobs
            .get_mut(&who.shard)
            .filter(|running| running.serial == who.serial)
    }

    fn run_of(&self, id: u32, shard: usize) -> Run {
        let Some(engine) = self.engines.get(&id) else {
            return Run::Leave;
        };
        let leaves = engine.jobs.get(&shard).is_some_and(|r| r.leaves);
        let Some(rollout) = engine.state.open().filter(|_| !leaves) else {
            return Run::Leave;
        };
        let state = rollout.shards.get(&self.shape.shards[shard]);
        match state.and_then(|state| rollout.pause_over(state)) {
            Some(_) => Run::Pause,
            None => Run::Go,
        }
    }

    fn signal(&self, who: Who) -> Signal {
        let name = &self.shape.shards[who.shard];
        let engine = self.engines.get(&who.engine);
        let throttle = engine
            .and_then(|e| e.seen.shard(name))
            .map_or_else(Vec::new, |seen| seen.throttle.clone());
        let rows_per_s_max = engine
            .and_then(|e| e.state.open())
            .and_then(|r| r.rows_per_s_max(r.shards.get(name)?));
        Signal {
            run: self.run_of(who.engine, who.shard),
            throttle,
            target: Period::from_ms(20),
            rows_per_s_max,
            now: self.moment(who.engine),
        }
    }

    /// A waiting worker looks up when its signal changes.
    pub(super) fn refresh_signals(&mut self, id: u32) {
        for shard in 0..self.shape.shards.len() {
            let run = self.run_of(id, shard);
            let Some(running) = self
                .engines
                .get_mut(&id)
                .and_then(|e| e.jobs.get_mut(&shard))
                .filter(|running| running.run != run)
            else {
                continue;
            };
            running.run = run;
            let serial = running.serial;
            let mut due: Vec<(Option<usize>, u64)> =
                running.waits.map(|t| (None, t)).into_iter().collect();
            let lanes = running.lanes.iter().enumerate();
            due.extend(lanes.filter_map(|(n, lane)| Some((Some(n), lane.waits?))));
            for (lane, token) in due {
                let who = Who {
                    engine: id,
                    shard,
                    serial,
                    lane,
                };
                self.after(0, Happening::Woke { who, token });
            }
        }
    }

    /// Each worker has a connection of its own. One that died with its server
    /// fails the next call; only then is a new one opened.
    pub(super) fn connection(&mut self, who: Who) -> Option<&mut Option<u32>> {
        let running = self.running(who)?;
        match who.lane {
            None => Some(&mut running.connection),
            Some(n) => running.lanes.get_mut(n).map(|lane| &mut lane.connection),
        }
    }

    pub(super) fn take_reply(&mut self, who: Who, reply: Reply) {
        let broken = matches!(
            &reply,
            Reply::Error(error) if matches!(error.kind, ErrorKind::Unknown | ErrorKind::Unreachable)
        );
        if broken && let Some(connection) = self.connection(who) {
            *connection = None;
        }
        match who.lane {
            None => self.drive(who, Input::Reply(reply)),
            Some(n) => self.drive_lane(who, n, RangeInput::Reply(reply)),
        }
    }

    pub(super) fn woke(&mut self, who: Who, token: u64) {
        let Some(running) = self.running(who) else {
            return;
        };
        match who.lane {
            None if running.waits == Some(token) => self.drive(who, Input::Woke),
            Some(n) if running.lanes.get(n).is_some_and(|l| l.waits == Some(token)) => {
                self.drive_lane(who, n, RangeInput::Woke);
            }
            _ => {}
        }
    }

    pub(super) fn drive(&mut self, who: Who, mut input: Input) {
        loop {
            let signal = self.signal(who);
            let Some(running) = self.running(who) else {
                return;
            };
            running.waits = None;
            match running.lead.step(input, &signal) {
                Do::Call(call) => return self.send(who, call),
                Do::Wait(period, _) => {
                    self.serial += 1;
                    let token = self.serial;
                    if let Some(running) = self.running(who) {
                        running.waits = Some(token);
                    }
                    return self.after(period.ms(), Happening::Woke { who, token });
                }
                Do::Fan(tasks) => {
                    let lane = |task| Lane {
                        worker: RangeWorker::new(task),
                        waits: None,
                        connection: None,
                        outcome: None,
                    };
                    running.lanes = tasks.into_iter().map(lane).collect();
                    for n in 0..running.lanes.len() {
                        let who = Who {
                            lane: Some(n),
                            ..who
                        };
                        self.drive_lane(who, n, RangeInput::Start);
                    }
                    return;
                }
                Do::Report(report) => {
                    if !self.report(who, report) {
                        return;
                    }
                    input = Input::Reported;
                }
                Do::End(report) => return self.end_job(who, report),
            }
        }
    }

    fn end_job(&mut self, who: Who, report: Option<Report>) {
        self.note(|| format!("e{} s{} ends: {report:?}", who.engine, who.shard));
        if let Some(report) = report
            && !self.report(who, report)
        {
            return;
        }
        if let Some(engine) = self.engines.get_mut(&who.engine) {
            engine.jobs.remove(&who.shard);
            self.after(0, Happening::Reconcile(who.engine));
        }
    }

    fn drive_lane(&mut self, who: Who, n: usize, input: RangeInput) {
        let signal = self.signal(who);
        let proved = matches!(
            &input,
            RangeInput::Reply(Reply::Closed { empty: true } | Reply::Range(_))
        );
        let Some(lane) = self.running(who).and_then(|r| r.lanes.get_mut(n)) else {
            return;
        };
        lane.waits = None;
        match lane.worker.step(input, &signal) {
            RangeDo::Call(call) => self.send(who, call),
            RangeDo::Wait(period, _) => {
                self.serial += 1;
                let token = self.serial;
                if let Some(lane) = self.running(who).and_then(|r| r.lanes.get_mut(n)) {
                    lane.waits = Some(token);
                }
                self.after(period.ms(), Happening::Woke { who, token });
            }
            RangeDo::End(outcome) => {
                lane.outcome = Some(outcome.clone());
                if matches!(outcome, RangeOutcome::Done { .. }) && !proved {
                    let what = format!("range {n} counts as done without the shard's word");
                    self.violated("I23", what);
                }
                let Some(running) = self.running(who) else {
                    return;
                };
                let outcomes: Option<Vec<_>> =
                    running.lanes.iter().map(|l| l.outcome.clone()).collect();
                if let Some(outcomes) = outcomes {
                    running.lanes.clear();
                    let who = Who { lane: None, ..who };
                    self.drive(who, Input::Ranges(outcomes));
                }
            }
        }
    }

    /// Tells the heart. False: the engine is gone.
    fn report(&mut self, who: Who, report: Report) -> bool {
        if let Some(engine) = self.engines.get_mut(&who.engine) {
            match &report {
                Report::Attached { epoch, .. } => {
                    engine.epochs.insert(who.shard, *epoch);
                }
                Report::Fenced { .. } => {
                    engine.epochs.remove(&who.shard);
                }
                _ => {}
            }
        }
        let name = self.shape.shards[who.shard].clone();
        self.command(who.engine, &Command::Report(name, report))
            .is_some()
    }
}

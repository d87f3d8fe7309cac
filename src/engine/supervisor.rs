//! The reconcile loop.

use super::book::{Book, Taken};
use super::clock;
use super::driver::{Driver, Told};
use super::meter::Meter;
use super::observe::Observer;
use super::poller::{Polled, poll};
use super::throttle::Throttle;
use crate::api::embedded::{Asked, Orders, Publisher};
use crate::base::{Period, ShardName, Stop, Timestamp};
use crate::fleet::ThrottleLimits;
use crate::migration::Chunks;
use crate::rollout::{
    Command, Fact, Gate, Job, Observations, Order, Phase, Refusal, Report, Rollout, next, ready,
    watch_guards,
};
use crate::shard::Shard;
use crate::store::Inbox;
use crate::wire::{Answer, CommandEnvelope, FleetView, Identity, Source, Telemetry, project};
use crate::worker::{Assignment, ChunkLimits, Run, Signal, Step, StopPlan, Variant};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// What an engine is made of.
pub struct Setup {
    /// The journal and its fold.
    pub book: Book,
    /// Orders from other processes, if there is an inbox.
    pub inbox: Option<Inbox>,
    /// What the screens call this fleet.
    pub identity: Identity,
    /// Every shard, opened.
    pub shards: BTreeMap<ShardName, Arc<dyn Shard>>,
    /// Shards that did not answer; they join when they do.
    pub missing: Vec<ShardName>,
    /// Opens shards that were missing.
    pub opener: Option<Arc<dyn Opener>>,
    /// Throttle limits.
    pub throttle: ThrottleLimits,
    /// Chunk settings.
    pub chunks: Chunks,
    /// Publishes views to clients.
    pub publisher: Publisher,
    /// Orders of clients.
    pub orders: Orders,
    /// Which engine.
    pub variant: Variant,
}

/// Gets every new fact with its number in the journal.
pub type Print = Box<dyn FnMut(u64, &Fact) + Send>;

/// Opens a shard by name.
pub trait Opener: Send + Sync {
    /// One try.
    fn open<'a>(&'a self, name: &'a ShardName) -> BoxFuture<'a, Option<Arc<dyn Shard>>>;
}

/// When the engine stops by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// When it is told to.
    Told,
    /// When every ring has finished this stop, the rollout has ended, or
    /// nothing goes on without a person.
    Reached(Stop),
    /// When nothing is being rolled back any more.
    RolledBack,
}

/// Why it stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It was told to.
    Told,
    /// The goal is reached or the rollout has ended.
    Reached,
    /// Nothing goes on without a person; why.
    NeedsHuman(String),
    /// Another engine owns a shard.
    Fenced(ShardName),
}

struct Running {
    job: Job,
    signal: watch::Sender<Signal>,
}

/// The engine.
pub struct Engine {
    setup: Setup,
    goal: Goal,
    observations: Observations,
    meters: BTreeMap<ShardName, Meter>,
    observer: Observer,
    /// Our fence epochs, kept for the life of this engine.
    epochs: BTreeMap<ShardName, u64>,
    running: BTreeMap<ShardName, Running>,
    tasks: JoinSet<()>,
    told: mpsc::Sender<Told>,
    inbox_after: i64,
    published_at: Timestamp,
    posted_at: Timestamp,
    printed: u64,
    print: Print,
    stopped: Option<Stopped>,
    wake_at: Option<Timestamp>,
}

/// How often the engine looks around when nothing happens.
const TICK: Duration = Duration::from_millis(200);
/// How long between tries to open a shard that does not answer.
const RETRY_OPEN: Duration = Duration::from_secs(2);
/// Views are published at most this often.
const PUBLISH: Period = Period::from_ms(100);
/// Views are posted for other processes at most this often.
const POST: Period = Period::from_ms(500);
/// Reconcile rounds in one go; more means that two rules fight each other.
const ROUNDS_MAX: usize = 200;

impl Engine {
    /// An engine that has not started yet. `print` gets every new fact.
    pub fn new(setup: Setup, goal: Goal, print: Print) -> Self {
        let (told, _) = mpsc::channel(1);
        let printed = setup.book.head().seq;
        let observer = Observer::new(setup.throttle.clone());
        Self {
            setup,
            goal,
            observations: Observations::default(),
            meters: BTreeMap::new(),
            observer,
            epochs: BTreeMap::new(),
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
            told,
            inbox_after: 0,
            published_at: Timestamp::default(),
            posted_at: Timestamp::default(),
            printed,
            print,
            stopped: None,
            wake_at: None,
        }
    }

    /// Runs until the goal is reached or `stop` fires; gives the book back.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) -> (Stopped, Book, Observations) {
        let (told, mut tellings) = mpsc::channel(1_024);
        self.told = told;
        let (polled, mut polls) = mpsc::channel(256);
        let mut pollers = JoinSet::new();
        for shard in self.setup.shards.values() {
            pollers.spawn(poll(
                Arc::clone(shard),
                self.setup.throttle.poll,
                polled.clone(),
            ));
        }
        let mut late = self.await_missing();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut stop_open = true;
        while self.stopped.is_none() {
            self.reconcile().await;
            self.print_new();
            self.publish(Timestamp::default());
            if self.stopped.is_some() {
                break;
            }
            tokio::select! {
                biased;
                stopped = &mut stop, if stop_open => {
                    stop_open = false;
                    if stopped.is_ok() {
                        self.stopped = Some(Stopped::Told);
                    }
                }
                Some(asked) = self.setup.orders.recv() => self.asked(asked).await,
                Some(told) = tellings.recv() => {
                    self.hear(told).await;
                    while let Ok(told) = tellings.try_recv() {
                        self.hear(told).await;
                    }
                }
                Some(polled) = polls.recv() => self.polled(polled),
                Some(shard) = late.recv() => {
                    let every = self.setup.throttle.poll;
                    pollers.spawn(poll(Arc::clone(&shard), every, polled.clone()));
                    self.setup.shards.insert(shard.name().clone(), shard);
                }
                _ = ticks.tick() => self.tick().await,
            }
        }
        pollers.abort_all();
        self.leave(&mut tellings).await;
        self.print_new();
        self.publish_now();
        self.leave_inbox().await;
        let stopped = self.stopped.unwrap_or(Stopped::Told);
        (stopped, self.setup.book, self.observations)
    }

    /// Tries shards that did not answer again until they do.
    fn await_missing(&mut self) -> mpsc::Receiver<Arc<dyn Shard>> {
        let (found, late) = mpsc::channel(16);
        let now = clock::now();
        for name in self.setup.missing.clone() {
            self.observations.shard_mut(&name).unreachable_since = Some(now);
            let Some(opener) = self.setup.opener.clone() else {
                continue;
            };
            let found = found.clone();
            self.tasks.spawn(async move {
                loop {
                    if let Some(shard) = opener.open(&name).await {
                        // Nobody listens only when the engine has stopped.
                        let _ = found.send(shard).await;
                        return;
                    }
                    tokio::time::sleep(RETRY_OPEN).await;
                }
            });
        }
        late
    }

    /// Lets every driver leave in order; what is reported still counts.
    async fn leave(&mut self, tellings: &mut mpsc::Receiver<Told>) {
        for running in self.running.values() {
            running.signal.send_modify(|signal| signal.run = Run::Leave);
        }
        let limit = tokio::time::Instant::now() + Duration::from_secs(5);
        while !self.running.is_empty() {
            match tokio::time::timeout_at(limit, tellings.recv()).await {
                Ok(Some(told)) => self.hear(told).await,
                Ok(None) | Err(_) => break,
            }
        }
        self.tasks.abort_all();
    }

    async fn tick(&mut self) {
        self.setup.book.settle().await;
        self.stale_throttles();
        self.read_inbox().await;
        self.post_view().await;
    }

    /// Leaves the view where `status` in another process finds it.
    async fn post_view(&mut self) {
        if self.setup.inbox.is_none() {
            return;
        }
        let now = clock::now();
        if now.since(self.posted_at) < POST {
            return;
        }
        self.posted_at = now;
        let json = serde_json::to_string(&self.view()).unwrap_or_default();
        if let Some(inbox) = &self.setup.inbox {
            // `status` reads the journal when there is no fresh view.
            let _ = inbox.post_view(&json, now).await;
        }
    }

    /// An engine that has stopped shows nothing any more: `status` is to read
    /// the journal.
    async fn leave_inbox(&mut self) {
        if let Some(inbox) = self.setup.inbox.take() {
            // A view that stays is too old within seconds.
            let _ = inbox.withdraw_view().await;
            let _ = inbox.close().await;
        }
    }

    async fn read_inbox(&mut self) {
        let Some(inbox) = &self.setup.inbox else {
            return;
        };
        let Ok(orders) = inbox.take_new(self.inbox_after).await else {
            return;
        };
        for order in orders {
            self.inbox_after = order.id;
            let answer = match serde_json::from_str::<CommandEnvelope>(&order.order_json) {
                Ok(envelope) => self.order(envelope.into_order()).await,
                Err(error) => Answer::Refused {
                    code: "unreadable".into(),
                    text: format!("the order cannot be read: {error}"),
                },
            };
            let json = serde_json::to_string(&answer).unwrap_or_default();
            if let Some(inbox) = &self.setup.inbox {
                // Whoever waits asks again with the same key.
                let _ = inbox.answer(order.id, &json).await;
            }
        }
    }

    async fn asked(&mut self, asked: Asked) {
        let answer = self.order(asked.envelope().clone().into_order()).await;
        asked.answer(answer);
    }

    async fn order(&mut self, order: Order) -> Answer {
        match self
            .setup
            .book
            .take(&self.observations, &Command::Order(order))
            .await
        {
            Taken::Recorded(seq, _) => Answer::Accepted { seq },
            Taken::Repeated => Answer::Repeated,
            Taken::Refused(refusal) => Answer::refused(&refusal),
            Taken::Unrecorded => Answer::NotRecorded,
            Taken::NotTaken(why) => Answer::Refused {
                code: "journal".into(),
                text: why,
            },
        }
    }

    fn polled(&mut self, polled: Polled) {
        let now = clock::now();
        self.observer
            .note(&mut self.observations, &polled.shard, &polled.measured, now);
        if let Some(rollout) = self.setup.book.state().open() {
            let guards = rollout.opening.guards.clone();
            watch_guards(&guards, &mut self.observations, &polled.shard, now);
        }
        self.signal(&polled.shard);
    }

    fn stale_throttles(&mut self) {
        let now = clock::now();
        let names: Vec<ShardName> = self.running.keys().cloned().collect();
        for name in names {
            let seen = self.observations.shard_mut(&name);
            let read = seen.throttle_read_at.unwrap_or_default();
            if now.since(read) > self.setup.throttle.stale_after && seen.throttle.is_empty() {
                seen.throttle = vec![Throttle::stale(&self.setup.throttle, now)];
                self.signal(&name);
            }
        }
    }

    async fn hear(&mut self, told: Told) {
        match told {
            Told::Tick(shard, tick) => {
                self.meters
                    .entry(shard)
                    .or_default()
                    .note(tick, clock::now());
            }
            Told::Report(shard, report, durable) => {
                self.report(&shard, report).await;
                // The worker waits for this before it goes on.
                let _ = durable.send(());
            }
            Told::Ended {
                shard,
                report,
                epoch,
            } => {
                if let Some(epoch) = epoch {
                    self.epochs.insert(shard.clone(), epoch);
                }
                if let Some(report) = report {
                    self.report(&shard, report).await;
                }
                self.running.remove(&shard);
            }
        }
    }

    /// Records a report, as often as it takes: what a shard has done must not
    /// be lost because the journal's disk is full for a minute.
    async fn report(&mut self, shard: &ShardName, report: Report) {
        if let Report::Fenced { .. } = report {
            self.stopped = Some(Stopped::Fenced(shard.clone()));
        }
        if let Report::Regressed { .. } = report {
            // The fence may have gone back with the data: take it again.
            self.epochs.remove(shard);
        }
        let command = Command::Report(shard.clone(), report);
        loop {
            match self.setup.book.take(&self.observations, &command).await {
                Taken::NotTaken(_) => tokio::time::sleep(TICK).await,
                // A report that came too late says nothing that counts.
                _ => return,
            }
        }
    }

    /// Brings what runs to what should run.
    async fn reconcile(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let now = clock::now();
            let wanted = next(self.setup.book.state(), &self.observations, now);
            self.wake_at = wanted.wake_at;
            let mut moved = false;
            for command in &wanted.commands {
                let taken = self.setup.book.take(&self.observations, command).await;
                moved |= matches!(taken, Taken::Recorded(_, facts) if !facts.is_empty());
            }
            if !moved {
                self.align(&wanted.jobs);
                self.goal_reached(wanted.jobs.is_empty());
                return;
            }
        }
        tracing::error!("the rules of this rollout do not come to rest");
    }

    fn align(&mut self, wanted: &BTreeMap<ShardName, Job>) {
        let names: Vec<ShardName> = self.running.keys().cloned().collect();
        for name in &names {
            self.signal(name);
            let keeps = self.running.get(name).map(|r| r.job) == wanted.get(name).copied();
            if !keeps && let Some(running) = self.running.get(name) {
                running.signal.send_if_modified(|signal| {
                    let moved = signal.run != Run::Leave;
                    signal.run = Run::Leave;
                    moved
                });
            }
        }
        for (name, job) in wanted {
            if !self.running.contains_key(name) {
                self.start(name, *job);
            }
        }
    }

    fn start(&mut self, name: &ShardName, job: Job) {
        let Some(shard) = self.setup.shards.get(name).map(Arc::clone) else {
            return;
        };
        let Some(rollout) = self.setup.book.state().open() else {
            return;
        };
        let Some(task) = self.assignment(rollout, name, job, shard.as_ref()) else {
            return;
        };
        let (signal, watched) = watch::channel(self.signal_of(rollout, name));
        let meter = self.meters.entry(name.clone()).or_default();
        meter.expect(shard.plan().rows_estimate);
        let driver = Driver::new(shard, watched, self.told.clone());
        self.tasks.spawn(driver.run(task));
        self.running.insert(name.clone(), Running { job, signal });
    }

    fn assignment(
        &self,
        rollout: &Rollout,
        name: &ShardName,
        job: Job,
        shard: &dyn Shard,
    ) -> Option<Assignment> {
        let state = rollout.shards.get(name)?;
        let plan = match job {
            Job::Advance(stop) | Job::Undo(stop) => shard
                .plan()
                .plan
                .stops
                .get(&stop)
                .cloned()
                .unwrap_or_default(),
            Job::CloseShare => StopPlan {
                run: Vec::new(),
                undo: vec![Step::Share { percent: 0 }],
            },
        };
        let ended = match state.phase {
            Phase::Done => Some(state.at),
            _ => rollout.stop_before(state.at),
        };
        Some(Assignment {
            shard: name.clone(),
            rollout: rollout.opening.id.clone(),
            job,
            plan,
            ended,
            before: rollout.stop_before(state.at),
            pin: state.pin.clone(),
            known_epoch: state.epoch,
            epoch: self.epochs.get(name).copied(),
            ranges: self.setup.chunks.ranges,
            limits: ChunkLimits::from(&self.setup.chunks),
            attempts_max: rollout.opening.policy.attempts_max,
            variant: self.setup.variant,
        })
    }

    fn signal_of(&self, rollout: &Rollout, name: &ShardName) -> Signal {
        let shard = rollout.shards.get(name);
        let paused = shard.is_some_and(|s| rollout.pause_over(s).is_some());
        let seen = self.observations.shard(name);
        let throttle = match seen {
            Some(seen) if seen.throttle_read_at.is_some() => seen.throttle.clone(),
            // Never read: closed.
            _ => vec![Throttle::stale(&self.setup.throttle, clock::now())],
        };
        let caps = [
            shard.and_then(|s| rollout.rows_per_s_max(s)),
            self.setup.chunks.rows_per_s_max,
        ];
        Signal {
            run: if paused { Run::Pause } else { Run::Go },
            throttle,
            target: self.setup.chunks.target,
            rows_per_s_max: caps.into_iter().flatten().min(),
            now: clock::now(),
        }
    }

    /// Tells a running driver what has changed, and only then.
    fn signal(&self, name: &ShardName) {
        let Some(running) = self.running.get(name) else {
            return;
        };
        let Some(rollout) = self.setup.book.state().open() else {
            return;
        };
        let fresh = self.signal_of(rollout, name);
        running.signal.send_if_modified(|signal| {
            let leaving = signal.run == Run::Leave;
            let same = signal.run == fresh.run
                && signal.throttle == fresh.throttle
                && signal.rows_per_s_max == fresh.rows_per_s_max;
            if leaving || same {
                return false;
            }
            *signal = fresh;
            true
        });
    }

    fn goal_reached(&mut self, idle: bool) {
        if self.stopped.is_some() || self.goal == Goal::Told {
            return;
        }
        let Some(rollout) = self.setup.book.state().open() else {
            self.stopped = Some(Stopped::Reached);
            return;
        };
        if !idle || !self.running.is_empty() || self.setup.book.owes() {
            return;
        }
        self.stopped = match self.goal {
            Goal::Told => None,
            // A shard whose undo failed is not rolled back.
            Goal::RolledBack if rollout.failed_now().is_empty() => Some(Stopped::Reached),
            Goal::RolledBack => needs_human(rollout, &self.observations),
            Goal::Reached(stop) => {
                let nobody = rollout
                    .rings
                    .values()
                    .all(|r| rollout.ring_stop(r).is_none());
                let mut rings = rollout.rings.values();
                let there = rings.all(|ring| {
                    rollout.ring_stop(ring).is_none() || ring.finished.contains_key(&stop)
                });
                if nobody {
                    Some(Stopped::NeedsHuman(
                        "every shard is rolled back; retry shards to let them join again, or abort to end the rollout".into(),
                    ))
                } else if there {
                    Some(Stopped::Reached)
                } else {
                    needs_human(rollout, &self.observations)
                }
            }
        };
    }

    fn print_new(&mut self) {
        let printed = self.printed;
        let fresh: Vec<(u64, Fact)> = self
            .setup
            .book
            .recent()
            .iter()
            .filter(|(seq, _)| *seq > printed)
            .cloned()
            .collect();
        for (seq, fact) in fresh {
            (self.print)(seq, &fact);
            self.printed = seq;
        }
    }

    /// The present view.
    pub fn view(&mut self) -> FleetView {
        let telemetry = Telemetry {
            shards: self
                .meters
                .iter()
                .map(|(n, m)| (n.clone(), m.seen().clone()))
                .collect(),
        };
        let head = self.setup.book.head();
        let head = crate::wire::Head {
            seq: head.seq,
            hash: head.hash.short(),
        };
        let recent = self.setup.book.recent().to_vec();
        let source = Source {
            identity: &self.setup.identity,
            state: self.setup.book.state(),
            observations: &self.observations,
            telemetry: &telemetry,
            recent: &recent,
            head: Some(&head),
        };
        project(&source, clock::now())
    }

    fn publish(&mut self, not_before: Timestamp) {
        let now = clock::now();
        if now.since(self.published_at) < PUBLISH || now < not_before {
            return;
        }
        self.publish_now();
    }

    fn publish_now(&mut self) {
        let now = clock::now();
        self.published_at = now;
        let view = self.view();
        self.setup.publisher.publish(view, now);
    }
}

/// Why nothing goes on by itself; `None` if time alone may change that.
fn needs_human(rollout: &Rollout, observations: &Observations) -> Option<Stopped> {
    let failed = rollout.failed_now();
    if let Some(name) = failed.first() {
        let fault = rollout.shards.get(*name).and_then(|s| s.failure.as_ref());
        let what = fault.map_or_else(|| "failed".to_owned(), ToString::to_string);
        return Some(Stopped::NeedsHuman(format!(
            "{} shards have failed; {what}",
            failed.len()
        )));
    }
    if let Some(mark) = &rollout.paused {
        return Some(Stopped::NeedsHuman(format!(
            "paused by {}: {}",
            mark.by, mark.reason
        )));
    }
    if let Some(mark) = &rollout.hold {
        return Some(Stopped::NeedsHuman(format!(
            "held by {}: {}",
            mark.by, mark.reason
        )));
    }
    for (name, ring) in &rollout.rings {
        if let Some(mark) = ring.hold.as_ref().or(ring.paused.as_ref()) {
            return Some(Stopped::NeedsHuman(format!(
                "ring {name}: {} by {}: {}",
                mark.cause, mark.by, mark.reason
            )));
        }
    }
    stuck(rollout, observations)
}

/// Why automatic promotion moves no ring any more: each one is as far as it
/// goes, or follows a ring that is. Other gates may open by themselves.
fn stuck(rollout: &Rollout, observations: &Observations) -> Option<Stopped> {
    let auto = rollout.auto.as_ref().map(|auto| auto.to);
    let mut first = None;
    for name in rollout.ring_order() {
        let Some(ring) = rollout.rings.get(name) else {
            continue;
        };
        let next = rollout
            .ring_stop(ring)
            .and_then(|at| rollout.stop_after(at));
        let Some(stop) = next else { continue };
        let why = if auto < Some(stop) {
            format!("ring {name}: {stop} waits for promote")
        } else {
            let follows = match ready(rollout, observations, name, clock::now()) {
                Err(Refusal::Gates(readings)) => readings
                    .into_iter()
                    .find(|r| r.gate == Gate::RingOrder && r.clears_at.is_none()),
                _ => None,
            };
            format!("ring {name}: {stop} waits, {}", follows?.value)
        };
        first = first.or(Some(why));
    }
    first.map(Stopped::NeedsHuman)
}

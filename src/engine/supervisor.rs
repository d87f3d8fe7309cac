//! The reconcile loop.

use super::backlog::Backlog;
use super::book::Book;
use super::clock;
use super::driver::Told;
use super::mailbox::Mailbox;
use super::meter::Meter;
use super::observe::Observer;
use super::poller::{Polled, poll};
use super::port::{Asked, Request};
use super::setup::{Goal, Print, Setup, Stopped};
use super::throttle::Throttle;
use crate::base::{ShardName, Timestamp};
use crate::rollout::{Blocker, Job, Observations, Verb, watch_guards};
use crate::shard::{Measurement, Shard};
use crate::wire::{RestoreCount, is_explained};
use crate::worker::Signal;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

pub(super) struct Running {
    pub(super) job: Job,
    pub(super) signal: watch::Sender<Signal>,
    pub(super) task: tokio::task::Id,
}

/// The engine.
pub struct Engine {
    pub(super) setup: Setup,
    pub(super) goal: Goal,
    pub(super) observations: Observations,
    pub(super) meters: BTreeMap<ShardName, Meter>,
    /// The newest poll of every shard.
    pub(super) polled: BTreeMap<ShardName, (Timestamp, Vec<Measurement>)>,
    /// What merge restores would give, where somebody asked.
    pub(super) restore: BTreeMap<ShardName, RestoreCount>,
    /// Sessions of others that are being ended.
    pub(super) ending: BTreeMap<ShardName, Blocker>,
    pub(super) observer: Observer,
    /// Our fence epochs, kept for the life of this engine.
    pub(super) epochs: BTreeMap<ShardName, u64>,
    pub(super) running: BTreeMap<ShardName, Running>,
    /// What drivers found and the journal does not hold yet.
    pub(super) backlog: Backlog,
    pub(super) tasks: JoinSet<()>,
    pub(super) told: mpsc::Sender<Told>,
    /// When a view was published last, and with which entry as the newest.
    pub(super) published_at: Timestamp,
    pub(super) published: u64,
    pub(super) printed: u64,
    pub(super) print: Print,
    pub(super) stopped: Option<Stopped>,
    pub(super) wake_at: Option<Timestamp>,
}

/// How often the engine looks around when nothing happens.
pub(super) const TICK: Duration = Duration::from_millis(200);
/// What drivers tell is heard in batches of this many at most.
const HEAR_MAX: usize = 32;
/// How long between tries to open a shard that does not answer.
const RETRY_OPEN: Duration = Duration::from_secs(2);

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
            polled: BTreeMap::new(),
            restore: BTreeMap::new(),
            ending: BTreeMap::new(),
            observer,
            epochs: BTreeMap::new(),
            running: BTreeMap::new(),
            backlog: Backlog::default(),
            tasks: JoinSet::new(),
            told,
            published_at: Timestamp::default(),
            published: printed,
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
        let inbox = self.setup.inbox.take();
        let mailbox = inbox.map(|inbox| Mailbox::open(inbox, self.setup.publisher.line()));
        let mut late = self.await_missing();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut stop_open = true;
        while self.stopped.is_none() {
            self.reconcile().await;
            self.setup.book.seal_in_time().await;
            self.print_new();
            self.publish();
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
                Some(wanted) = self.setup.orders.recv() => match wanted {
                    Request::Act(asked) => self.asked(asked).await,
                    Request::Look(looked) => self.looked(looked),
                },
                Some(told) = tellings.recv() => {
                    self.hear(told).await;
                    // In one go, but not for so long that a pause waits.
                    for _ in 0..HEAR_MAX {
                        let Ok(told) = tellings.try_recv() else { break };
                        self.hear(told).await;
                    }
                }
                Some(polled) = polls.recv() => self.polled(polled),
                Some(shard) = late.recv() => {
                    let every = self.setup.throttle.poll;
                    pollers.spawn(poll(Arc::clone(&shard), every, polled.clone()));
                    self.setup.shards.insert(shard.name().clone(), shard);
                }
                Some(joined) = self.tasks.join_next() => self.joined(joined).await,
                _ = ticks.tick() => self.tick().await,
            }
        }
        pollers.abort_all();
        self.leave(&mut tellings).await;
        self.setup.book.seal().await;
        self.print_new();
        self.publish_now();
        self.refuse_rest();
        if let Some(mailbox) = mailbox {
            mailbox.close().await;
        }
        let untold = self.setup.notifier.close(clock::now()).await;
        self.setup.book.leave_untold(untold);
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

    async fn tick(&mut self) {
        self.settle().await;
        self.stale_throttles();
        self.excuse();
    }

    /// Shards that have a reason to stand still are not stalled, and have not
    /// stalled when the reason goes.
    fn excuse(&mut self) {
        let now = clock::now();
        let Some(rollout) = self.setup.book.state().open() else {
            return;
        };
        for name in self.running.keys() {
            let (Some(shard), Some(meter)) = (
                rollout.shards.get_key_value(name),
                self.meters.get_mut(name),
            ) else {
                continue;
            };
            let wait = meter.seen().wait.as_ref();
            if is_explained(rollout, &self.observations, shard, wait) {
                meter.excuse(now);
            }
        }
    }

    /// Acts that came too late are answered, not left for the next engine.
    fn refuse_rest(&mut self) {
        self.setup.orders.close();
        while let Ok(late) = self.setup.orders.try_recv() {
            drop(late);
        }
    }

    async fn asked(&mut self, asked: Asked) {
        let order = asked.envelope().clone().into_order();
        let about_people = matches!(order.verb, Verb::People(_));
        let answer = self.order(order).await;
        // Whoever is told that somebody was revoked must be right.
        if about_people {
            self.publish_now();
        }
        asked.answer(answer);
    }

    fn polled(&mut self, polled: Polled) {
        let now = clock::now();
        self.observer
            .note(&mut self.observations, &polled.shard, &polled.measured, now);
        if let Some(shard) = self.setup.shards.get(&polled.shard) {
            self.observations.shard_mut(&polled.shard).server = shard.server();
        }
        if let Some(rollout) = self.setup.book.state().open() {
            let guards = rollout.opening.guards.clone();
            watch_guards(&guards, &mut self.observations, &polled.shard, now);
        }
        if let Some(meter) = self.meters.get_mut(&polled.shard) {
            meter.progress(polled.progress, now);
        }
        self.signal(&polled.shard);
        self.polled.insert(polled.shard, (now, polled.measured));
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
}

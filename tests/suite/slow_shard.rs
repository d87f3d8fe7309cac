//! SQLite shards whose chunks wait for a permit, under a real engine.

use crate::contract_cases::route;
use crate::desk::policy;
use crate::sqlite_fixture::{Flags, ITEMS, identity, labels, open, run};
use futures_util::future::BoxFuture;
use pilothouse::api::client::Client;
use pilothouse::api::embedded::{EmbeddedClient, attach};
use pilothouse::base::{Actor, MigrationName, Period, RingName, ShardName, Stop};
use pilothouse::engine::{Book, Engine, Goal, Setup, Stopped, port};
use pilothouse::fleet::ThrottleLimits;
use pilothouse::migration::Chunks;
use pilothouse::rollout::{Blocker, BlockerEnd};
use pilothouse::rollout::{Command, Member, Observations, Opening, Order, Scope, Verb};
use pilothouse::shard::{CompiledPlan, Measurement, Session, SessionRole, Shard};
use pilothouse::store::Store;
use pilothouse::wire::{Answer, CommandEnvelope, FleetView, Identity, ServerMessage, Stream, fold};
use pilothouse::worker::{Op, Reply, ShardCall, Variant};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;

/// Whatever is awaited has happened by then.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("never came: {what}"))
}

/// A shard whose chunks are let through one by one.
pub struct SlowShard {
    inner: Arc<dyn Shard>,
    permits: Arc<Semaphore>,
    /// Chunks asked for, and assignments that have ended.
    chunks: watch::Sender<usize>,
    left: watch::Sender<usize>,
}

impl SlowShard {
    fn over(path: &Path, name: &str) -> Arc<Self> {
        let shard = open(name, path, &labels(), &Arc::<Flags>::default());
        Arc::new(Self {
            inner: Arc::new(shard),
            permits: Arc::new(Semaphore::new(0)),
            chunks: watch::Sender::new(0),
            left: watch::Sender::new(0),
        })
    }

    pub fn let_through(&self) {
        self.permits.add_permits(1_000);
    }

    pub fn chunks(&self) -> usize {
        *self.chunks.borrow()
    }

    /// Waits until a chunk is asked for.
    pub async fn at_chunk(&self) {
        let mut chunks = self.chunks.subscribe();
        let waits = chunks.wait_for(|n| *n > 0);
        soon("a chunk", waits).await.unwrap();
    }

    /// Lets every chunk through and waits until the assignment has ended and
    /// that was told.
    pub async fn finish(&self) {
        let mut left = self.left.subscribe();
        let before = *left.borrow();
        self.let_through();
        let waits = left.wait_for(|n| *n > before);
        soon("the end of an assignment", waits).await.unwrap();
    }
}

impl Shard for SlowShard {
    fn name(&self) -> &ShardName {
        self.inner.name()
    }
    fn pin(&self) -> Option<String> {
        self.inner.pin()
    }
    fn server(&self) -> Option<String> {
        self.inner.server()
    }
    fn plan(&self) -> &CompiledPlan {
        self.inner.plan()
    }
    fn session(&self, role: SessionRole) -> Box<dyn Session> {
        Box::new(SlowSession {
            inner: self.inner.session(role),
            permits: Arc::clone(&self.permits),
            chunks: self.chunks.clone(),
            left: (role == SessionRole::Lead).then(|| self.left.clone()),
        })
    }
    fn cancel(&self) -> BoxFuture<'_, ()> {
        self.inner.cancel()
    }
    fn measure(&self) -> BoxFuture<'_, Vec<Measurement>> {
        self.inner.measure()
    }
    fn locks(&self) -> BoxFuture<'_, pilothouse::wire::Locks> {
        self.inner.locks()
    }

    fn end_blocker(&self, blocker: Blocker) -> BoxFuture<'_, BlockerEnd> {
        self.inner.end_blocker(blocker)
    }

    fn forget(&self) -> BoxFuture<'_, Result<pilothouse::shard::Remains, pilothouse::base::Fault>> {
        self.inner.forget()
    }
}

struct SlowSession {
    inner: Box<dyn Session>,
    permits: Arc<Semaphore>,
    chunks: watch::Sender<usize>,
    left: Option<watch::Sender<usize>>,
}

impl Session for SlowSession {
    fn call(&mut self, call: ShardCall) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            if matches!(call.op, Op::Chunk { .. }) {
                self.chunks.send_modify(|n| *n += 1);
                self.permits.acquire().await.unwrap().forget();
            }
            self.inner.call(call).await
        })
    }
}

impl Drop for SlowSession {
    fn drop(&mut self) {
        // A driver lets its session go when it has told how it ended.
        if let Some(left) = &self.left {
            left.send_modify(|n| *n += 1);
        }
    }
}

/// Two shards in one ring, and the store of their engine.
pub struct SlowFleet {
    folder: TempDir,
    names: [&'static str; 2],
}

/// An engine at work and a client of it.
pub struct Running {
    pub shards: BTreeMap<&'static str, Arc<SlowShard>>,
    pub operator: Operator,
    pub stop: oneshot::Sender<()>,
    pub engine: JoinHandle<(Stopped, Book, Observations)>,
}

impl SlowFleet {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Self {
            folder,
            names: ["s1", "s2"],
        };
        for name in fleet.names {
            let fill = format!(
                "{ITEMS} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) \
                 INSERT INTO item SELECT i * 10, 'v' || (i * 10) FROM n;"
            );
            run(&fleet.path(name), &fill).await.unwrap();
        }
        fleet
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.db"))
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn opening(&self) -> Opening {
        let member = |name: &&str| Member {
            shard: ShardName::new(*name).unwrap(),
            instance: (*name).to_owned(),
        };
        let identity = identity();
        Opening {
            id: identity.id,
            migration: MigrationName::new("labels").unwrap(),
            plan_digest: identity.plan_digest,
            shard_set_digest: identity.shard_set_digest,
            policy: policy(),
            guards: Vec::new(),
            route: route(),
            rings: vec![(
                RingName::new("all").unwrap(),
                self.names.iter().map(member).collect(),
            )],
            instance_caps: BTreeMap::new(),
            production: false,
            waived: Vec::new(),
        }
    }

    async fn book(&self) -> Book {
        let store = Store::open(&self.store()).await.unwrap();
        let mut book = Book::open(store, Variant::Correct).await.unwrap();
        if book.state().open().is_none() {
            let open = Command::Open(Box::new(self.opening()), Actor::person("ana"));
            book.take(&Observations::default(), &open).await;
            let to = Some(Stop::Verify);
            let automate = Command::Order(Order {
                key: "auto".into(),
                actor: Actor::person("ana"),
                cause: pilothouse::base::Cause::Operator,
                scope: Scope::Fleet,
                verb: Verb::Automate { to },
                seen: None,
                confirm: None,
                reason: String::new(),
            });
            book.take(&Observations::default(), &automate).await;
        }
        book
    }

    /// Starts an engine that takes every shard to the end of verify.
    pub async fn start(&self) -> Running {
        self.start_patient(Period::from_ms(600_000)).await
    }

    /// The same; what stands still for so long has stalled.
    pub async fn start_patient(&self, stall_after: Period) -> Running {
        let book = self.book().await;
        let (publisher, orders) = port::channel();
        let all: BTreeMap<&str, Arc<SlowShard>> = self
            .names
            .iter()
            .map(|name| (*name, SlowShard::over(&self.path(name), name)))
            .collect();
        let shards = all.values().map(|s| {
            (
                s.name().clone(),
                Arc::<SlowShard>::clone(s) as Arc<dyn Shard>,
            )
        });
        let setup = Setup {
            book,
            inbox: None,
            identity: Identity::default(),
            contacts: pilothouse::base::Contacts::default(),
            runbook: None,
            shards: shards.collect(),
            missing: Vec::new(),
            opener: None,
            throttle: ThrottleLimits {
                poll: Period::from_ms(50),
                stale_after: Period::from_ms(60_000),
                replica_lag: None,
                active_sessions: None,
                slot_wal_bytes: None,
                oldest_transaction: None,
                archive_segments: None,
                disk_free_bytes: None,
            },
            chunks: Chunks {
                target: Period::from_ms(50),
                rows_start: 10,
                rows_min: 10,
                rows_max: 10,
                ranges: 1,
                rows_per_s_max: None,
            },
            stall_after,
            notifier: pilothouse::notify::Notifier::new(&[]),
            publisher: publisher.clone(),
            orders,
            variant: Variant::Correct,
        };
        let (stop, stopped) = oneshot::channel();
        let engine = Engine::new(setup, Goal::Reached(Stop::Verify), Box::new(|_, _| {}));
        Running {
            shards: all,
            operator: Operator {
                client: attach(&publisher),
                view: FleetView::default(),
                keys: 0,
            },
            stop,
            engine: tokio::spawn(engine.run(stopped)),
        }
    }

    /// Number and kind of every entry, after checking that the journal is
    /// sound and folds to what the engine knew.
    pub async fn sound_journal(&self, known: &Book) -> Vec<String> {
        let mut lines = Vec::new();
        let head = known.store().lines(&mut lines).await.unwrap();
        let verdict = pilothouse::journal::verify(lines.as_slice(), Some(head)).unwrap();
        let intact = matches!(verdict, pilothouse::journal::Verdict::Intact { .. });
        assert!(intact, "{verdict:?}");
        let entries = known.store().entries(1).await.unwrap();
        let (state, _) = pilothouse::engine::replay(&entries).unwrap();
        assert_eq!(&state, known.state(), "a replay knows something else");
        let told = |e: &pilothouse::journal::Entry| format!("{} {}", e.kind, e.scope);
        // Seals come when there is time for them.
        let kept = entries.iter().filter(|e| e.kind != "head_sealed");
        kept.map(told).collect()
    }
}

/// Somebody who watches and acts.
pub struct Operator {
    client: EmbeddedClient,
    pub view: FleetView,
    keys: u64,
}

impl Operator {
    async fn next(&mut self) -> Option<Answer> {
        let message = soon("a word of the engine", self.client.receive()).await;
        match message.expect("the engine is gone") {
            ServerMessage::Answer { answer, .. } => return Some(answer),
            ServerMessage::Stream(Stream::Snapshot { view, .. }) => self.view = *view,
            ServerMessage::Stream(Stream::Delta { delta, .. }) => {
                fold(&mut self.view, *delta).unwrap();
            }
            ServerMessage::Stream(Stream::Heartbeat { .. })
            | ServerMessage::Sight(_)
            | ServerMessage::Company(_) => {}
        }
        None
    }

    /// Waits until the engine has been round its loop a few times.
    pub async fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            assert_eq!(self.next().await, None);
        }
    }

    pub async fn until(&mut self, mut holds: impl FnMut(&FleetView) -> bool) {
        while !holds(&self.view) {
            self.next().await;
        }
    }

    pub async fn ask(&mut self, verb: Verb) -> Answer {
        self.keys += 1;
        self.client.send(CommandEnvelope {
            key: format!("key-{}", self.keys),
            actor: Actor::person("ana"),
            scope: Scope::Fleet,
            verb,
            seen: None,
            confirm: None,
            reason: "the disk is full".into(),
        });
        loop {
            if let Some(answer) = self.next().await {
                return answer;
            }
        }
    }
}

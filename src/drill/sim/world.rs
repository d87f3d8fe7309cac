//! The clock, the queue, and everything that happens in a run.

use super::engine::Engine;
use super::fault::FaultKind;
use super::journal::Journal;
use super::oracle;
use super::shape::{self, Shape};
use super::{Options, Outcome, Violation};
use crate::base::Actor;
use crate::rollout::{Command, Order};
use crate::shard::sim::{AppWrite, Dice, Form, SimServer};
use crate::worker::{Reply, ShardCall};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// Events after which a run counts as stuck.
const STEPS_MAX: u64 = 100_000;
/// How long healing may take.
const HEAL_MAX_MS: u64 = 400_000;
const TRACE_MAX: usize = 20_000;

/// The worst moment for an engine to lose its shards is in the middle of a
/// row job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtChunk {
    /// A second engine takes over.
    TakeOver,
    /// The engine stands still this long; a second one takes over meanwhile.
    Freeze { ms: u64 },
}

/// Whom an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) engine: u32,
    pub(super) shard: usize,
    pub(super) serial: u64,
    pub(super) lane: Option<usize>,
}

/// What becomes of a call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    ReplyLost,
    CommitLost,
    Late(u64),
}

#[derive(Clone, Debug)]
pub(super) enum Happening {
    Execute {
        who: Who,
        call: ShardCall,
        boot: u32,
        fate: Fate,
    },
    Orphan {
        who: Who,
        call: ShardCall,
        boot: u32,
    },
    Answer {
        who: Who,
        reply: Reply,
        boot: u32,
    },
    Woke {
        who: Who,
        token: u64,
    },
    Reconcile(u32),
    Poll(u32),
    LateBegin(u32, Command),
    AppBegin(usize),
    AppCommit {
        shard: usize,
        id: u64,
        boot: u32,
        write: AppWrite,
        form: Form,
    },
    Fault(usize),
    FaultOver(FaultKind, usize),
    EngineStart(u32),
    Person,
    Heal,
    Tend,
}

struct Queued {
    at_ms: u64,
    seq: u64,
    what: Happening,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.seq == other.seq
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    // The heap gives the greatest first: the earliest must be that.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ms, other.seq).cmp(&(self.at_ms, self.seq))
    }
}

/// A server with what surrounds it.
pub(super) struct Site {
    pub(super) server: SimServer,
    pub(super) up: bool,
    /// Connections of another boot are dead.
    pub(super) boot: u32,
    pub(super) frozen_until_ms: u64,
    pub(super) slow: bool,
    pub(super) lags: bool,
    pub(super) blind: bool,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) now_ms: u64,
    seq: u64,
    steps: u64,
    queue: BinaryHeap<Queued>,
    pub(super) options: Options,
    pub(super) shape: Shape,
    pub(super) dice: Dice,
    pub(super) sites: Vec<Site>,
    pub(super) engines: BTreeMap<u32, Engine>,
    pub(super) engines_started: u32,
    pub(super) journal: Journal,
    pub(super) healed: bool,
    pub(super) serial: u64,
    pub(super) effects: u64,
    /// The engine dies when this many effects have happened.
    pub(super) crash_at_effect: Option<u64>,
    pub(super) chunks: u64,
    /// What happens as soon as this many chunks have been committed.
    pub(super) at_chunk: BTreeMap<u64, AtChunk>,
    pub(super) orders: u64,
    pub(super) last_order: Option<Order>,
    pub(super) faults: BTreeMap<FaultKind, u64>,
    pub(super) marks: BTreeMap<String, u64>,
    pub(super) violations: Vec<Violation>,
    trace: Option<VecDeque<String>>,
}

impl World {
    pub(super) fn new(seed: u64, options: Options) -> Self {
        let mut dice = Dice::new(seed);
        let shape = shape::shape(&mut dice, options);
        let mut tables = dice.fork();
        let sites = (0..shape.shards.len())
            .map(|n| Site {
                server: shape::server(&mut tables, &shape, options, n),
                up: true,
                boot: 0,
                frozen_until_ms: 0,
                slow: false,
                lags: false,
                blind: false,
            })
            .collect();
        Self {
            seed,
            now_ms: 0,
            seq: 0,
            steps: 0,
            queue: BinaryHeap::new(),
            options,
            dice,
            sites,
            engines: BTreeMap::new(),
            engines_started: 0,
            journal: Journal::default(),
            healed: false,
            serial: 0,
            effects: 0,
            crash_at_effect: None,
            chunks: 0,
            at_chunk: BTreeMap::new(),
            orders: 0,
            last_order: None,
            faults: BTreeMap::new(),
            marks: BTreeMap::new(),
            violations: Vec::new(),
            trace: None,
            shape,
        }
    }

    /// Keeps the newest events for people.
    pub(super) fn traced(mut self) -> Self {
        self.trace = Some(VecDeque::new());
        self
    }

    pub(super) fn after(&mut self, ms: u64, what: Happening) {
        self.seq += 1;
        self.queue.push(Queued {
            at_ms: self.now_ms + ms,
            seq: self.seq,
            what,
        });
    }

    pub(super) fn mark(&mut self, name: impl Into<String>) {
        *self.marks.entry(name.into()).or_default() += 1;
    }

    pub(super) fn fault(&mut self, kind: FaultKind) {
        *self.faults.entry(kind).or_default() += 1;
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let Some(trace) = self.trace.as_mut() else {
            return;
        };
        if trace.len() == TRACE_MAX {
            trace.pop_front();
        }
        trace.push_back(format!("{:>7} {}", self.now_ms, line()));
    }

    pub(super) fn violated(&mut self, promise: &'static str, what: String) {
        self.note(|| format!("VIOLATION {promise}: {what}"));
        self.violations.push(Violation {
            promise,
            what,
            at_ms: self.now_ms,
        });
    }

    /// Looks at a shard after a commit.
    pub(super) fn judge(&mut self, shard: usize) {
        if let Some((promise, what)) = oracle::judge(self.sites[shard].server.image()) {
            let name = self.shape.shards[shard].clone();
            self.violated(promise, format!("{name}: {what}"));
        }
    }

    pub(super) fn run(mut self) -> Outcome {
        self.begin();
        while self.violations.is_empty() {
            let Some(next) = self.queue.pop() else {
                self.violated("liveness", "nothing is left to happen".into());
                break;
            };
            self.now_ms = next.at_ms;
            self.steps += 1;
            match self.thaws_in_ms(&next.what) {
                Some(ms) => self.after(ms, next.what),
                None => self.happen(next.what),
            }
            if self.journal_ended() {
                break;
            }
            let late = self.now_ms > self.shape.heal_at_ms + HEAL_MAX_MS;
            if late || self.steps > STEPS_MAX {
                let what = self.describe_standstill();
                self.violated("liveness", what);
            }
        }
        self.finish()
    }

    fn begin(&mut self) {
        self.start_engine();
        let opening = Box::new(self.shape.opening.clone());
        let open = Command::Open(opening, Actor::person("ana"));
        self.command(0, &open);
        if self.shape.auto_from_start {
            self.automate();
        }
        for shard in 0..self.sites.len() {
            self.after(5, Happening::AppBegin(shard));
        }
        for (n, fault) in self.shape.planned.clone().into_iter().enumerate() {
            self.after(fault.at_ms, Happening::Fault(n));
        }
        if self.shape.operators {
            self.after(500, Happening::Person);
        }
        self.after(self.shape.heal_at_ms, Happening::Heal);
    }

    /// A process that stands still does nothing; everything waits for it.
    fn thaws_in_ms(&self, what: &Happening) -> Option<u64> {
        let id = match what {
            Happening::Answer { who, .. } | Happening::Woke { who, .. } => who.engine,
            Happening::Reconcile(id) | Happening::Poll(id) | Happening::LateBegin(id, _) => *id,
            _ => return None,
        };
        let until = self.engines.get(&id)?.frozen_until_ms;
        until.checked_sub(self.now_ms).filter(|ms| *ms > 0)
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Execute {
                who,
                call,
                boot,
                fate,
            } => self.execute(who, call, boot, fate),
            Happening::Orphan { who, call, boot } => self.orphan(who, &call, boot),
            Happening::Answer { who, reply, boot } => self.answered(who, reply, boot),
            Happening::Woke { who, token } => self.woke(who, token),
            Happening::Reconcile(engine) => self.reconcile(engine),
            Happening::Poll(engine) => self.poll(engine),
            Happening::LateBegin(engine, command) => {
                self.command(engine, &command);
            }
            Happening::AppBegin(shard) => self.app_begin(shard),
            Happening::AppCommit {
                shard,
                id,
                boot,
                write,
                form,
            } => self.app_commit(shard, id, boot, write, form),
            Happening::Fault(n) => self.strike(n),
            Happening::FaultOver(kind, shard) => self.fault_over(kind, shard),
            Happening::EngineStart(after) => {
                if self.engines_started == after {
                    self.start_engine();
                }
            }
            Happening::Person => self.person(),
            Happening::Heal => self.heal(),
            Happening::Tend => self.tend(),
        }
    }

    fn journal_ended(&self) -> bool {
        self.engines
            .get(&self.journal.owner)
            .and_then(|engine| engine.state.rollout.as_ref())
            .is_some_and(|rollout| rollout.outcome.is_some())
    }

    fn finish(mut self) -> Outcome {
        let state = self.journal.replay();
        if let Some(owner) = self.engines.get(&self.journal.owner)
            && owner.state != state
        {
            self.violated("replay", "the journal folds to another state".into());
        }
        let rollout = state.rollout;
        if rollout.as_ref().is_some_and(|r| !oracle::tallies_right(r)) {
            self.violated("replay", "a ring's tally is not that of its shards".into());
        }
        let ended = rollout.as_ref().and_then(|rollout| rollout.outcome);
        if let Some(rollout) = rollout.filter(|r| r.outcome.is_some()) {
            let names = self.shape.shards.clone();
            for (n, name) in names.iter().enumerate() {
                let found = oracle::judge_end(&rollout, name, &self.sites[n].server);
                if let Some((promise, what)) = found {
                    self.violated(promise, what);
                }
            }
        }
        Outcome {
            seed: self.seed,
            journal_hash: self.journal.hash(),
            violations: self.violations,
            faults_injected: self.faults,
            marks: self.marks,
            steps: self.steps,
            facts: self.journal.facts.len(),
            commits: self.sites.iter().map(|site| site.server.commits()).sum(),
            virtual_ms: self.now_ms,
            ended,
            trace: self.trace.unwrap_or_default().into(),
        }
    }
}

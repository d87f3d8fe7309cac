//! A heart on a desk: orders in, facts out, no engine.

use pilothouse::base::{
    Actor, Cause, Digest, Fault, MigrationName, Period, RingName, ShardName, Stage, Stop, Timestamp,
};
use pilothouse::fleet::{Guard, Policy};
use pilothouse::rollout::{
    Command, Decision, Evidence, Fact, Gate, Job, Member, Observations, OldForm, Opening, Order,
    Phase, Refusal, Report, RingState, Rollout, Scope, State, Verb, Verdict, apply, decide, next,
};
use std::collections::BTreeMap;

pub const SOAK_MS: u64 = 10_000;

/// What a broken engine does before and after the heart decides.
#[derive(Clone, Copy)]
pub struct Broken {
    pub before: fn(&mut State, &mut Command, &mut Timestamp),
    pub after: fn(&mut Vec<Fact>),
}

/// Everything the heart is told and everything it has said.
pub struct Desk {
    pub state: State,
    pub seen: Observations,
    pub now: Timestamp,
    pub facts: Vec<Fact>,
    pub broken: Option<Broken>,
    /// The newest act of a person that was taken.
    taken: Option<Command>,
    keys: u64,
}

pub fn shard(name: &str) -> ShardName {
    ShardName::new(name).unwrap()
}

pub fn on(name: &str) -> Scope {
    Scope::Shard(shard(name))
}

pub fn ring(name: &str) -> Scope {
    Scope::Ring(RingName::new(name).unwrap())
}

pub fn fault(code: &str) -> Fault {
    Fault {
        code: code.into(),
        what: "it broke".into(),
        place: "here".into(),
        why: None,
        did: "nothing".into(),
        can: "retry".into(),
    }
}

pub fn policy() -> Policy {
    Policy {
        signed: Default::default(),
        people: Default::default(),
        after: Stage::Verify,
        soak: Period::from_ms(SOAK_MS),
        shift_steps: vec![10, 100],
        shift_soak: Period::from_ms(1_000),
        max_failed_shards: 0,
        verify_age_max: Period::from_ms(60_000),
        quiet: Period::from_ms(0),
        attempts_max: 3,
        approvals: BTreeMap::new(),
        approval_ttl: Period::from_ms(3_600_000),
    }
}

/// Two rings: canary with a1, broad with b1 and b2.
pub fn opening() -> Opening {
    let member = |name: &str| Member {
        shard: shard(name),
        instance: format!("i-{name}"),
    };
    let name = |text: &str| RingName::new(text).unwrap();
    Opening {
        id: "r1".into(),
        migration: MigrationName::new("split").unwrap(),
        plan_digest: Digest::of("plan", &[]),
        shard_set_digest: Digest::of("shards", &[]),
        policy: policy(),
        guards: Vec::new(),
        route: vec![
            Stop::Preflight,
            Stop::Snapshot,
            Stop::Expand,
            Stop::DualWrite,
            Stop::Backfill,
            Stop::Verify,
            Stop::Shift(10),
            Stop::Shift(100),
            Stop::Retire,
            Stop::Drop,
        ],
        rings: vec![
            (name("canary"), vec![member("a1")]),
            (name("broad"), vec![member("b1"), member("b2")]),
        ],
        instance_caps: BTreeMap::new(),
        production: false,
        waived: Vec::new(),
    }
}

pub fn closed_gates(answer: Result<Decision, Refusal>) -> Vec<(Gate, Verdict)> {
    match answer {
        Err(Refusal::Gates(readings)) => readings.iter().map(|r| (r.gate, r.verdict)).collect(),
        other => panic!("gates should have closed it: {other:?}"),
    }
}

pub fn roll_back(to: Stop) -> Verb {
    Verb::RollBack { to }
}

impl Desk {
    pub fn new() -> Self {
        Self::with(opening())
    }

    pub fn guarded(guard: Guard) -> Self {
        let mut opening = opening();
        opening.guards = vec![guard];
        Self::with(opening)
    }

    pub fn with(opening: Opening) -> Self {
        let mut desk = Self {
            state: State::default(),
            seen: Observations::default(),
            now: Timestamp(1_000_000),
            facts: Vec::new(),
            broken: None,
            taken: None,
            keys: 0,
        };
        for name in ["a1", "b1", "b2"] {
            let seen = desk.seen.shard_mut(&shard(name));
            seen.throttle_read_at = Some(desk.now);
            seen.old_form = Some(OldForm {
                quiet_since: Timestamp(0),
                read_at: desk.now,
                ..OldForm::default()
            });
        }
        let open = Command::Open(Box::new(opening), Actor::person("ana"));
        desk.say(&open).unwrap();
        desk
    }

    pub fn rollout(&self) -> &Rollout {
        self.state.rollout.as_ref().unwrap()
    }

    pub fn say(&mut self, command: &Command) -> Result<Decision, Refusal> {
        let decision = match self.broken {
            None => decide(&self.state, &self.seen, command, self.now)?,
            Some(broken) => self.say_wrongly(broken, command)?,
        };
        if let Decision::Facts(facts) = &decision {
            match command {
                // Keys are those of one rollout; changes among the people have
                // their effect once, however often they are said.
                Command::Open(..) => self.taken = None,
                Command::Order(order) if matches!(order.verb, Verb::People(_)) => {}
                Command::Order(_) => self.taken = Some(command.clone()),
                _ => {}
            }
            for fact in facts {
                apply(&mut self.state, fact);
            }
            self.facts.extend(facts.iter().cloned());
        }
        Ok(decision)
    }

    /// All that an engine knows is gone; what is in the journal is not.
    pub fn restart(&mut self) {
        let mut replayed = State::default();
        self.facts
            .iter()
            .for_each(|fact| apply(&mut replayed, fact));
        assert_eq!(replayed, self.state);
        self.state = replayed;
    }

    /// The same act again, as whoever never heard its answer sends it. Nothing
    /// comes of it.
    pub fn repeat(&mut self) -> Result<(), &'static str> {
        let Some(command) = self.taken.clone() else {
            return Ok(());
        };
        match self.say(&command) {
            Ok(Decision::Facts(facts)) if !facts.is_empty() => Err("an act was taken twice"),
            _ => Ok(()),
        }
    }

    /// What is decided on false grounds is written down as it really was.
    fn say_wrongly(&self, broken: Broken, command: &Command) -> Result<Decision, Refusal> {
        let (mut state, mut command, mut now) = (self.state.clone(), command.clone(), self.now);
        (broken.before)(&mut state, &mut command, &mut now);
        let mut decision = decide(&state, &self.seen, &command, now)?;
        if let Decision::Facts(facts) = &mut decision {
            (broken.after)(facts);
            facts.iter_mut().for_each(|fact| fact.at = self.now);
        }
        Ok(decision)
    }

    fn grounds(&self) -> State {
        let mut state = self.state.clone();
        if let Some(broken) = self.broken {
            let mut nothing = Command::End(pilothouse::rollout::Outcome::Done);
            (broken.before)(&mut state, &mut nothing, &mut self.now.clone());
        }
        state
    }

    pub fn order(&mut self, scope: Scope, verb: Verb) -> Order {
        self.keys += 1;
        Order {
            key: format!("ana/{}", self.keys),
            actor: Actor::person("ana"),
            cause: Cause::Operator,
            seen: self.rollout().version_of(&scope),
            scope,
            verb,
            confirm: Some(self.rollout().opening.id.clone()),
            reason: "because".into(),
        }
    }

    /// An order by somebody who typed this to confirm it.
    pub fn ask_typing(
        &mut self,
        typed: Option<&str>,
        scope: Scope,
        verb: Verb,
    ) -> Result<Decision, Refusal> {
        let mut order = self.order(scope, verb);
        order.confirm = typed.map(str::to_owned);
        self.say(&Command::Order(order))
    }

    /// A person's order, looked at just now.
    pub fn ask(&mut self, scope: Scope, verb: Verb) -> Result<Decision, Refusal> {
        let order = self.order(scope, verb);
        self.say(&Command::Order(order))
    }

    pub fn report(&mut self, name: &str, report: Report) -> Result<Decision, Refusal> {
        self.say(&Command::Report(shard(name), report))
    }

    pub fn wait(&mut self, ms: u64) {
        self.now = Timestamp(self.now.0 + ms);
    }

    /// What the reconcile loop would ask for now, taken.
    pub fn reconcile(&mut self) {
        for command in next(&self.grounds(), &self.seen, self.now).commands {
            let _ = self.say(&command);
        }
    }

    pub fn job(&self, name: &str) -> Option<Job> {
        let jobs = next(&self.state, &self.seen, self.now).jobs;
        jobs.get(&shard(name)).copied()
    }

    /// Every job that runs is finished.
    pub fn work(&mut self) {
        self.reconcile();
        for (name, job) in next(&self.state, &self.seen, self.now).jobs {
            let report = match job {
                Job::Advance(stop) => Report::Finished {
                    stop,
                    generation: self.rollout().shards[&name].generation,
                    evidence: Evidence::default(),
                },
                Job::Undo(stop) => Report::Undone {
                    stop,
                    restored: None,
                },
                Job::CloseShare => Report::ShareSeen {
                    percent: 0,
                    clients: 1,
                },
            };
            self.say(&Command::Report(name, report)).unwrap();
        }
    }

    /// Undoes until nothing is left to undo.
    pub fn work_off(&mut self) {
        for _ in 0..60 {
            self.work();
        }
    }

    /// Promotes the rings and works until all of them have finished `stop`.
    pub fn bring_to(&mut self, stop: Stop) {
        for _ in 0..80 {
            self.work();
            let there =
                |s: &pilothouse::rollout::ShardState| s.at >= stop && s.phase == Phase::Done;
            if self.rollout().shards.values().all(there) {
                return;
            }
            self.wait(SOAK_MS);
            for name in ["canary", "broad"] {
                // The next ring enters expand only after verify here.
                let first = name == "canary";
                let goal = if first { stop.max(Stop::Verify) } else { stop };
                let goal = if stop < Stop::Expand { stop } else { goal };
                let rings = &self.rollout().rings;
                if rings[&RingName::new(name).unwrap()].admitted < goal {
                    let _ = self.ask(ring(name), Verb::Promote);
                }
            }
        }
        panic!("never came to {stop}: {:#?}", self.rollout().shards);
    }

    pub fn at(&self, name: &str) -> (Stop, Phase) {
        let state = &self.rollout().shards[&shard(name)];
        (state.at, state.phase)
    }

    pub fn ring(&self, name: &str) -> &RingState {
        &self.rollout().rings[&RingName::new(name).unwrap()]
    }

    pub fn admitted(&self, name: &str) -> Stop {
        self.rollout().rings[&RingName::new(name).unwrap()].admitted
    }
}

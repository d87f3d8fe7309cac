//! The law of approvals, read from histories alone: held by random ones, and
//! broken by an engine that breaks one rule.

use crate::approvals::{NEEDED, by, enrol, give, strict, waiting};
use crate::desk::{Broken, Desk, ring};
use pilothouse::base::{
    Actor, Cause, Digest, Namespace, Period, RingName, SigningKey, Stage, Stop, Timestamp,
};
use pilothouse::journal::Head;
use pilothouse::rollout::{
    Approval, ApprovalAct, ApprovalEnd, Audit, Command, Event, Fact, Grant, KeyAct, KeyChange,
    Pending, PeopleChange, Role, Scope, Signed, State, Verb, Window, apply,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, BTreeSet};

/// What a history breaks, read from its facts alone.
fn broken(facts: &[Fact], needed: impl Fn(Stop) -> u32) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut asked: BTreeMap<&str, (&Fact, &Approval)> = BTreeMap::new();
    let mut given: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut ended: BTreeSet<&str> = BTreeSet::new();
    let mut approvers: BTreeSet<&str> = BTreeSet::new();
    let mut operators: BTreeSet<&str> = BTreeSet::new();
    let mut scheduled: BTreeMap<&Scope, &Pending> = BTreeMap::new();
    let mut plan = None;
    let mut glass = 0;
    for (place, fact) in facts.iter().enumerate() {
        let who = fact.actor.name.as_str();
        match &fact.event {
            Event::RolloutOpened(opening) => {
                plan = Some(opening.plan_digest);
                glass = 0;
                scheduled.clear();
            }
            Event::PeopleChanged(PeopleChange::Enrol { name, allowed, .. }) => {
                for (role, those) in [
                    (Role::Approver, &mut approvers),
                    (Role::Operator, &mut operators),
                ] {
                    match allowed.iter().any(|g| g.role == role) {
                        true => those.insert(name),
                        false => those.remove(name.as_str()),
                    };
                }
            }
            Event::PeopleChanged(PeopleChange::Revoke { name }) => {
                approvers.remove(name.as_str());
                operators.remove(name.as_str());
            }
            Event::PromotionScheduled(pending) => {
                scheduled.insert(&fact.scope, pending);
            }
            Event::PromotionCancelled { .. } | Event::PromotionLapsed { .. } => {
                scheduled.remove(&fact.scope);
            }
            Event::RollbackBegun { .. } | Event::AbortBegun => scheduled.clear(),
            Event::GlassBroken { until } => glass = until.0,
            Event::ApprovalRequested(approval) => {
                asked.insert(&approval.id, (fact, approval));
            }
            Event::ApprovalGiven { id, .. } => {
                let (request, approval) = asked[id.as_str()];
                if request.actor.name == who {
                    wrong.push(format!("{who} approved their own {id}"));
                }
                if !approvers.contains(who) {
                    wrong.push(format!("{who} may not approve {id}"));
                }
                if fact.at >= approval.expires_at || ended.contains(id.as_str()) {
                    wrong.push(format!("{id} was over when {who} approved"));
                }
                given.entry(id).or_default().insert(who);
            }
            Event::ApprovalRejected { id } | Event::ApprovalWithdrawn { id } => {
                ended.insert(id);
            }
            Event::RingAdmitted { ring, stop, .. } => {
                let order = scheduled.remove(&fact.scope);
                if fact.cause == Cause::Scheduled
                    && order.is_none_or(|o| {
                        o.stop != *stop || !o.window.is_open(fact.at) || o.asked.by.name != who
                    })
                {
                    wrong.push(format!("{ring} was not scheduled for {stop} now"));
                }
                let by_people = matches!(fact.cause, Cause::Operator | Cause::Scheduled);
                if by_people && !operators.contains(who) {
                    wrong.push(format!("{who} may not promote"));
                }
                if needed(*stop) > 0 && fact.at.0 >= glass {
                    let after = (&facts[place + 1..], ring, *stop);
                    wrong.extend(uncovered(fact, after, &asked, &given, plan, &mut ended));
                }
            }
            _ => {}
        }
    }
    wrong
}

/// What is wrong with the approval that a promotion used.
fn uncovered<'a>(
    fact: &Fact,
    (after, ring, stop): (&'a [Fact], &RingName, Stop),
    asked: &BTreeMap<&str, (&Fact, &'a Approval)>,
    given: &BTreeMap<&str, BTreeSet<&str>>,
    plan: Option<Digest>,
    ended: &mut BTreeSet<&'a str>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let used = after.iter().find_map(|f| match &f.event {
        Event::ApprovalConsumed { id }
            if f.scope == Scope::Ring(ring.clone()) && f.at == fact.at =>
        {
            Some(id.as_str())
        }
        _ => None,
    });
    let Some((_, approval)) = used.and_then(|id| asked.get(id)) else {
        return vec![format!("{ring} admitted to {stop} without approval")];
    };
    let id = approval.id.as_str();
    let votes = given.get(id).map_or(0, BTreeSet::len);
    if votes < NEEDED as usize {
        wrong.push(format!("{id}: {votes} approved"));
    }
    if approval.ring != *ring || approval.stop != stop {
        wrong.push(format!("{id} was for {} {}", approval.ring, approval.stop));
    }
    if Some(approval.plan) != plan {
        wrong.push(format!("{id} was for another plan"));
    }
    if !ended.insert(id) {
        wrong.push(format!("{id} was used again"));
    }
    if fact.at >= approval.expires_at {
        wrong.push(format!("{id} had expired"));
    }
    if approval.window.is_some_and(|w| fact.at < w.from) {
        wrong.push(format!("{id} was used before its window"));
    }
    wrong
}

fn needed(stop: Stop) -> u32 {
    if stop == Stop::Snapshot { NEEDED } else { 0 }
}

#[derive(Clone, Debug)]
enum Step {
    Ask(usize, bool),
    Give(usize, usize, bool),
    Reject(usize, usize),
    Withdraw(usize, usize),
    Promote(usize, bool),
    Glass(usize),
    Role(usize, usize),
    Revoke(usize),
    Schedule(usize, bool, u64),
    Cancel(usize, bool),
    Crash,
    Repeat,
    Wait(u64),
    Work,
    Again(bool),
}

const CREW: [&str; 6] = ["ana", "lee", "kim", "max", "root", "eve"];

fn step() -> impl Strategy<Value = Step> {
    let who = 0..CREW.len();
    prop_oneof![
        3 => (0..2_usize, any::<bool>()).prop_map(|(w, r)| Step::Ask(w, r)),
        8 => (who.clone(), 0..3_usize, prop::bool::weighted(0.9)).prop_map(|(w, n, b)| Step::Give(w, n, b)),
        1 => (who.clone(), 0..3_usize).prop_map(|(w, n)| Step::Reject(w, n)),
        1 => (who.clone(), 0..3_usize).prop_map(|(w, n)| Step::Withdraw(w, n)),
        5 => (who.clone(), any::<bool>()).prop_map(|(w, r)| Step::Promote(w, r)),
        2 => (who.clone(), any::<bool>(), prop_oneof![Just(0_u64), Just(1_000), Just(1_800_000)])
            .prop_map(|(w, r, ms)| Step::Schedule(w, r, ms)),
        1 => (who.clone(), any::<bool>()).prop_map(|(w, r)| Step::Cancel(w, r)),
        1 => who.clone().prop_map(Step::Glass),
        1 => (who.clone(), 0..4_usize).prop_map(|(w, r)| Step::Role(w, r)),
        1 => who.prop_map(Step::Revoke),
        2 => prop_oneof![Just(1_000_u64), Just(1_800_000), Just(3_600_000)].prop_map(Step::Wait),
        1 => Just(Step::Crash),
        1 => Just(Step::Repeat),
        2 => Just(Step::Work),
        1 => any::<bool>().prop_map(Step::Again),
    ]
}

fn ring_of(first: bool) -> Scope {
    ring(if first { "canary" } else { "broad" })
}

/// What nobody may get away with, and no history shows.
const UNSEEN: &str = "somebody approved what they had not seen";

fn take(desk: &mut Desk, step: &Step) -> Result<(), &'static str> {
    let nth = |desk: &Desk, n: usize| desk.rollout().approvals.iter().rev().nth(n).cloned();
    // A refusal is an answer like any other; the history is judged.
    let _ = match step {
        Step::Ask(who, first) => {
            let act = Verb::Approval(ApprovalAct::Request);
            by(desk, CREW[*who], ring_of(*first), act)
        }
        Step::Give(who, n, honest) => {
            let Some(mut found) = nth(desk, *n) else {
                return Ok(());
            };
            if !honest {
                found.stop = Stop::Drop;
            }
            let given = give(desk, CREW[*who], &found);
            if !honest && given.is_ok() {
                return Err(UNSEEN);
            }
            given
        }
        Step::Reject(who, n) | Step::Withdraw(who, n) => {
            let Some(Approval { id, .. }) = nth(desk, *n) else {
                return Ok(());
            };
            let act = match step {
                Step::Reject(..) => ApprovalAct::Reject { id },
                _ => ApprovalAct::Withdraw { id },
            };
            by(desk, CREW[*who], Scope::Fleet, Verb::Approval(act))
        }
        Step::Promote(who, first) => by(desk, CREW[*who], ring_of(*first), Verb::Promote),
        Step::Schedule(who, first, ms) => {
            let from = Timestamp(desk.now.0 + ms);
            let until = from.after(Period::from_ms(3_600_000));
            let order = Verb::Schedule(Window { from, until });
            by(desk, CREW[*who], ring_of(*first), order)
        }
        Step::Cancel(who, first) => by(desk, CREW[*who], ring_of(*first), Verb::Cancel),
        Step::Glass(who) => {
            let lasting = Period::from_ms(2_000);
            by(desk, CREW[*who], Scope::Fleet, Verb::BreakGlass { lasting })
        }
        Step::Role(who, role) => enrol(desk, CREW[*who], Role::ALL[*role]),
        Step::Revoke(who) => {
            let name = CREW[*who].to_owned();
            let change = PeopleChange::Revoke { name };
            by(desk, "root", Scope::Fleet, Verb::People(Box::new(change)))
        }
        Step::Wait(ms) => {
            desk.wait(*ms);
            return Ok(());
        }
        Step::Crash => {
            desk.restart();
            return Ok(());
        }
        Step::Repeat => return desk.repeat(),
        Step::Work => {
            desk.work();
            return Ok(());
        }
        Step::Again(same) => {
            let _ = by(desk, "ana", Scope::Fleet, Verb::Abort);
            desk.work_off();
            let mut again = strict();
            if !same {
                again.plan_digest = Digest::of("plan", &[&desk.now.0.to_be_bytes()]);
            }
            let open = Command::Open(Box::new(again), Actor::person("ana"));
            let opened = desk.say(&open);
            desk.work();
            opened
        }
    };
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_is_admitted_without_its_approvals(steps in prop::collection::vec(step(), 1..120)) {
        let (desk, found) = lived(&steps, None);
        prop_assert_eq!(found, Vec::<String>::new());
        prop_assert_eq!(audited(&desk.facts), Vec::<String>::new());
    }
}

/// What `journal verify` would say of these facts.
pub fn audited(facts: &[Fact]) -> Vec<String> {
    let mut audit = Audit::default();
    for (seq, fact) in (1..).zip(facts) {
        audit.push(seq, fact, Digest::of("entry", &[&u64::to_be_bytes(seq)]));
    }
    let found = audit.finish();
    found.iter().map(ToString::to_string).collect()
}

type Falsify = fn(&mut Vec<Fact>);

/// The law is no law if nothing can break it: one false history for each rule.
#[test]
fn a_false_history_is_found() {
    let true_one = || {
        let (mut desk, approval) = waiting();
        for who in ["lee", "kim"] {
            give(&mut desk, who, &approval).unwrap();
        }
        by(&mut desk, "ana", ring("canary"), Verb::Promote).unwrap();
        desk.facts
    };
    assert_eq!(broken(&true_one(), needed), Vec::<String>::new());
    assert_eq!(audited(&true_one()), Vec::<String>::new());
    let is_given = |f: &Fact| matches!(f.event, Event::ApprovalGiven { .. });
    let falsified: [(&str, Falsify); 7] = [
        ("their own", |facts| {
            facts.iter_mut().for_each(|f| {
                if matches!(f.event, Event::ApprovalRequested(_)) {
                    f.actor = Actor::person("lee");
                }
            })
        }),
        ("may not approve", |facts| {
            facts.iter_mut().for_each(|f| {
                if matches!(f.event, Event::ApprovalGiven { .. }) {
                    f.actor = Actor::person("eve");
                }
            })
        }),
        ("1 approved", |facts| {
            let place = facts
                .iter()
                .position(|f| matches!(f.event, Event::ApprovalGiven { .. }));
            facts.remove(place.unwrap());
        }),
        ("without approval", |facts| {
            facts.retain(|f| !matches!(f.event, Event::ApprovalConsumed { .. }));
        }),
        ("had expired", |facts| {
            facts.iter_mut().for_each(|f| {
                if let Event::ApprovalRequested(a) = &mut f.event {
                    a.expires_at = f.at;
                }
            })
        }),
        ("was for another plan", |facts| {
            facts.iter_mut().for_each(|f| {
                if let Event::ApprovalRequested(a) = &mut f.event {
                    a.plan = Digest::ZERO;
                }
            })
        }),
        ("was for broad", |facts| {
            facts.iter_mut().for_each(|f| {
                if let Event::ApprovalRequested(a) = &mut f.event {
                    a.ring = RingName::new("broad").unwrap();
                }
            })
        }),
    ];
    assert!(true_one().iter().any(is_given));
    for (word, falsify) in falsified {
        let mut facts = true_one();
        falsify(&mut facts);
        let found = broken(&facts, needed).join("; ");
        assert!(found.contains(word), "{word}: {found}");
        assert_ne!(audited(&facts), Vec::<String>::new(), "{word}");
    }
    let mut twice = true_one();
    let last = twice[twice.len() - 2..].to_vec();
    twice.extend(last);
    assert!(broken(&twice, needed).join("; ").contains("used again"));
    assert!(audited(&twice).join("; ").contains("was over"));
}

/// One engine for each rule: it breaks that one.
fn broken_engines() -> Vec<(&'static str, &'static str, Broken)> {
    fn each(state: &mut State, change: impl FnMut(&mut Approval)) {
        if let Some(rollout) = &mut state.rollout {
            rollout.approvals.iter_mut().for_each(change);
        }
    }
    fn ordered(command: &Command) -> Option<&Verb> {
        match command {
            Command::Order(order) => Some(&order.verb),
            _ => None,
        }
    }
    fn promotes(command: &Command) -> bool {
        matches!(ordered(command), Some(Verb::Promote))
    }
    /// Whoever orders may do everything.
    fn trusted(state: &mut State, command: &Command) {
        let Command::Order(order) = command else {
            return;
        };
        let change = PeopleChange::Enrol {
            name: order.actor.name.clone(),
            allowed: Role::ALL.map(Grant::everywhere).to_vec(),
            denied: Vec::new(),
        };
        let fact = Fact {
            at: Timestamp(0),
            actor: Actor::engine(),
            scope: Scope::Fleet,
            cause: Cause::Operator,
            key: None,
            reason: String::new(),
            event: Event::PeopleChanged(change),
        };
        apply(state, &fact);
    }
    let before = |doctor| Broken {
        before: doctor,
        after: |_| {},
    };
    vec![
        (
            "whoever asked may approve",
            "their own",
            before(|state, _, _| {
                each(state, |a| a.asked.by = Actor::engine());
            }),
        ),
        (
            "anybody may approve",
            "may not approve",
            before(|state, command, _| {
                if matches!(
                    ordered(command),
                    Some(Verb::Approval(ApprovalAct::Give { .. }))
                ) {
                    trusted(state, command);
                }
            }),
        ),
        (
            "anybody may promote",
            "may not promote",
            before(|state, command, _| {
                if promotes(command) {
                    trusted(state, command);
                }
            }),
        ),
        (
            "nothing expires",
            "was over",
            before(|state, command, now| {
                let newest = state.rollout.iter().flat_map(|r| r.approvals.last());
                if ordered(command).is_some_and(|v| matches!(v, Verb::Approval(_))) {
                    newest.for_each(|a| *now = a.asked.at);
                }
            }),
        ),
        (
            "what is over counts",
            "used again",
            before(|state, command, _| {
                if promotes(command) {
                    each(state, |a| a.end = None);
                }
            }),
        ),
        (
            "one is enough",
            "1 approved",
            before(|state, command, _| {
                if promotes(command) {
                    each(state, |a| a.given.extend(a.given.first().cloned()));
                }
            }),
        ),
        (
            "any ring will do",
            "was for",
            before(|state, command, _| {
                if let Command::Order(order) = command
                    && let (Scope::Ring(ring), Verb::Promote) = (&order.scope, &order.verb)
                {
                    each(state, |a| a.ring = ring.clone());
                }
            }),
        ),
        (
            "any plan will do",
            "another plan",
            before(|state, command, _| {
                let plan = state.rollout.as_ref().map(|r| r.opening.plan_digest);
                if promotes(command) {
                    each(state, |a| {
                        a.plan = plan.unwrap_or(a.plan);
                        if matches!(a.end, Some(ApprovalEnd::Void { .. })) {
                            a.end = None;
                        }
                    });
                }
            }),
        ),
        (
            "nothing is used up",
            "without approval",
            Broken {
                before: |_, _, _| {},
                after: |facts| facts.retain(|f| !matches!(f.event, Event::ApprovalConsumed { .. })),
            },
        ),
        (
            "no approval is needed",
            "without approval",
            before(|state, command, _| {
                if promotes(command)
                    && let Some(rollout) = &mut state.rollout
                {
                    rollout.opening.policy.approvals.clear();
                }
            }),
        ),
        (
            "glass stays broken",
            "without approval",
            before(|state, _, _| {
                if let Some(rollout) = &mut state.rollout {
                    rollout
                        .glass
                        .iter_mut()
                        .for_each(|g| g.until = Timestamp(u64::MAX));
                }
            }),
        ),
        (
            "a window is always open",
            "before its window",
            before(|state, command, _| {
                if promotes(command) {
                    each(state, |a| a.window = None);
                }
            }),
        ),
        (
            "what is scheduled happens at once",
            "not scheduled for",
            before(|state, _, _| {
                let rings = state.rollout.iter_mut().flat_map(|r| r.rings.values_mut());
                rings.filter_map(|r| r.pending.as_mut()).for_each(|p| {
                    p.window.from = Timestamp(0);
                });
            }),
        ),
        (
            "nobody looks at what they approve",
            UNSEEN,
            before(|state, command, _| {
                if let Command::Order(order) = command
                    && let Verb::Approval(ApprovalAct::Give { id, binding, .. }) = &mut order.verb
                    && let Some(rollout) = &state.rollout
                    && let Some(found) = rollout.approvals.iter().find(|a| a.id == *id)
                {
                    *binding = found.binding();
                }
            }),
        ),
    ]
}

/// What becomes of a history under an engine: what the law says of it.
fn lived(steps: &[Step], engine: Option<Broken>) -> (Desk, Vec<String>) {
    let mut desk = Desk::new_with_crew(strict());
    desk.work();
    desk.broken = engine;
    for step in steps {
        if let Err(lie) = take(&mut desk, step) {
            return (desk, vec![lie.into()]);
        }
    }
    let found = broken(&desk.facts, needed);
    (desk, found)
}

/// Every rule is needed: without it the same random histories break the law,
/// and whoever verifies the journal sees it.
#[test]
fn an_engine_without_one_of_the_rules_is_caught() {
    let histories = prop::collection::vec(step(), 60..120);
    let mut free = Vec::new();
    for (rule, word, engine) in broken_engines() {
        let mut runner = TestRunner::deterministic();
        let caught = (0..2_000).any(|_| {
            let steps = histories.new_tree(&mut runner).unwrap().current();
            let (desk, found) = lived(&steps, Some(engine));
            let in_journal =
                word == UNSEEN || word == "may not promote" || !audited(&desk.facts).is_empty();
            found.iter().any(|text| text.contains(word)) && in_journal
        });
        if !caught {
            free.push(rule);
        }
    }
    assert_eq!(free, Vec::<&str>::new());
}

/// A history in which lee and kim have signed what they approved.
fn signed_history() -> (Vec<Fact>, SigningKey) {
    let mut opening = strict();
    opening.policy.signed.insert(Stage::Snapshot);
    let mut desk = Desk::new_with_crew(opening);
    let key = |seed: u8| SigningKey::from_seed(&[seed; 32]).unwrap();
    let admin = key(1);
    for (name, own) in [("root", 1), ("lee", 2), ("kim", 3)] {
        let public = key(own).public().clone();
        let statement = KeyChange::statement(name, &public, KeyAct::Enrol);
        let change = KeyChange {
            name: name.into(),
            key: public,
            act: KeyAct::Enrol,
            signature: admin
                .sign(Namespace::Registry, statement.as_bytes())
                .unwrap(),
        };
        let change = PeopleChange::Key(Box::new(change));
        let verb = Verb::People(Box::new(change));
        by(&mut desk, "root", Scope::Fleet, verb).unwrap();
    }
    desk.work();
    let ask = Verb::Approval(ApprovalAct::Request);
    by(&mut desk, "ana", ring("canary"), ask).unwrap();
    let approval = desk.rollout().approvals[0].clone();
    for (name, own) in [("lee", 2), ("kim", 3)] {
        let act = ApprovalAct::Give {
            id: approval.id.clone(),
            binding: approval.binding(),
            signed: Some(Box::new(signed(&approval, name, &key(own), first()))),
        };
        by(&mut desk, name, Scope::Fleet, Verb::Approval(act)).unwrap();
    }
    by(&mut desk, "ana", ring("canary"), Verb::Promote).unwrap();
    (desk.facts, key(2))
}

/// The head after the first entry, as [`audited`] counts.
fn first() -> Head {
    Head {
        seq: 1,
        hash: Digest::of("entry", &[&u64::to_be_bytes(1)]),
    }
}

fn signed(approval: &Approval, name: &str, key: &SigningKey, head: Head) -> Signed {
    let statement = approval.statement(name, head);
    let signature = key.sign(Namespace::Approval, statement.as_bytes());
    Signed {
        head,
        signature: signature.unwrap(),
    }
}

/// Whoever writes a history anew cannot sign for others.
#[test]
fn a_false_signature_is_found_in_the_journal() {
    let (facts, lees) = signed_history();
    assert_eq!(audited(&facts), Vec::<String>::new());
    let request = facts.iter().find_map(|f| match &f.event {
        Event::ApprovalRequested(approval) => Some((**approval).clone()),
        _ => None,
    });
    let request = request.unwrap();
    let mut another = request.clone();
    another.stop = Stop::Drop;
    let stranger = SigningKey::from_seed(&[9; 32]).unwrap();
    let elsewhere = Head {
        hash: Digest::ZERO,
        ..first()
    };
    let falsified = [
        (
            "another request",
            Some(signed(&another, "lee", &lees, first())),
        ),
        (
            "somebody else's name",
            Some(signed(&request, "kim", &lees, first())),
        ),
        (
            "a stranger's key",
            Some(signed(&request, "lee", &stranger, first())),
        ),
        (
            "over another journal",
            Some(signed(&request, "lee", &lees, elsewhere)),
        ),
        ("without the signature", None),
    ];
    for (what, signed) in falsified {
        let mut facts = facts.clone();
        let given = facts.iter_mut().find_map(|f| match &mut f.event {
            Event::ApprovalGiven { signed, .. } => Some(signed),
            _ => None,
        });
        *given.unwrap() = signed.map(Box::new);
        let found = audited(&facts).join("; ");
        assert!(found.contains("lee"), "{what}: {found}");
    }
}

//! No promotion into a stage that must be approved without the approvals that
//! the policy asks for: of others, of people who may, of just this, in time,
//! and each used once.

use crate::desk::{Desk, opening, ring};
use pilothouse::base::{Actor, Digest, Period, RingName, Stage, Stop};
use pilothouse::rollout::{
    Approval, ApprovalAct, Audit, Command, Decision, Event, Fact, Gate, Grant, PeopleChange,
    Refusal, Role, Scope, Verb,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// How many must approve shift.
const NEEDED: u32 = 2;

fn strict() -> pilothouse::rollout::Opening {
    let mut strict = opening();
    strict.policy.approvals.insert(Stage::Snapshot, NEEDED);
    strict
}

fn by(desk: &mut Desk, who: &str, scope: Scope, verb: Verb) -> Result<Decision, Refusal> {
    let mut order = desk.order(scope, verb);
    order.actor = Actor::person(who);
    order.seen = None;
    desk.say(&Command::Order(order))
}

fn enrol(desk: &mut Desk, who: &str, role: Role) -> Result<Decision, Refusal> {
    let change = PeopleChange::Enrol {
        name: who.into(),
        allowed: vec![Grant::everywhere(role)],
        denied: Vec::new(),
    };
    by(desk, "root", Scope::Fleet, Verb::People(Box::new(change)))
}

/// Ana operates; lee, kim and max approve; root decides who they are.
fn crew(desk: &mut Desk) {
    enrol(desk, "root", Role::Admin).unwrap();
    enrol(desk, "ana", Role::Operator).unwrap();
    for who in ["lee", "kim", "max"] {
        enrol(desk, who, Role::Approver).unwrap();
    }
}

fn newest(desk: &Desk) -> Approval {
    desk.rollout().approvals.last().cloned().unwrap()
}

fn give(desk: &mut Desk, who: &str, approval: &Approval) -> Result<Decision, Refusal> {
    let act = ApprovalAct::Give {
        id: approval.id.clone(),
        binding: approval.binding(),
        signed: None,
    };
    by(desk, who, Scope::Fleet, Verb::Approval(act))
}

fn ask(desk: &mut Desk, name: &str) -> Approval {
    by(
        desk,
        "ana",
        ring(name),
        Verb::Approval(ApprovalAct::Request),
    )
    .unwrap();
    newest(desk)
}

/// A crew, and a ring that only waits to be approved.
fn waiting() -> (Desk, Approval) {
    let mut desk = Desk::new_with_crew(strict());
    desk.work();
    let approval = ask(&mut desk, "canary");
    (desk, approval)
}

impl Desk {
    fn new_with_crew(opening: pilothouse::rollout::Opening) -> Self {
        let mut desk = Self::with(opening);
        crew(&mut desk);
        desk
    }
}

fn refusal(answer: Result<Decision, Refusal>) -> String {
    answer.expect_err("it should have been refused").to_string()
}

#[test]
fn two_others_open_the_gate_once() {
    let (mut desk, approval) = waiting();
    let promote = |desk: &mut Desk| by(desk, "ana", ring("canary"), Verb::Promote);
    assert!(refusal(promote(&mut desk)).contains("0 given to request"));
    give(&mut desk, "lee", &approval).unwrap();
    let said = refusal(promote(&mut desk));
    assert!(
        said.contains("1 given") && said.contains("needs 2"),
        "{said}"
    );
    give(&mut desk, "kim", &approval).unwrap();
    promote(&mut desk).unwrap();
    let used = Event::ApprovalConsumed {
        id: approval.id.clone(),
    };
    assert_eq!(desk.facts.last().unwrap().event, used);
    assert!(refusal(give(&mut desk, "max", &approval)).contains("was used"));
    // Another ring has approvals of its own.
    let said = refusal(by(&mut desk, "ana", ring("broad"), Verb::Promote));
    assert!(said.contains("not asked for"), "{said}");
}

#[test]
fn what_does_not_count_is_refused_with_its_reason() {
    let (mut desk, approval) = waiting();
    let mut no = |who: &str, approval: &Approval, why: &str| {
        let said = refusal(give(&mut desk, who, approval));
        assert!(said.contains(why), "{who}: {said}");
    };
    no("ana", &approval, "you asked for");
    no("root", &approval, "may not approve");
    no("eve", &approval, "eve is not enrolled");
    let mut other = approval.clone();
    other.stop = Stop::Drop;
    no("lee", &other, "is not what request");
    other = approval.clone();
    other.plan = Digest::of("another plan", &[]);
    no("lee", &other, "is not what request");
    other.id = "00000000".into();
    no("lee", &other, "there is no request");
    give(&mut desk, "lee", &approval).unwrap();
    let again = refusal(give(&mut desk, "lee", &approval));
    assert!(again.contains("already"), "{again}");
    desk.wait(desk.rollout().opening.policy.approval_ttl.ms());
    let late = refusal(give(&mut desk, "kim", &approval));
    assert!(late.contains("expired"), "{late}");
}

#[test]
fn a_request_is_ended_by_a_no_and_by_its_sender_alone() {
    let (mut desk, approval) = waiting();
    let id = approval.id.clone();
    let withdraw = Verb::Approval(ApprovalAct::Withdraw { id: id.clone() });
    let said = refusal(by(&mut desk, "lee", Scope::Fleet, withdraw.clone()));
    assert!(said.contains("ana, who alone"), "{said}");
    by(&mut desk, "ana", Scope::Fleet, withdraw).unwrap();
    assert!(refusal(give(&mut desk, "lee", &approval)).contains("withdrawn by ana"));
    let approval = ask(&mut desk, "canary");
    let reject = Verb::Approval(ApprovalAct::Reject {
        id: approval.id.clone(),
    });
    by(&mut desk, "lee", Scope::Fleet, reject).unwrap();
    assert!(refusal(give(&mut desk, "kim", &approval)).contains("rejected by lee"));
}

/// The same again keeps what was given; anything else voids it and says what.
#[test]
fn a_new_rollout_keeps_approvals_for_the_same_and_voids_the_others() {
    for (changed, word) in [("", ""), ("plan", "the plan"), ("policy", "the policy")] {
        let (mut desk, approval) = waiting();
        give(&mut desk, "lee", &approval).unwrap();
        by(&mut desk, "ana", Scope::Fleet, Verb::Abort).unwrap();
        desk.work_off();
        let mut again = strict();
        again.id = "r2".into();
        match changed {
            "plan" => again.plan_digest = Digest::of("another plan", &[]),
            "policy" => again.policy.soak = Period::from_ms(1),
            _ => {}
        }
        desk.say(&Command::Open(Box::new(again), Actor::person("ana")))
            .unwrap();
        let answer = give(&mut desk, "kim", &approval);
        if changed.is_empty() {
            answer.unwrap();
            desk.work();
            by(&mut desk, "ana", ring("canary"), Verb::Promote).unwrap();
        } else {
            let said = refusal(answer);
            assert!(said.contains(&format!("is void: {word} changed")), "{said}");
        }
    }
}

#[test]
fn broken_glass_opens_the_gate_for_its_time_and_owes_a_review() {
    let (mut desk, _) = waiting();
    let lasting = Period::from_ms(60_000);
    let glass = Verb::BreakGlass { lasting };
    let too_long = Verb::BreakGlass {
        lasting: Period::from_ms(3_600_001),
    };
    assert!(refusal(by(&mut desk, "ana", Scope::Fleet, too_long)).contains("at most"));
    let said = refusal(by(&mut desk, "lee", Scope::Fleet, glass.clone()));
    assert!(said.contains("may not act"), "{said}");
    by(&mut desk, "ana", Scope::Fleet, glass).unwrap();
    by(&mut desk, "ana", ring("canary"), Verb::Promote).unwrap();
    desk.wait(60_000);
    let said = refusal(by(&mut desk, "ana", ring("broad"), Verb::Promote));
    assert!(said.contains("not asked for"), "{said}");
    let said = refusal(by(&mut desk, "ana", Scope::Fleet, Verb::Review));
    assert!(said.contains("somebody else reviews"), "{said}");
    by(&mut desk, "lee", Scope::Fleet, Verb::Review).unwrap();
    assert_eq!(desk.rollout().reviews_owed().count(), 0);
}

/// The next rollout has gates of its own; what is owed stays owed.
#[test]
fn broken_glass_ends_with_its_rollout_and_its_review_does_not() {
    let (mut desk, _) = waiting();
    let lasting = Period::from_ms(3_600_000);
    let glass = Verb::BreakGlass { lasting };
    by(&mut desk, "ana", Scope::Fleet, glass.clone()).unwrap();
    by(&mut desk, "ana", Scope::Fleet, Verb::Abort).unwrap();
    desk.work_off();
    let again = Command::Open(Box::new(strict()), Actor::person("ana"));
    desk.say(&again).unwrap();
    desk.work();
    let said = refusal(by(&mut desk, "ana", ring("canary"), Verb::Promote));
    assert!(said.contains("needs 2"), "{said}");
    enrol(&mut desk, "kim", Role::Operator).unwrap();
    by(&mut desk, "kim", Scope::Fleet, glass).unwrap();
    by(&mut desk, "ana", ring("canary"), Verb::Promote).unwrap();
    assert_eq!(desk.rollout().reviews_owed().count(), 2);
    for breaker in ["ana", "kim"] {
        refusal(by(&mut desk, breaker, Scope::Fleet, Verb::Review));
    }
    by(&mut desk, "lee", Scope::Fleet, Verb::Review).unwrap();
    assert_eq!(desk.rollout().reviews_owed().count(), 0);
    assert_eq!(audited(&desk.facts), Vec::<String>::new());
}

#[test]
fn shift_is_approved_where_it_is_entered_and_each_stop_of_contract() {
    let mut opening = opening();
    for stage in [Stage::Shift, Stage::Contract] {
        opening.policy.approvals.insert(stage, 1);
    }
    let desk = Desk::with(opening);
    let needed: Vec<u32> = [
        Stop::Verify,
        Stop::Shift(10),
        Stop::Shift(100),
        Stop::Retire,
        Stop::Drop,
    ]
    .map(|stop| desk.rollout().approvals_needed(stop))
    .to_vec();
    assert_eq!(needed, [0, 1, 0, 1, 1]);
}

/// Whoever is trusted within one ring approves there, and asks for one stage.
#[test]
fn a_limited_approver_approves_within_the_limit() {
    let (mut desk, approval) = waiting();
    let mut limited = |name: &str, role: Role, ring: Option<&str>, stage: Option<Stage>| {
        let ring = ring.map(|r| RingName::new(r).unwrap());
        let change = PeopleChange::Enrol {
            name: name.into(),
            allowed: vec![Grant { role, ring, stage }],
            denied: Vec::new(),
        };
        by(
            &mut desk,
            "root",
            Scope::Fleet,
            Verb::People(Box::new(change)),
        )
        .unwrap();
    };
    limited("lee", Role::Approver, Some("canary"), None);
    limited("kim", Role::Approver, None, Some(Stage::Snapshot));
    limited("max", Role::Approver, Some("broad"), None);
    limited("ana", Role::Operator, None, Some(Stage::Snapshot));
    give(&mut desk, "lee", &approval).unwrap();
    give(&mut desk, "kim", &approval).unwrap();
    let said = refusal(give(&mut desk, "max", &approval));
    assert!(said.contains("max may not approve here"), "{said}");
    ask(&mut desk, "broad");
    by(&mut desk, "ana", ring("canary"), Verb::Promote).unwrap();
}

/// What a history breaks, read from its facts alone.
fn broken(facts: &[Fact], needed: impl Fn(Stop) -> u32) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut asked: BTreeMap<&str, (&Fact, &Approval)> = BTreeMap::new();
    let mut given: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut ended: BTreeSet<&str> = BTreeSet::new();
    let mut approvers: BTreeSet<&str> = BTreeSet::new();
    let mut plan = None;
    let mut glass = 0;
    for (place, fact) in facts.iter().enumerate() {
        let who = fact.actor.name.as_str();
        match &fact.event {
            Event::RolloutOpened(opening) => {
                plan = Some(opening.plan_digest);
                glass = 0;
            }
            Event::PeopleChanged(PeopleChange::Enrol { name, allowed, .. }) => {
                match allowed.iter().any(|g| g.role == Role::Approver) {
                    true => approvers.insert(name),
                    false => approvers.remove(name.as_str()),
                };
            }
            Event::PeopleChanged(PeopleChange::Revoke { name }) => {
                approvers.remove(name.as_str());
            }
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
            Event::RingAdmitted { ring, stop, .. } if needed(*stop) > 0 && fact.at.0 >= glass => {
                let used = facts[place + 1..].iter().find_map(|f| match &f.event {
                    Event::ApprovalConsumed { id }
                        if f.scope == Scope::Ring(ring.clone()) && f.at == fact.at =>
                    {
                        Some(id.as_str())
                    }
                    _ => None,
                });
                let Some((_, approval)) = used.and_then(|id| asked.get(id)) else {
                    wrong.push(format!("{ring} admitted to {stop} without approval"));
                    continue;
                };
                let id = approval.id.as_str();
                let votes = given.get(id).map_or(0, BTreeSet::len);
                if votes < needed(*stop) as usize {
                    wrong.push(format!("{id}: {votes} approved"));
                }
                if approval.ring != *ring || approval.stop != *stop {
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
            }
            _ => {}
        }
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
        1 => who.clone().prop_map(Step::Glass),
        1 => (who.clone(), 0..4_usize).prop_map(|(w, r)| Step::Role(w, r)),
        1 => who.prop_map(Step::Revoke),
        2 => prop_oneof![Just(1_000_u64), Just(1_800_000), Just(3_600_000)].prop_map(Step::Wait),
        2 => Just(Step::Work),
        1 => any::<bool>().prop_map(Step::Again),
    ]
}

fn ring_of(first: bool) -> Scope {
    ring(if first { "canary" } else { "broad" })
}

fn take(desk: &mut Desk, step: &Step) {
    let nth = |desk: &Desk, n: usize| desk.rollout().approvals.iter().rev().nth(n).cloned();
    // A refusal is an answer like any other; the history is judged.
    let _ = match step {
        Step::Ask(who, first) => {
            let act = Verb::Approval(ApprovalAct::Request);
            by(desk, CREW[*who], ring_of(*first), act)
        }
        Step::Give(who, n, honest) => {
            let Some(mut found) = nth(desk, *n) else {
                return;
            };
            if !honest {
                found.stop = Stop::Drop;
            }
            give(desk, CREW[*who], &found)
        }
        Step::Reject(who, n) | Step::Withdraw(who, n) => {
            let Some(Approval { id, .. }) = nth(desk, *n) else {
                return;
            };
            let act = match step {
                Step::Reject(..) => ApprovalAct::Reject { id },
                _ => ApprovalAct::Withdraw { id },
            };
            by(desk, CREW[*who], Scope::Fleet, Verb::Approval(act))
        }
        Step::Promote(who, first) => by(desk, CREW[*who], ring_of(*first), Verb::Promote),
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
        Step::Wait(ms) => return desk.wait(*ms),
        Step::Work => return desk.work(),
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
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_is_admitted_without_its_approvals(steps in prop::collection::vec(step(), 1..120)) {
        let mut desk = Desk::new_with_crew(strict());
        desk.work();
        for step in &steps {
            take(&mut desk, step);
        }
        prop_assert_eq!(broken(&desk.facts, needed), Vec::<String>::new());
        prop_assert_eq!(audited(&desk.facts), Vec::<String>::new());
    }
}

/// What `journal verify` would say of these facts.
fn audited(facts: &[Fact]) -> Vec<String> {
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

#[test]
fn the_gate_is_named_to_whoever_promotes_too_early() {
    let (mut desk, _) = waiting();
    let gates = crate::desk::closed_gates(by(&mut desk, "ana", ring("canary"), Verb::Promote));
    assert_eq!(
        gates.iter().map(|(g, _)| *g).collect::<Vec<_>>(),
        [Gate::Approval]
    );
}

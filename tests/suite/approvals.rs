//! No promotion into a stage that must be approved without the approvals that
//! the policy asks for: of others, of people who may, of just this, in time,
//! and each used once.

use crate::approval_laws::audited;
use crate::desk::{Desk, opening, ring};
use pilothouse::base::{Actor, Digest, Period, RingName, Stage, Stop};
use pilothouse::rollout::{
    Approval, ApprovalAct, Command, Decision, Event, Gate, Grant, PeopleChange, Refusal, Role,
    Scope, Verb,
};

/// How many must approve shift.
pub const NEEDED: u32 = 2;

pub fn strict() -> pilothouse::rollout::Opening {
    let mut strict = opening();
    strict.policy.approvals.insert(Stage::Snapshot, NEEDED);
    strict
}

pub fn by(desk: &mut Desk, who: &str, scope: Scope, verb: Verb) -> Result<Decision, Refusal> {
    let mut order = desk.order(scope, verb);
    order.actor = Actor::person(who);
    order.seen = None;
    desk.say(&Command::Order(order))
}

pub fn enrol(desk: &mut Desk, who: &str, role: Role) -> Result<Decision, Refusal> {
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

pub fn give(desk: &mut Desk, who: &str, approval: &Approval) -> Result<Decision, Refusal> {
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
pub fn waiting() -> (Desk, Approval) {
    let mut desk = Desk::new_with_crew(strict());
    desk.work();
    let approval = ask(&mut desk, "canary");
    (desk, approval)
}

impl Desk {
    pub fn new_with_crew(opening: pilothouse::rollout::Opening) -> Self {
        let mut desk = Self::with(opening);
        crew(&mut desk);
        desk
    }
}

pub fn refusal(answer: Result<Decision, Refusal>) -> String {
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
fn what_is_over_is_still_reviewed() {
    let (mut desk, _) = waiting();
    let lasting = Period::from_ms(3_600_000);
    by(&mut desk, "ana", Scope::Fleet, Verb::BreakGlass { lasting }).unwrap();
    by(&mut desk, "ana", Scope::Fleet, Verb::Abort).unwrap();
    desk.work_off();
    assert!(desk.rollout().outcome.is_some());
    let needs = crate::standing::view(&desk).needs_you;
    let owed = |n: &&pilothouse::wire::Need| n.what.contains("somebody else must review");
    assert_eq!(needs.iter().filter(owed).count(), 1, "{needs:?}");
    refusal(by(&mut desk, "ana", Scope::Fleet, Verb::Review));
    by(&mut desk, "lee", Scope::Fleet, Verb::Review).unwrap();
    assert_eq!(crate::standing::view(&desk).needs_you, []);
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

#[test]
fn the_gate_is_named_to_whoever_promotes_too_early() {
    let (mut desk, _) = waiting();
    let gates = crate::desk::closed_gates(by(&mut desk, "ana", ring("canary"), Verb::Promote));
    assert_eq!(
        gates.iter().map(|(g, _)| *g).collect::<Vec<_>>(),
        [Gate::Approval]
    );
}

//! Who may what, decided in the heart: every way in leads past it.

use crate::desk::{Desk, ring};
use pilothouse::base::{Actor, Digest, RingName, Stage, Timestamp};
use pilothouse::rollout::{Command, Decision, Grant, PeopleChange, Refusal, Role, Scope, Verb};

fn by(desk: &mut Desk, who: &str, scope: Scope, verb: Verb) -> Result<Decision, Refusal> {
    let mut order = desk.order(scope, verb);
    order.actor = Actor::person(who);
    desk.say(&Command::Order(order))
}

fn change(desk: &mut Desk, who: &str, change: PeopleChange) -> Result<Decision, Refusal> {
    by(desk, who, Scope::Fleet, Verb::People(Box::new(change)))
}

fn enrol(name: &str, allowed: Vec<Grant>, denied: Vec<Grant>) -> PeopleChange {
    PeopleChange::Enrol {
        name: name.into(),
        allowed,
        denied,
    }
}

fn only(role: Role, ring: Option<&str>, stage: Option<Stage>) -> Grant {
    Grant {
        role,
        ring: ring.map(|r| RingName::new(r).unwrap()),
        stage,
    }
}

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.work();
    let admin = vec![Grant::everywhere(Role::Admin)];
    change(&mut desk, "root", enrol("root", admin, Vec::new())).unwrap();
    desk
}

fn refused(answer: Result<Decision, Refusal>) -> String {
    match answer {
        Err(Refusal::Denied(why)) => why,
        other => panic!("it should have been denied: {other:?}"),
    }
}

#[test]
fn as_long_as_nobody_is_enrolled_there_is_nobody_else() {
    let mut desk = Desk::new();
    by(&mut desk, "anybody", Scope::Fleet, Verb::Pause).unwrap();
    let first = enrol("ana", vec![Grant::everywhere(Role::Operator)], Vec::new());
    let answer = change(&mut desk, "ana", first);
    assert!(matches!(answer, Err(Refusal::Forbidden(_))), "{answer:?}");
    // A mistyped name would lock everybody out for good.
    let other = enrol("amy", vec![Grant::everywhere(Role::Admin)], Vec::new());
    let answer = change(&mut desk, "ana", other);
    assert!(matches!(answer, Err(Refusal::Forbidden(_))), "{answer:?}");
}

#[test]
fn a_role_gives_what_it_says_and_nothing_else() {
    let mut desk = desk();
    for role in Role::ALL {
        let name = role.word();
        let grants = vec![Grant::everywhere(role)];
        change(&mut desk, "root", enrol(name, grants, Vec::new())).unwrap();
    }
    let acts = [
        (Verb::Pause, &["operator", "approver", "admin"][..]),
        (Verb::Resume, &["operator"]),
        (Verb::Hold, &["operator", "approver", "admin"]),
        (Verb::Release, &["operator"]),
        (
            Verb::People(Box::new(enrol(
                "new",
                vec![Grant::everywhere(Role::Viewer)],
                Vec::new(),
            ))),
            &["admin"],
        ),
    ];
    for (verb, may) in acts {
        for who in ["viewer", "operator", "approver", "admin", "stranger"] {
            let answer = by(&mut desk, who, Scope::Fleet, verb.clone());
            let denied = matches!(answer, Err(Refusal::Denied(_)));
            assert_eq!(!denied, may.contains(&who), "{who} {verb:?}: {answer:?}");
            // What one may, another has perhaps done already.
            if verb == Verb::Resume && !denied {
                by(&mut desk, "operator", Scope::Fleet, Verb::Pause).unwrap();
            }
        }
    }
}

#[test]
fn deny_beats_allow_and_a_place_is_a_limit() {
    let mut desk = desk();
    let operator = || vec![Grant::everywhere(Role::Operator)];
    let not_broad = vec![only(Role::Operator, Some("broad"), None)];
    change(&mut desk, "root", enrol("ana", operator(), not_broad)).unwrap();
    by(&mut desk, "ana", ring("canary"), Verb::Pause).unwrap();
    let why = refused(by(&mut desk, "ana", ring("broad"), Verb::Pause));
    assert!(why.contains("denied operator in ring broad"), "{why}");
    // All rings are that one too.
    refused(by(&mut desk, "ana", Scope::Fleet, Verb::Pause));
    let canary = vec![only(Role::Operator, Some("canary"), None)];
    change(&mut desk, "root", enrol("lee", canary, Vec::new())).unwrap();
    by(&mut desk, "lee", ring("canary"), Verb::Resume).unwrap();
    refused(by(&mut desk, "lee", ring("broad"), Verb::Pause));
    by(&mut desk, "lee", crate::desk::on("a1"), Verb::Pause).unwrap();
    refused(by(&mut desk, "lee", crate::desk::on("b1"), Verb::Pause));
    // Of all that, snapshot only: the rings stand before it.
    let snapshot = vec![only(Role::Operator, None, Some(Stage::Snapshot))];
    change(&mut desk, "root", enrol("kim", snapshot, Vec::new())).unwrap();
    by(&mut desk, "kim", ring("broad"), Verb::Promote).unwrap();
    desk.work();
    refused(by(&mut desk, "kim", ring("broad"), Verb::Promote));
}

#[test]
fn the_last_admin_stays_and_who_is_revoked_is_nobody() {
    let mut desk = desk();
    let revoke = |name: &str| PeopleChange::Revoke { name: name.into() };
    let answer = change(&mut desk, "root", revoke("root"));
    assert!(matches!(answer, Err(Refusal::Forbidden(_))), "{answer:?}");
    let viewer = vec![Grant::everywhere(Role::Viewer)];
    let answer = change(&mut desk, "root", enrol("root", viewer, Vec::new()));
    assert!(matches!(answer, Err(Refusal::Forbidden(_))), "{answer:?}");
    let operator = vec![Grant::everywhere(Role::Operator)];
    change(&mut desk, "root", enrol("ana", operator, Vec::new())).unwrap();
    change(&mut desk, "root", revoke("ana")).unwrap();
    let why = refused(by(&mut desk, "ana", Scope::Fleet, Verb::Pause));
    assert!(why.contains("revoked"), "{why}");
    // What was enrolled once is still known after a restart.
    let mut again = pilothouse::rollout::State::default();
    for fact in &desk.facts {
        pilothouse::rollout::apply(&mut again, fact);
    }
    assert_eq!(again, desk.state);
}

#[test]
fn a_token_is_its_owners_until_it_ends() {
    let mut desk = desk();
    let viewer = vec![Grant::everywhere(Role::Viewer)];
    change(&mut desk, "root", enrol("ana", viewer.clone(), Vec::new())).unwrap();
    change(&mut desk, "root", enrol("lee", viewer, Vec::new())).unwrap();
    let (secret, other) = (Digest::of("s", &[]), Digest::of("o", &[]));
    let issue = |expires_at| PeopleChange::IssueToken {
        name: "ana".into(),
        id: "1f00".into(),
        secret,
        expires_at,
    };
    let until = Timestamp(desk.now.0 + 1_000);
    refused(change(&mut desk, "lee", issue(until)));
    let past = change(&mut desk, "ana", issue(Timestamp(0)));
    assert!(matches!(past, Err(Refusal::Forbidden(_))));
    change(&mut desk, "ana", issue(until)).unwrap();
    let people = |desk: &Desk| desk.state.people.clone();
    let now = desk.now;
    assert_eq!(people(&desk).bearer("1f00", &secret, now), Ok("ana"));
    for (id, secret, at, why) in [
        ("1f00", other, now, "not known"),
        ("1f01", secret, now, "not known"),
        ("1f00", secret, until, "expired"),
    ] {
        let people = people(&desk);
        let said = people.bearer(id, &secret, at).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
    let revoke = PeopleChange::RevokeToken {
        name: "ana".into(),
        id: "1f00".into(),
    };
    change(&mut desk, "ana", revoke).unwrap();
    let people = people(&desk);
    let said = people.bearer("1f00", &secret, now).unwrap_err();
    assert!(said.contains("revoked"), "{said}");
}

/// To deny one role takes that role's right, and not what others give as well.
#[test]
fn a_denial_takes_its_own_right_only() {
    let mut desk = desk();
    let operator = || vec![Grant::everywhere(Role::Operator)];
    let denied = vec![
        Grant::everywhere(Role::Approver),
        only(Role::Admin, Some("broad"), None),
    ];
    change(&mut desk, "root", enrol("ana", operator(), denied)).unwrap();
    assert_eq!(desk.state.people.may_look("ana"), Ok(()));
    by(&mut desk, "ana", Scope::Fleet, Verb::Pause).unwrap();
    by(&mut desk, "ana", Scope::Fleet, Verb::Resume).unwrap();
    let nothing = vec![Grant::everywhere(Role::Viewer)];
    change(&mut desk, "root", enrol("ana", operator(), nothing)).unwrap();
    assert!(desk.state.people.may_look("ana").is_err());
    refused(by(&mut desk, "ana", Scope::Fleet, Verb::Pause));
}

#[test]
fn a_token_makes_no_other_token_and_takes_nobodys_id() {
    let mut desk = desk();
    let viewer = || vec![Grant::everywhere(Role::Viewer)];
    for name in ["ana", "lee"] {
        change(&mut desk, "root", enrol(name, viewer(), Vec::new())).unwrap();
    }
    let issue = |desk: &Desk, name: &str, id: &str| PeopleChange::IssueToken {
        name: name.into(),
        id: id.into(),
        secret: Digest::of("s", &[name.as_bytes()]),
        expires_at: Timestamp(desk.now.0 + 1_000),
    };
    let first = issue(&desk, "lee", "1f00");
    change(&mut desk, "lee", first).unwrap();
    let same = issue(&desk, "ana", "1f00");
    let answer = change(&mut desk, "ana", same);
    assert!(matches!(answer, Err(Refusal::Forbidden(_))), "{answer:?}");
    let verb = Verb::People(Box::new(issue(&desk, "lee", "1f01")));
    let mut order = desk.order(Scope::Fleet, verb);
    order.actor = Actor::bearer("lee");
    refused(desk.say(&Command::Order(order)));
}

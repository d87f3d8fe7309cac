//! Promotions that wait for their window: nothing happens before it, nothing
//! after it, nothing past a gate, and anybody who may slow things down can
//! take them back.

use crate::approval_laws::audited;
use crate::approvals::{by, enrol, give, refusal, strict};
use crate::crew::{comes, done, refused, say};
use crate::daemon::Daemon;
use crate::desk::{Desk, ring, roll_back};
use crate::documents::scratch;
use pilothouse::base::{Actor, Cause, Period, Stop, Timestamp};
use pilothouse::rollout::{
    Approval, ApprovalAct, Command, Event, Fact, Opening, PeopleChange, Role, Scope, Verb, Window,
    next,
};

const HOUR_MS: u64 = 3_600_000;

/// A window that opens in an hour, for an hour.
fn tonight(desk: &Desk) -> Window {
    let from = desk.now.after(Period::from_ms(HOUR_MS));
    Window {
        from,
        until: from.after(Period::from_ms(HOUR_MS)),
    }
}

/// Canary waits for snapshot, and ana has scheduled it for tonight.
fn scheduled(opening: Opening) -> (Desk, Window) {
    let mut desk = Desk::new_with_crew(opening);
    desk.work();
    let window = tonight(&desk);
    by(&mut desk, "ana", ring("canary"), Verb::Schedule(window)).unwrap();
    (desk, window)
}

fn at(desk: &mut Desk, now: Timestamp) {
    desk.now = now;
    // The readings that gates ask for are fresh.
    for name in ["a1", "b1", "b2"] {
        let seen = desk.seen.shard_mut(&crate::desk::shard(name));
        seen.throttle_read_at = Some(now);
    }
    desk.reconcile();
}

fn last_admitted(desk: &Desk) -> Option<&Fact> {
    let admitted = |f: &&Fact| matches!(f.event, Event::RingAdmitted { .. });
    desk.facts.iter().rev().find(admitted)
}

fn lapsed(desk: &Desk) -> String {
    let why = desk.facts.iter().find_map(|f| match &f.event {
        Event::PromotionLapsed { why, .. } => Some(why.clone()),
        _ => None,
    });
    why.expect("it came to nothing")
}

fn request(desk: &Desk) -> Approval {
    desk.rollout().approvals.last().cloned().unwrap()
}

fn unapproved() -> Opening {
    crate::desk::opening()
}

#[test]
fn it_happens_when_its_window_opens_in_the_name_of_who_ordered_it() {
    let (mut desk, window) = scheduled(unapproved());
    let wakes = next(&desk.state, &desk.seen, desk.now).wake_at;
    assert_eq!(wakes, Some(window.from));
    let early = Timestamp(window.from.0 - 1);
    at(&mut desk, early);
    assert_eq!(desk.admitted("canary"), Stop::Preflight);
    at(&mut desk, window.from);
    assert_eq!(desk.admitted("canary"), Stop::Snapshot);
    let fact = last_admitted(&desk).unwrap();
    assert_eq!(fact.actor, Actor::person("ana"));
    assert_eq!(fact.cause, Cause::Scheduled);
    assert_eq!(desk.ring("canary").pending, None);
    // Once: the next stop is nobody's order.
    desk.work();
    at(&mut desk, window.from.after(Period::from_ms(60_000)));
    assert_eq!(desk.admitted("canary"), Stop::Snapshot);
}

#[test]
fn what_must_be_approved_is_asked_for_with_it_and_used_in_its_window_only() {
    let (mut desk, window) = scheduled(strict());
    let approval = request(&desk);
    assert_eq!(approval.window, Some(window));
    assert_eq!(approval.expires_at, window.until);
    give(&mut desk, "lee", &approval).unwrap();
    give(&mut desk, "kim", &approval).unwrap();
    let said = refusal(by(&mut desk, "ana", ring("canary"), Verb::Promote));
    assert!(said.contains("2 given"), "{said}");
    assert!(said.contains(&window.to_string()), "{said}");
    at(&mut desk, window.from);
    assert_eq!(desk.admitted("canary"), Stop::Snapshot);
    let used = Event::ApprovalConsumed { id: approval.id };
    assert!(desk.facts.iter().any(|f| f.event == used));
}

#[test]
fn gates_are_waited_for_and_a_window_that_closes_on_them_says_which() {
    let (mut desk, window) = scheduled(strict());
    let asked = request(&desk);
    give(&mut desk, "lee", &asked).unwrap();
    at(&mut desk, window.from);
    assert_eq!(desk.admitted("canary"), Stop::Preflight);
    assert!(desk.ring("canary").pending.is_some());
    at(&mut desk, window.until);
    assert_eq!(desk.admitted("canary"), Stop::Preflight);
    assert_eq!(desk.ring("canary").pending, None);
    let why = lapsed(&desk);
    assert!(
        why.contains("its window closed") && why.contains("approval"),
        "{why}"
    );
}

#[test]
fn who_may_slow_things_down_may_cancel_it_and_its_request_goes_with_it() {
    let (mut desk, window) = scheduled(strict());
    enrol(&mut desk, "eve", Role::Viewer).unwrap();
    let said = refusal(by(&mut desk, "eve", ring("canary"), Verb::Cancel));
    assert!(said.contains("eve may not"), "{said}");
    let said = refusal(by(&mut desk, "lee", ring("broad"), Verb::Cancel));
    assert!(said.contains("nothing is scheduled"), "{said}");
    by(&mut desk, "lee", ring("canary"), Verb::Cancel).unwrap();
    let asked = request(&desk);
    let said = refusal(give(&mut desk, "kim", &asked));
    assert!(said.contains("withdrawn by lee"), "{said}");
    at(&mut desk, window.from);
    assert_eq!(desk.admitted("canary"), Stop::Preflight);
}

#[test]
fn a_no_ends_it_and_so_does_taking_the_question_back() {
    for (who, reject) in [("lee", true), ("ana", false)] {
        let (mut desk, _) = scheduled(strict());
        let id = request(&desk).id;
        let act = match reject {
            true => ApprovalAct::Reject { id },
            false => ApprovalAct::Withdraw { id },
        };
        by(&mut desk, who, Scope::Fleet, Verb::Approval(act)).unwrap();
        assert_eq!(desk.ring("canary").pending, None, "{who}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let (mut desk, window) = scheduled(unapproved());
    let mut no = |scope: Scope, window: Window, why: &str| {
        let said = refusal(by(&mut desk, "ana", scope, Verb::Schedule(window)));
        assert!(said.contains(why), "{said}");
    };
    let ms = Period::from_ms;
    let turned = Window {
        from: window.until,
        until: window.from,
    };
    let over = Window {
        from: Timestamp(0),
        until: Timestamp(1),
    };
    let far = Window {
        until: window.until.after(ms(7 * 24 * HOUR_MS)),
        ..window
    };
    no(ring("canary"), window, "has scheduled canary already");
    no(ring("broad"), turned, "closes before it opens");
    no(ring("broad"), over, "is over");
    no(ring("broad"), far, "within seven days");
    no(Scope::Fleet, window, "one ring");
    let said = refusal(by(&mut desk, "lee", ring("broad"), Verb::Schedule(window)));
    assert!(said.contains("lee may not act"), "{said}");
}

#[test]
fn a_request_for_another_time_stands_in_its_way() {
    let mut desk = Desk::new_with_crew(strict());
    desk.work();
    let ask = Verb::Approval(ApprovalAct::Request);
    by(&mut desk, "ana", ring("canary"), ask).unwrap();
    let window = tonight(&desk);
    let said = refusal(by(&mut desk, "ana", ring("canary"), Verb::Schedule(window)));
    assert!(said.contains("withdraw it first"), "{said}");
}

#[test]
fn the_old_form_is_not_retired_while_nobody_looks() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Shift(100));
    let window = tonight(&desk);
    let said = refusal(desk.ask(ring("canary"), Verb::Schedule(window)));
    assert!(said.contains("somebody who is there"), "{said}");
}

#[test]
fn whoever_is_not_trusted_any_more_promotes_nothing() {
    let (mut desk, window) = scheduled(unapproved());
    let name = "ana".to_owned();
    let revoke = Verb::People(Box::new(PeopleChange::Revoke { name }));
    by(&mut desk, "root", Scope::Fleet, revoke).unwrap();
    at(&mut desk, window.from);
    assert_eq!(desk.admitted("canary"), Stop::Preflight);
    assert!(lapsed(&desk).contains("ana"), "{}", lapsed(&desk));
}

#[test]
fn it_does_not_outlive_a_rollback_an_abort_or_its_rollout() {
    let (mut desk, window) = scheduled(unapproved());
    by(&mut desk, "ana", ring("canary"), Verb::Promote).unwrap();
    assert_eq!(desk.ring("canary").pending, None, "it has come about");
    desk.bring_to(Stop::Expand);
    let again = Verb::Schedule(tonight(&desk));
    by(&mut desk, "ana", ring("canary"), again).unwrap();
    by(&mut desk, "ana", ring("canary"), roll_back(Stop::Snapshot)).unwrap();
    assert_eq!(desk.ring("canary").pending, None, "rolled back");
    let (mut desk, _) = scheduled(unapproved());
    by(&mut desk, "ana", Scope::Fleet, Verb::Abort).unwrap();
    desk.work_off();
    let open = Command::Open(Box::new(unapproved()), Actor::person("ana"));
    desk.say(&open).unwrap();
    desk.work();
    at(&mut desk, window.from);
    assert_eq!(desk.admitted("canary"), Stop::Preflight, "another rollout");
}

type Falsify = fn(&mut Vec<Fact>, usize);

/// Whoever forges the record of a promotion that nobody had scheduled, or not
/// like this, is found by whoever verifies it.
#[test]
fn a_false_scheduled_promotion_is_found_in_the_journal() {
    let (mut desk, window) = scheduled(unapproved());
    at(&mut desk, window.from);
    assert_eq!(audited(&desk.facts), Vec::<String>::new());
    let is_fired = |f: &Fact| f.cause == Cause::Scheduled;
    let fired = desk.facts.iter().position(is_fired).unwrap();
    let falsified: [(&str, Falsify); 4] = [
        ("never scheduled", |facts, _| {
            facts.retain(|f| !matches!(f.event, Event::PromotionScheduled(_)));
        }),
        ("by somebody else", |facts, fired| {
            facts[fired].actor = Actor::person("lee");
        }),
        ("too early", |facts, fired| facts[fired].at.0 -= 1),
        ("after a roll back", |facts, fired| {
            let shards = Vec::new();
            let to = Stop::Snapshot;
            let back = Fact {
                event: Event::RollbackBegun { to, shards },
                cause: Cause::Operator,
                key: None,
                ..facts[fired].clone()
            };
            facts.insert(fired, back);
        }),
    ];
    for (what, falsify) in falsified {
        let mut facts = desk.facts.clone();
        falsify(&mut facts, fired);
        let found = audited(&facts).join("; ");
        assert!(
            found.contains("nobody had scheduled that"),
            "{what}: {found}"
        );
    }
}

/// Through the program: ordered, seen, taken back, ordered again, done.
#[tokio::test]
async fn everybody_sees_what_is_scheduled_and_it_comes_about() {
    let folder = scratch().await;
    let mut daemon = Daemon::in_folder(folder);
    daemon.serve(&["--migration", "change.toml"]);
    let folder = daemon.folder.path();
    let mut me = daemon.attach("me");
    me.until("preflight done", |o| {
        o.view
            .rings
            .iter()
            .any(|r| r.name.as_str() == "canary" && r.standing.word.contains("promote"))
    })
    .await;
    let later = [
        "schedule",
        "--ring",
        "canary",
        "--from",
        "2099-01-01T00:00",
        "--until",
        "2099-01-01T01:00",
    ];
    refused(folder, &later, "within seven days");
    let said = say(
        folder,
        &[
            "schedule", "--ring", "canary", "--from", "soon", "--until", "02:00",
        ],
    );
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("--from soon"), "{}", said.err);
    // An hour from now for an hour, whatever the hour is.
    let moment = |ms: u64| {
        pilothouse::engine::now()
            .after(Period::from_ms(ms))
            .to_string()
    };
    let (from, until) = (moment(HOUR_MS), moment(2 * HOUR_MS));
    let order = [
        "schedule", "--ring", "canary", "--from", &from, "--until", &until,
    ];
    let dry = done(folder, &[&order[..], &["--dry-run"]].concat());
    assert!(dry.contains("would be recorded"), "{dry}");
    done(folder, &[&order[..], &["--reason", "quiet hours"]].concat());
    me.until("what is scheduled", |o| {
        o.view.rings.iter().any(|r| {
            r.pending
                .as_ref()
                .is_some_and(|p| p.asked.reason == "quiet hours")
                && r.standing.next.contains("scheduled by")
        })
    })
    .await;
    // A status from before it is some moments old at most.
    comes("a status", || {
        done(folder, &["status"]).contains("scheduled")
    })
    .await;
    done(folder, &["cancel", "--ring", "canary"]);
    refused(folder, &["cancel"], "nothing is scheduled");
    let at_once = [
        "schedule",
        "--ring",
        "canary",
        "--from",
        &moment(0),
        "--until",
        &until,
    ];
    done(folder, &at_once);
    me.until("canary in snapshot", |o| {
        o.view
            .rings
            .iter()
            .any(|r| r.name.as_str() == "canary" && r.admitted == Stop::Snapshot)
    })
    .await;
}

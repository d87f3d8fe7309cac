//! What those outside are told: of what, how often, and in which words.

use crate::desk::{Desk, SOAK_MS, fault, on, opening, policy, ring, roll_back, shard};
use crate::scene::{Steps as _, finished, troubled};
use crate::standing::view;
use pilothouse::base::{Actor, Period, Stage, Stop, Timestamp};
use pilothouse::fleet::{Guard, GuardAction, NotifyEvent};
use pilothouse::notify::{Due, GROUP, Group, Ledger, Message, Notice, Pace, due};
use pilothouse::rollout::{
    ApprovalAct, Command, Fact, Grant, PeopleChange, Report, Role, Scope, Verb, Window,
};
use std::collections::BTreeSet;

fn notice(id: &str) -> Notice {
    Notice {
        id: id.into(),
        event: NotifyEvent::Held,
        scope: Scope::Fleet,
        what: id.into(),
        why: String::new(),
        since: Timestamp(0),
        clears: String::new(),
        by: None,
    }
}

fn open(ids: &[&str]) -> Due {
    Due {
        open: ids.iter().map(|id| notice(id)).collect(),
        ended: Vec::new(),
    }
}

fn ids(list: &[Notice]) -> Vec<&str> {
    list.iter().map(|n| n.id.as_str()).collect()
}

/// Raised, cleared, ended.
fn told(group: &Option<Group>) -> [Vec<&str>; 3] {
    let group = group.as_ref().expect("nothing was told");
    [ids(&group.raised), ids(&group.cleared), ids(&group.ended)]
}

#[test]
fn the_first_goes_at_once_and_what_follows_is_told_in_one_after_five_minutes() {
    let mut ledger = Ledger::new(None);
    let (start, grouped) = (Timestamp(1_000_000), Pace::Grouped);
    assert_eq!(ledger.see(&open(&[]), start, grouped), None);
    let first = ledger.see(&open(&["a"]), start, grouped);
    assert_eq!(told(&first), [vec!["a"], vec![], vec![]]);
    // Again and again the same, and more of it: not yet.
    let later = |ms: u64| Timestamp(start.0 + ms);
    assert_eq!(ledger.see(&open(&["a"]), later(1_000), grouped), None);
    assert_eq!(ledger.see(&open(&["a", "b"]), later(2_000), grouped), None);
    // One came and went meanwhile: nobody needs to hear of it.
    assert_eq!(
        ledger.see(&open(&["a", "b", "gone"]), later(3_000), grouped),
        None
    );
    let mut over = open(&["b", "c"]);
    over.ended.push(notice("over"));
    assert_eq!(ledger.see(&over, later(GROUP.ms() - 1), grouped), None);
    let second = ledger.see(&open(&["c", "b"]), later(GROUP.ms()), grouped);
    assert_eq!(told(&second), [vec!["c", "b"], vec!["a"], vec!["over"]]);
    // Cleared is said once, and only of what was told.
    let quiet = later(3 * GROUP.ms());
    let third = ledger.see(&open(&[]), quiet, grouped);
    assert_eq!(told(&third), [vec![], vec!["b", "c"], vec![]]);
    assert_eq!(ledger.see(&open(&[]), later(9 * GROUP.ms()), grouped), None);
}

#[test]
fn what_comes_back_within_the_five_minutes_was_never_away() {
    let mut ledger = Ledger::new(None);
    let at = |ms: u64| Timestamp(1_000_000 + ms);
    assert!(ledger.see(&open(&["a"]), at(0), Pace::Grouped).is_some());
    assert_eq!(ledger.see(&open(&[]), at(10), Pace::Grouped), None);
    assert_eq!(ledger.see(&open(&["a"]), at(20), Pace::Grouped), None);
    assert_eq!(
        ledger.see(&open(&["a"]), at(GROUP.ms()), Pace::Grouped),
        None
    );
}

#[test]
fn an_engine_that_leaves_and_a_clock_that_is_set_back_keep_nothing_waiting() {
    let mut ledger = Ledger::new(None);
    let at = |ms: u64| Timestamp(1_000_000 + ms);
    assert!(ledger.see(&open(&["a"]), at(500), Pace::Grouped).is_some());
    assert!(
        ledger
            .see(&open(&["a", "b"]), at(0), Pace::Grouped)
            .is_some()
    );
    assert_eq!(
        ledger.see(&open(&["a", "b", "c"]), at(1), Pace::Grouped),
        None
    );
    let last = ledger.see(&open(&["a", "b", "c"]), at(1), Pace::Last);
    assert_eq!(told(&last), [vec!["c"], vec![], vec![]]);
}

#[test]
fn whoever_wants_to_hear_of_little_hears_of_little() {
    let mut ledger = Ledger::new(Some(BTreeSet::from([NotifyEvent::Done])));
    let mut due = open(&["a"]);
    assert_eq!(ledger.see(&due, Timestamp(1), Pace::Grouped), None);
    due.ended.push(Notice {
        event: NotifyEvent::Done,
        ..notice("end")
    });
    let group = ledger.see(&due, Timestamp(2), Pace::Grouped);
    assert_eq!(told(&group), [vec![], vec![], vec!["end"]]);
}

/// What is due on a desk, of what happened since `from`.
fn due_on(desk: &Desk, from: usize) -> Due {
    let heard: Vec<(u64, Fact)> = (1..).zip(desk.facts.iter().cloned()).skip(from).collect();
    due(&view(desk), &heard, desk.now)
}

fn events(list: &[Notice]) -> Vec<(NotifyEvent, String)> {
    let event = |n: &Notice| (n.event, n.scope.to_string());
    list.iter().map(event).collect()
}

fn find(list: &[Notice], event: NotifyEvent) -> &Notice {
    let found = list.iter().find(|n| n.event == event);
    found.unwrap_or_else(|| panic!("{event:?} is not told: {list:#?}"))
}

#[test]
fn a_failed_shard_and_the_pause_that_follows_are_told_with_what_clears_them() {
    let mut desk = Desk::new();
    desk.reconcile();
    assert_eq!(due_on(&desk, 0), Due::default(), "work is no news");
    let failed = Report::Failed { fault: fault("X") };
    desk.report("b1", failed).unwrap();
    let due = due_on(&desk, 0);
    let shard = find(&due.open, NotifyEvent::ShardFailed);
    assert_eq!(shard.scope, on("b1"));
    assert_eq!(
        (shard.why.as_str(), shard.clears.as_str()),
        ("it broke", "retry")
    );
    assert_eq!(shard.since, desk.now);
    let pause = find(&due.open, NotifyEvent::Paused);
    assert_eq!(pause.by.as_deref(), Some("engine"));
    assert!(pause.clears.starts_with("retry"), "{pause:?}");
    // A person's own pause is no news to them.
    let mut desk = Desk::new();
    desk.ask(Scope::Fleet, Verb::Pause).unwrap();
    assert_eq!(due_on(&desk, 0), Due::default());
}

#[test]
fn a_ring_that_waits_for_somebody_is_told_and_one_that_goes_on_is_not() {
    let mut desk = Desk::new();
    desk.work();
    let waits = (NotifyEvent::Promotable, "ring canary".to_owned());
    assert!(events(&due_on(&desk, 0).open).contains(&waits));
    let to = Some(Stop::Verify);
    desk.ask(Scope::Fleet, Verb::Automate { to }).unwrap();
    assert!(!events(&due_on(&desk, 0).open).contains(&waits));
}

#[test]
fn a_proof_that_has_grown_old_is_a_gate_for_somebody() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    desk.wait(SOAK_MS);
    assert!(
        !events(&due_on(&desk, 0).open)
            .iter()
            .any(|e| e.0 == NotifyEvent::GateFailed)
    );
    desk.wait(policy().verify_age_max.ms());
    let due = due_on(&desk, 0);
    let gate = find(&due.open, NotifyEvent::GateFailed);
    assert!(gate.what.contains("fresh verify"), "{gate:?}");
    assert!(
        !gate.why.is_empty() && gate.clears.starts_with("fresh verify: "),
        "{gate:?}"
    );
}

#[test]
fn a_guard_that_fires_is_told_whatever_it_does() {
    for action in [GuardAction::Hold, GuardAction::Pause, GuardAction::RollBack] {
        let mut desk = Desk::guarded(Guard {
            name: "lag".into(),
            signal: "replica_lag_ms".into(),
            above: 5,
            lasting: Period::from_ms(0),
            action,
        });
        desk.bring_to(Stop::Verify);
        let (before, now) = (desk.facts.len(), desk.now);
        let seen = desk.seen.shard_mut(&shard("a1"));
        seen.breached_since.insert("lag".into(), now);
        desk.reconcile();
        let due = due_on(&desk, before);
        let both = [due.open, due.ended].concat();
        let fired = find(&both, NotifyEvent::GuardFired);
        assert!(
            fired.why.contains("guard lag: replica_lag_ms above 5"),
            "{fired:?}"
        );
        assert_eq!(fired.by.as_deref(), Some("engine"));
        // Once, whatever the view shows later.
        assert!(due_on(&desk, desk.facts.len()).ended.is_empty());
    }
}

#[test]
fn a_rollback_that_has_ended_waits_for_a_decision() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::DualWrite);
    desk.ask(ring("broad"), roll_back(Stop::Expand)).unwrap();
    let during = due_on(&desk, 0);
    assert!(
        !events(&during.open)
            .iter()
            .any(|e| e.0 == NotifyEvent::RolledBack)
    );
    desk.work_off();
    let after = due_on(&desk, 0);
    let back = find(&after.open, NotifyEvent::RolledBack);
    assert_eq!(
        (back.scope.clone(), back.clears.as_str()),
        (ring("broad"), "look, then release")
    );
}

#[test]
fn a_ring_that_went_all_the_way_back_is_told_too_and_so_is_a_shard_alone() {
    let back = |desk: &Desk| -> Vec<Notice> {
        let open = due_on(desk, 0).open;
        let back = |n: &Notice| n.event == NotifyEvent::RolledBack;
        open.into_iter().filter(back).collect()
    };
    let mut desk = Desk::new();
    desk.bring_to(Stop::DualWrite);
    desk.ask(ring("broad"), roll_back(Stop::Snapshot)).unwrap();
    assert_eq!(back(&desk), []);
    desk.work_off();
    let [told] = &back(&desk)[..] else {
        panic!("{:#?}", back(&desk))
    };
    assert_eq!(
        (told.scope.clone(), told.why.as_str()),
        (ring("broad"), "because")
    );
    assert_eq!(told.clears, "retry lets its shards join again, or abort");
    let mut desk = Desk::new();
    desk.bring_to(Stop::DualWrite);
    desk.ask(on("b1"), roll_back(Stop::Snapshot)).unwrap();
    desk.work_off();
    let [told] = &back(&desk)[..] else {
        panic!("{:#?}", back(&desk))
    };
    assert_eq!(
        (told.scope.clone(), told.clears.as_str()),
        (on("b1"), "retry lets it join its ring again")
    );
}

#[test]
fn the_end_is_told_once_and_clears_all_that_stood() {
    let scene = finished();
    let due = due(&scene.view(), &scene.facts, scene.now);
    assert_eq!(due.open, []);
    let [done] = &due.ended[..] else {
        panic!("{:#?}", due.ended)
    };
    assert_eq!(
        (done.event, done.what.as_str()),
        (NotifyEvent::Done, "rollout done")
    );
    assert_eq!(done.why, "12 shards finished drop");
}

fn by(desk: &mut Desk, who: &str, scope: Scope, verb: Verb) {
    let mut order = desk.order(scope, verb);
    (order.actor, order.seen) = (Actor::person(who), None);
    desk.say(&Command::Order(order)).unwrap();
}

#[test]
fn an_approval_is_told_when_it_is_asked_for_and_before_it_expires() {
    let mut strict = opening();
    strict.policy.approvals.insert(Stage::Snapshot, 1);
    let mut desk = Desk::with(strict);
    for (who, role) in [
        ("root", Role::Admin),
        ("ana", Role::Operator),
        ("lee", Role::Approver),
    ] {
        let change = PeopleChange::Enrol {
            name: who.into(),
            allowed: vec![Grant::everywhere(role)],
            denied: Vec::new(),
        };
        by(
            &mut desk,
            "root",
            Scope::Fleet,
            Verb::People(Box::new(change)),
        );
    }
    desk.work();
    // Nobody has asked: the ring stands, and nobody is on it.
    let due = due_on(&desk, 0);
    let gates: Vec<&Notice> = due
        .open
        .iter()
        .filter(|n| n.event == NotifyEvent::GateFailed)
        .collect();
    assert!(
        gates
            .iter()
            .any(|n| n.scope == ring("canary") && n.what.contains("approval")),
        "{gates:?}"
    );
    by(
        &mut desk,
        "ana",
        ring("canary"),
        Verb::Approval(ApprovalAct::Request),
    );
    let due = due_on(&desk, 0);
    let asked = find(&due.open, NotifyEvent::ApprovalAsked);
    assert_eq!(asked.by.as_deref(), Some("ana"));
    assert!(
        asked.why.contains("ana asked (because); 0 of 1 given"),
        "{asked:?}"
    );
    let gates = due
        .open
        .iter()
        .filter(|n| n.event == NotifyEvent::GateFailed);
    assert!(gates.map(|n| &n.scope).all(|s| *s != ring("canary")));
    assert!(
        !due.open
            .iter()
            .any(|n| n.event == NotifyEvent::ApprovalExpiring)
    );
    desk.wait(policy().approval_ttl.ms() - 15 * 60_000);
    let due = due_on(&desk, 0);
    let expiring = find(&due.open, NotifyEvent::ApprovalExpiring);
    assert!(expiring.what.contains("expires at"), "{expiring:?}");
    assert_eq!(expiring.why, "0 of 1 approvals are given");
    // Both are the same things as before, for whoever has heard of them.
    assert_eq!(due_on(&desk, 0), due);
    desk.wait(15 * 60_000);
    let left = due_on(&desk, 0).open;
    let over = [NotifyEvent::ApprovalAsked, NotifyEvent::ApprovalExpiring];
    assert!(left.iter().all(|n| !over.contains(&n.event)), "{left:?}");
}

#[test]
fn a_network_that_hiccups_wakes_nobody() {
    let mut desk = Desk::new();
    desk.reconcile();
    let now = desk.now;
    desk.seen.shard_mut(&shard("b1")).unreachable_since = Some(now);
    desk.wait(59_000);
    assert_eq!(due_on(&desk, 0).open, []);
    desk.wait(1_000);
    let gone = (NotifyEvent::Unreachable, "shard b1".to_owned());
    assert_eq!(events(&due_on(&desk, 0).open), [gone]);
}

#[test]
fn a_message_says_why_since_when_and_what_clears_it_and_its_body_is_documented() {
    let mut scene = troubled();
    scene.later(1);
    let view = scene.view();
    let mut ledger = Ledger::new(None);
    let due = due(&view, &[], scene.now);
    let group = ledger.see(&due, scene.now, Pace::Grouped).unwrap();
    let message = Message::new("ops", &view.header, group, scene.now);
    let text = message.text();
    let line = text.lines().find(|l| l.contains("eu-06")).unwrap();
    for part in [
        "- shard eu-06: backfill failed",
        ". Why: lock not available on \\u{1b}[31mcustomers",
        ". Since: 20",
        ". Clears when: end pid 4711, then retry",
    ] {
        assert!(line.contains(part), "{part}: {text}");
    }
    assert!(text.starts_with("shop (prod-eu, PRODUCTION)\n"), "{text}");
    assert!(
        text.lines().last().unwrap().contains("journal head"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'));
    let body: serde_json::Value = serde_json::from_slice(&message.body()).unwrap();
    let data = &body["data"];
    assert_eq!(data["rollout"], view.header.rollout.as_ref().unwrap().id);
    assert_eq!(
        data["journal_head"]["seq"],
        view.header.head.as_ref().unwrap().seq
    );
    let documented = include_str!("../../docs/notifications.md");
    let notice = &data["notices"][0];
    for object in [&body, data, &data["journal_head"], notice] {
        for key in object.as_object().unwrap().keys() {
            assert!(
                documented.contains(&format!("`{key}`")),
                "{key} is not documented"
            );
        }
    }
    for event in NotifyEvent::ALL {
        let row = format!("| `{}` |", event.word());
        assert!(documented.contains(&row), "{row} is not documented");
    }
}

#[test]
fn a_scheduled_promotion_that_came_to_nothing_calls_somebody() {
    let mut desk = Desk::with(opening());
    desk.work();
    let window = Window {
        from: desk.now.after(Period::from_ms(1)),
        until: desk.now.after(Period::from_ms(2)),
    };
    desk.ask(ring("canary"), Verb::Schedule(window)).unwrap();
    let before = desk.facts.len() as u64;
    desk.wait(60_000);
    desk.reconcile();
    let facts: Vec<(u64, Fact)> = (1..).zip(desk.facts.clone()).collect();
    let told = due(&view(&desk), &facts[before as usize..], desk.now);
    let lapsed: Vec<&Notice> = told
        .ended
        .iter()
        .filter(|n| n.event == NotifyEvent::Lapsed)
        .collect();
    assert_eq!(lapsed.len(), 1, "{told:?}");
    assert!(lapsed[0].why.contains("its window closed"), "{lapsed:?}");
    assert!(lapsed[0].clears.contains("schedule it again"), "{lapsed:?}");
}

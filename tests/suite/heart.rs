//! What every verb does, and does not do, in every situation that matters.

use crate::desk::{Desk, SOAK_MS, closed_gates, fault, on, ring, roll_back, shard};
use pilothouse::base::{Cause, Stop, Timestamp};
use pilothouse::rollout::{
    Blocker, BlockerEnd, Command, Decision, Event, Evidence, Fact, Gate, Job, Outcome, Phase,
    Refusal, Report, Restored, Scope, Verb, Verdict,
};
use pilothouse::wire::describe;

#[test]
fn promote_admits_one_ring_one_stop() {
    let mut desk = Desk::new();
    desk.work();
    assert_eq!(desk.at("a1"), (Stop::Preflight, Phase::Done));
    desk.ask(ring("canary"), Verb::Promote).unwrap();
    assert_eq!(desk.admitted("canary"), Stop::Snapshot);
    assert_eq!(desk.admitted("broad"), Stop::Preflight);
    let again = desk.ask(ring("canary"), Verb::Promote);
    assert!(matches!(again, Err(Refusal::Running(s)) if s == [shard("a1")]));
}

#[test]
fn promote_is_refused_for_a_shard() {
    let mut desk = Desk::new();
    let answer = desk.ask(on("a1"), Verb::Promote);
    assert!(matches!(answer, Err(Refusal::WrongScope { .. })));
}

#[test]
fn a_ring_never_overtakes_and_waits_for_the_soak() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Snapshot);
    let gates = closed_gates(desk.ask(ring("broad"), Verb::Promote));
    assert_eq!(gates, [(Gate::RingOrder, Verdict::Fail)]);
    for _ in 0..4 {
        desk.ask(ring("canary"), Verb::Promote).unwrap();
        desk.work();
    }
    assert_eq!(desk.at("a1"), (Stop::Verify, Phase::Done));
    let gates = closed_gates(desk.ask(ring("broad"), Verb::Promote));
    assert_eq!(gates, [(Gate::RingOrder, Verdict::Fail)], "it soaks");
    desk.wait(SOAK_MS);
    desk.ask(ring("broad"), Verb::Promote).unwrap();
    assert_eq!(desk.admitted("broad"), Stop::Expand);
}

#[test]
fn hold_survives_promote_and_automatic_promotion() {
    for scope in [Scope::Fleet, ring("canary")] {
        let mut desk = Desk::new();
        desk.work();
        desk.ask(scope.clone(), Verb::Hold).unwrap();
        let answer = desk.ask(ring("canary"), Verb::Promote);
        assert!(matches!(answer, Err(Refusal::Held(_))), "{scope}");
        let to = Some(Stop::Verify);
        desk.ask(Scope::Fleet, Verb::Automate { to }).unwrap();
        desk.reconcile();
        assert_eq!(desk.admitted("canary"), Stop::Preflight, "{scope}");
        desk.ask(scope.clone(), Verb::Release).unwrap();
        desk.reconcile();
        assert_eq!(desk.admitted("canary"), Stop::Snapshot, "{scope}");
        let twice = desk.ask(scope.clone(), Verb::Release);
        assert!(matches!(twice, Err(Refusal::Nothing(_))), "{scope}");
    }
    let answer = Desk::new().ask(on("a1"), Verb::Hold);
    assert!(matches!(answer, Err(Refusal::WrongScope { .. })));
}

#[test]
fn a_pause_at_any_scope_stops_the_shards_it_covers() {
    for (scope, stopped) in [
        (Scope::Fleet, ["a1", "b1", "b2"].as_slice()),
        (ring("broad"), &["b1", "b2"]),
        (on("b2"), &["b2"]),
    ] {
        let mut desk = Desk::new();
        desk.ask(scope.clone(), Verb::Pause).unwrap();
        desk.reconcile();
        for name in ["a1", "b1", "b2"] {
            let expected = if stopped.contains(&name) {
                Phase::Waiting
            } else {
                Phase::Running
            };
            assert_eq!(desk.at(name).1, expected, "{scope}: {name}");
        }
        desk.ask(scope.clone(), Verb::Resume).unwrap();
        desk.reconcile();
        assert_eq!(desk.at("b2").1, Phase::Running, "{scope}");
    }
}

#[test]
fn calming_acts_are_never_stale_and_others_are() {
    let mut desk = Desk::new();
    let old = desk.rollout().version_of(&ring("canary"));
    desk.work();
    let slower = Verb::Throttle {
        rows_per_s_max: Some(10),
    };
    for (verb, taken) in [
        (Verb::Pause, true),
        (Verb::Hold, true),
        (slower, true),
        (Verb::Promote, false),
        (Verb::Resume, false),
        (Verb::Release, false),
        (
            Verb::Throttle {
                rows_per_s_max: None,
            },
            false,
        ),
    ] {
        let mut order = desk.order(ring("canary"), verb.clone());
        order.seen = old;
        let answer = desk.say(&Command::Order(order));
        let stale = matches!(answer, Err(Refusal::Stale { .. }));
        assert_eq!(!stale, taken, "{verb:?}: {answer:?}");
    }
}

#[test]
fn a_repeated_key_changes_nothing() {
    let mut desk = Desk::new();
    desk.work();
    let order = Command::Order(desk.order(ring("canary"), Verb::Promote));
    assert!(matches!(desk.say(&order), Ok(Decision::Facts(_))));
    let before = desk.state.clone();
    assert_eq!(desk.say(&order), Ok(Decision::Repeated));
    assert_eq!(desk.state, before);
}

#[test]
fn a_failure_over_the_budget_pauses_and_retry_goes_on() {
    let mut desk = Desk::new();
    desk.reconcile();
    let failed = Report::Failed { fault: fault("X") };
    desk.report("b1", failed).unwrap();
    let pause = desk.rollout().paused.clone().unwrap();
    assert_eq!(pause.cause, Cause::FailedBudget);
    let resume = desk.ask(Scope::Fleet, Verb::Resume);
    assert!(matches!(resume, Err(Refusal::Failed(s)) if s == [shard("b1")]));
    let promote = desk.ask(ring("broad"), Verb::Promote);
    assert!(matches!(promote, Err(Refusal::Failed(s)) if s == [shard("b1")]));
    assert!(desk.ask(on("b2"), Verb::Retry).is_err());
    desk.ask(on("b1"), Verb::Retry).unwrap();
    assert_eq!(desk.at("b1"), (Stop::Preflight, Phase::Running));
    // One act is enough, and the record says what lifted the pause and why.
    assert_eq!(desk.rollout().paused, None);
    let [.., retried, resumed] = desk.facts.as_slice() else {
        panic!("two facts: {:?}", desk.facts);
    };
    assert_eq!(retried.actor.to_string(), "ana");
    assert_eq!(
        (&resumed.event, resumed.cause),
        (&Event::Resumed, Cause::FailedBudget)
    );
    assert_eq!(
        resumed.reason,
        "failed shards are tried again: 0 failed now, 0 may"
    );
    desk.work();
    assert_eq!(desk.at("b1"), (Stop::Preflight, Phase::Done));
}

#[test]
fn a_retry_lifts_the_budgets_pause_only_when_the_budget_holds_again() {
    let mut desk = Desk::new();
    desk.reconcile();
    for name in ["b1", "b2"] {
        let failed = Report::Failed { fault: fault("X") };
        desk.report(name, failed).unwrap();
    }
    desk.ask(on("b1"), Verb::Retry).unwrap();
    assert!(desk.rollout().paused.is_some(), "b2 is still one too many");
    desk.ask(ring("broad"), Verb::Retry).unwrap();
    assert_eq!(desk.rollout().paused, None);
}

#[test]
fn a_retry_leaves_the_pause_of_a_person_alone() {
    let mut desk = Desk::new();
    desk.reconcile();
    desk.ask(Scope::Fleet, Verb::Pause).unwrap();
    let failed = Report::Failed { fault: fault("X") };
    desk.report("b1", failed).unwrap();
    desk.ask(on("b1"), Verb::Retry).unwrap();
    let pause = desk.rollout().paused.clone().unwrap();
    assert_eq!(pause.cause, Cause::Operator);
    // Nor does the budget's pause hide theirs on a ring.
    let mut desk = Desk::new();
    desk.reconcile();
    desk.ask(ring("canary"), Verb::Pause).unwrap();
    let failed = Report::Failed { fault: fault("X") };
    desk.report("b1", failed).unwrap();
    desk.ask(on("b1"), Verb::Retry).unwrap();
    assert_eq!(desk.rollout().paused, None);
    assert!(desk.ring("canary").paused.is_some());
}

#[test]
fn an_abort_is_not_stopped_for_good_by_an_undo_that_fails() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    desk.ask(Scope::Fleet, Verb::Abort).unwrap();
    desk.wait(1);
    let failed = Report::Failed { fault: fault("X") };
    desk.report("b2", failed).unwrap();
    assert!(desk.rollout().paused.is_some());
    desk.wait(60_000);
    desk.reconcile();
    assert_eq!(desk.at("b2").1, Phase::RollingBack);
    assert_eq!(desk.rollout().paused, None, "or nothing is undone any more");
    desk.work_off();
    assert_eq!(desk.rollout().outcome, Some(Outcome::Aborted));
}

#[test]
fn rollback_undoes_in_order_and_ends_held() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    desk.ask(Scope::Fleet, roll_back(Stop::Snapshot)).unwrap();
    assert_eq!(desk.job("a1"), None, "rings go back in reverse order");
    assert_eq!(desk.job("b1"), Some(Job::Undo(Stop::Verify)));
    let twice = desk.ask(Scope::Fleet, roll_back(Stop::Expand));
    assert!(matches!(twice, Err(Refusal::RollingBack(_))));
    desk.work_off();
    for name in ["a1", "b1", "b2"] {
        assert_eq!(desk.at(name), (Stop::Snapshot, Phase::RolledBack));
    }
    assert!(desk.rollout().rings.values().all(|r| r.hold.is_some()));
}

#[test]
fn rollback_to_a_later_stop_must_be_promoted_again() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    desk.ask(ring("broad"), roll_back(Stop::DualWrite)).unwrap();
    desk.work_off();
    assert_eq!(desk.at("b2"), (Stop::DualWrite, Phase::Done));
    assert_eq!(desk.at("a1"), (Stop::Verify, Phase::Done));
    assert_eq!(desk.admitted("broad"), Stop::DualWrite);
    let held = desk.ask(ring("broad"), Verb::Promote);
    assert!(matches!(held, Err(Refusal::Held(_))));
    let proof = &desk.rollout().shards[&shard("b1")].verified;
    assert!(proof.is_none(), "an undone proof proves nothing");
}

#[test]
fn rollback_interrupts_the_pauses_before_it_only() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    desk.ask(Scope::Fleet, Verb::Pause).unwrap();
    desk.wait(10);
    desk.ask(ring("broad"), roll_back(Stop::Snapshot)).unwrap();
    let paused = |desk: &Desk| {
        let rollout = desk.rollout();
        rollout.pause_over(&rollout.shards[&shard("b1")]).is_some()
    };
    assert!(!paused(&desk));
    desk.wait(10);
    desk.ask(on("b1"), Verb::Pause).unwrap();
    assert!(paused(&desk));
}

#[test]
fn a_shard_that_was_rolled_back_alone_joins_again() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    desk.ask(on("b1"), roll_back(Stop::Snapshot)).unwrap();
    desk.work_off();
    assert_eq!(desk.at("b1"), (Stop::Snapshot, Phase::RolledBack));
    desk.ask(on("b1"), Verb::Retry).unwrap();
    desk.work_off();
    assert_eq!(desk.at("b1"), (Stop::Verify, Phase::Done));
}

#[test]
fn a_shard_that_goes_back_a_little_stays_there() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    desk.ask(on("b1"), roll_back(Stop::DualWrite)).unwrap();
    desk.work_off();
    assert_eq!(desk.at("b1"), (Stop::DualWrite, Phase::Done));
    assert_eq!(desk.at("b2"), (Stop::Verify, Phase::Done));
    desk.ask(ring("broad"), Verb::Release).unwrap();
    desk.ask(ring("broad"), Verb::Promote).unwrap();
    desk.work();
    assert_eq!(desk.at("b1"), (Stop::Backfill, Phase::Done));
}

#[test]
fn abort_is_for_the_fleet_and_ends_the_rollout() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Backfill);
    let answer = desk.ask(ring("canary"), Verb::Abort);
    assert!(matches!(answer, Err(Refusal::WrongScope { .. })));
    desk.ask(Scope::Fleet, Verb::Abort).unwrap();
    let promote = desk.ask(ring("canary"), Verb::Promote);
    assert!(matches!(promote, Err(Refusal::Forbidden(_))));
    desk.work_off();
    assert_eq!(desk.rollout().outcome, Some(Outcome::Aborted));
    assert_eq!(desk.ask(Scope::Fleet, Verb::Hold), Err(Refusal::NoRollout));
}

#[test]
fn abort_of_an_undo_that_met_a_failover_still_ends() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    desk.ask(Scope::Fleet, Verb::Abort).unwrap();
    let lost = Report::Regressed {
        found: Stop::Expand,
        epoch: 1,
        why: "failover".into(),
    };
    desk.report("b1", lost).unwrap();
    assert_eq!(desk.at("b1"), (Stop::DualWrite, Phase::RollingBack));
    desk.work_off();
    assert_eq!(desk.rollout().outcome, Some(Outcome::Aborted));
}

#[test]
fn abandon_needs_an_abort_and_a_reason() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Expand);
    assert!(desk.ask(on("b1"), Verb::Abandon).is_err(), "no abort");
    desk.ask(Scope::Fleet, Verb::Abort).unwrap();
    let mut silent = desk.order(on("b1"), Verb::Abandon);
    silent.reason = " ".into();
    let answer = desk.say(&Command::Order(silent));
    assert!(matches!(answer, Err(Refusal::Forbidden(_))));
    desk.ask(on("b1"), Verb::Abandon).unwrap();
    assert_eq!(desk.at("b1").1, Phase::Abandoned);
    desk.work_off();
    assert_eq!(desk.rollout().outcome, Some(Outcome::Aborted));
}

#[test]
fn a_session_is_ended_once_with_a_reason_and_what_became_of_it_is_recorded() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Expand);
    let blocker = Blocker {
        pid: 4_711,
        began_us: 1_790_000_000_000_000,
    };
    let verb = Verb::EndBlocker(blocker);
    let wide = desk.ask(Scope::Fleet, verb.clone());
    assert!(matches!(wide, Err(Refusal::WrongScope { .. })));
    let mut silent = desk.order(on("b1"), verb.clone());
    silent.reason = " ".into();
    let answer = desk.say(&Command::Order(silent));
    assert!(matches!(answer, Err(Refusal::Forbidden(_))));
    let ended = |blocker| Report::BlockerEnded {
        blocker,
        end: BlockerEnd::Gone,
    };
    assert!(
        desk.report("b1", ended(blocker)).is_err(),
        "nobody ordered it"
    );
    desk.ask(on("b1"), verb.clone()).unwrap();
    assert_eq!(desk.rollout().shards[&shard("b1")].ending, Some(blocker));
    let twice = desk.ask(on("b1"), verb.clone());
    assert!(matches!(twice, Err(Refusal::Nothing(_))));
    let other = Blocker { pid: 1, ..blocker };
    assert!(desk.report("b1", ended(other)).is_err());
    desk.report("b1", ended(blocker)).unwrap();
    assert_eq!(desk.rollout().shards[&shard("b1")].ending, None);
    desk.ask(on("b1"), verb).unwrap();
}

#[test]
fn a_regress_falls_back_holds_and_lowers_admission() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    let lost = Report::Regressed {
        found: Stop::DualWrite,
        epoch: 7,
        why: "failover".into(),
    };
    desk.report("b1", lost).unwrap();
    assert_eq!(desk.at("b1"), (Stop::DualWrite, Phase::Done));
    assert_eq!(desk.admitted("broad"), Stop::DualWrite);
    let broad = desk.ring("broad");
    assert_eq!(broad.hold.as_ref().map(|h| h.cause), Some(Cause::Regressed));
    let state = &desk.rollout().shards[&shard("b1")];
    assert!(state.verified.is_none());
    assert_eq!(state.epoch, 7);
}

#[test]
fn a_flag_that_may_be_open_is_closed_after_a_regress() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    desk.wait(SOAK_MS);
    desk.ask(ring("canary"), Verb::Promote).unwrap();
    desk.reconcile();
    assert_eq!(desk.at("a1"), (Stop::Shift(10), Phase::Running));
    // The flag may have been set; nobody lived to tell.
    let lost = Report::Regressed {
        found: Stop::Backfill,
        epoch: 2,
        why: "failover".into(),
    };
    desk.report("a1", lost).unwrap();
    assert_eq!(desk.job("a1"), Some(Job::CloseShare));
    desk.ask(ring("canary"), roll_back(Stop::Snapshot)).unwrap();
    assert_eq!(desk.job("a1"), Some(Job::CloseShare), "before any undo");
    desk.work();
    assert_eq!(desk.job("a1"), Some(Job::Undo(Stop::Verify)));
}

#[test]
fn nothing_begins_that_was_not_admitted() {
    let mut desk = Desk::new();
    desk.work();
    let begin = Command::Begin {
        shards: vec![shard("a1")],
        stop: Stop::Snapshot,
    };
    assert!(matches!(desk.say(&begin), Err(Refusal::Forbidden(_))));
}

#[test]
fn late_reports_are_refused() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Snapshot);
    let finished = Report::Finished {
        stop: Stop::Snapshot,
        generation: 0,
        evidence: Evidence::default(),
    };
    assert!(desk.report("a1", finished).is_err());
    let undone = Report::Undone {
        stop: Stop::Snapshot,
        restored: None,
    };
    assert!(desk.report("a1", undone).is_err());
    assert!(
        desk.report("a1", Report::Failed { fault: fault("X") })
            .is_err()
    );
}

#[test]
fn merge_restore_is_for_the_whole_fleet() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Retire);
    for _ in 0..3 {
        desk.wait(SOAK_MS);
        let _ = desk.ask(ring("canary"), Verb::Promote);
        desk.work();
    }
    assert_eq!(desk.at("a1"), (Stop::Drop, Phase::Done));
    assert!(matches!(
        desk.ask(Scope::Fleet, Verb::Abort),
        Err(Refusal::Forbidden(_))
    ));
    let alone = desk.ask(ring("canary"), roll_back(Stop::Verify));
    assert!(matches!(alone, Err(Refusal::WrongScope { .. })));
    desk.ask(Scope::Fleet, roll_back(Stop::Verify)).unwrap();
    desk.work_off();
    assert_eq!(desk.at("a1"), (Stop::Verify, Phase::Done));
    assert_eq!(desk.rollout().opened_at, Timestamp(1_000_000));
}

#[test]
fn an_undone_drop_says_how_many_rows_got_which_value() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Expand);
    desk.ask(ring("broad"), roll_back(Stop::Snapshot)).unwrap();
    let restored = Some(Restored {
        exported: 1_200,
        down: 1,
    });
    let stop = Stop::Expand;
    let undone = Report::Undone { stop, restored };
    desk.report("b1", undone).unwrap();
    let is_undone = |fact: &&Fact| matches!(fact.event, Event::StageUndone { .. });
    let fact = desk.facts.iter().rev().find(is_undone).unwrap();
    assert_eq!(fact.event, Event::StageUndone { stop, restored });
    let told = describe(fact);
    assert!(
        told.contains("1,200 rows got their exported value")
            && told.contains("1 row got down(new)"),
        "{told}"
    );
    // What was written before there were counts can still be read.
    let old = r#"{"kind":"stage_undone","with":{"stop":"drop"}}"#;
    let restored = None;
    let read: Event = serde_json::from_str(old).unwrap();
    assert_eq!(
        read,
        Event::StageUndone {
            stop: Stop::Drop,
            restored
        }
    );
    assert_eq!(serde_json::to_string(&read).unwrap(), old);
}

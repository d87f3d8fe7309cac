//! What opens a gate and what keeps it closed; what a breached guard does.

use crate::desk::{Desk, SOAK_MS, closed_gates, opening, policy, ring, roll_back, shard};
use pilothouse::base::{Cause, Period, Stop};
use pilothouse::fleet::{Guard, GuardAction};
use pilothouse::rollout::{
    Gate, Phase, Reading, Refusal, Report, Scope, ThrottleReason, Verb, Verdict, watch_guards,
};

#[test]
fn contract_waits_for_the_whole_fleet() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    for _ in 0..4 {
        desk.wait(SOAK_MS);
        let _ = desk.ask(ring("canary"), Verb::Promote);
        desk.work();
    }
    assert_eq!(desk.at("a1"), (Stop::Shift(100), Phase::Done));
    let gates = closed_gates(desk.ask(ring("canary"), Verb::Promote));
    assert_eq!(gates, [(Gate::FleetBarrier, Verdict::Fail)]);
}

#[test]
fn a_ring_that_is_being_rolled_back_keeps_the_others_out_of_contract() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Retire);
    desk.ask(ring("canary"), Verb::Promote).unwrap();
    desk.work();
    assert_eq!(desk.at("a1"), (Stop::Drop, Phase::Done));
    desk.ask(Scope::Fleet, roll_back(Stop::Retire)).unwrap();
    assert_eq!(desk.at("a1"), (Stop::Drop, Phase::RollingBack));
    desk.ask(ring("broad"), Verb::Release).unwrap();
    let gates = closed_gates(desk.ask(ring("broad"), Verb::Promote));
    assert_eq!(gates, [(Gate::FleetBarrier, Verdict::Fail)]);
}

#[test]
fn automatic_promotion_enters_contract_only_when_confirmed() {
    let to = Some(Stop::Drop);
    let mut desk = Desk::new();
    let verb = Verb::Automate { to };
    for typed in [None, Some("r2")] {
        let answer = desk.ask_typing(typed, Scope::Fleet, verb.clone());
        assert!(matches!(answer, Err(Refusal::Unconfirmed { .. })));
    }
    desk.ask(Scope::Fleet, verb.clone()).unwrap();
    let mut production = opening();
    production.production = true;
    let answer = Desk::with(production).ask(Scope::Fleet, verb);
    assert!(matches!(answer, Err(Refusal::Forbidden(_))));
}

#[test]
fn nobody_enters_contract_or_aborts_without_naming_the_rollout() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Shift(100));
    desk.wait(SOAK_MS);
    for verb in [Verb::Promote, Verb::Abort] {
        for typed in [None, Some(""), Some("r2")] {
            let answer = desk.ask_typing(typed, Scope::Fleet, verb.clone());
            assert!(
                matches!(answer, Err(Refusal::Unconfirmed { .. })),
                "{verb:?}"
            );
        }
    }
    assert_eq!(desk.admitted("canary"), Stop::Shift(100));
    let named = desk.ask_typing(Some("r1"), ring("canary"), Verb::Promote);
    assert!(named.is_ok(), "{named:?}");
    assert_eq!(desk.admitted("canary"), Stop::Retire);
}

#[test]
fn a_rollback_of_the_fleet_ends_automatic_promotion() {
    let mut desk = Desk::new();
    let to = Some(Stop::Backfill);
    desk.ask(Scope::Fleet, Verb::Automate { to }).unwrap();
    desk.bring_to(Stop::Backfill);
    desk.ask(ring("canary"), roll_back(Stop::DualWrite))
        .unwrap();
    assert!(desk.rollout().auto.is_some(), "one ring went back");
    desk.work_off();
    desk.ask(Scope::Fleet, roll_back(Stop::Snapshot)).unwrap();
    assert_eq!(desk.rollout().auto, None);
}

#[test]
fn automatic_promotion_stops_where_it_was_told() {
    let mut desk = Desk::new();
    let to = Some(Stop::Backfill);
    desk.ask(Scope::Fleet, Verb::Automate { to }).unwrap();
    for _ in 0..30 {
        desk.work();
        desk.wait(SOAK_MS);
    }
    assert_eq!(desk.at("a1"), (Stop::Backfill, Phase::Done));
    assert_eq!(desk.admitted("canary"), Stop::Backfill);
}

#[test]
fn proof_must_be_young_and_of_this_generation() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    desk.wait(policy().verify_age_max.ms() + 1);
    let gates = closed_gates(desk.ask(ring("canary"), Verb::Promote));
    assert_eq!(gates, [(Gate::FreshVerify, Verdict::Fail)]);
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    let bumped = Report::GenerationBumped {
        generation: 9,
        why: "trigger was off".into(),
    };
    desk.report("a1", bumped).unwrap();
    let gates = closed_gates(desk.ask(ring("canary"), Verb::Promote));
    assert_eq!(gates, [(Gate::FreshVerify, Verdict::Inconclusive)]);
}

#[test]
fn an_unknown_signal_is_inconclusive_and_closes() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Snapshot);
    desk.seen.shard_mut(&shard("a1")).throttle_read_at = None;
    let gates = closed_gates(desk.ask(ring("canary"), Verb::Promote));
    assert_eq!(gates, [(Gate::Throttle, Verdict::Inconclusive)]);
    let seen = desk.seen.shard_mut(&shard("a1"));
    seen.throttle_read_at = Some(desk.now);
    for (value, verdict) in [(None, Verdict::Inconclusive), (Some(9), Verdict::Fail)] {
        desk.seen.shard_mut(&shard("a1")).throttle = vec![ThrottleReason {
            signal: "replica_lag_ms".into(),
            place: "r".into(),
            value,
            limit: 1,
            since: desk.now,
        }];
        let gates = closed_gates(desk.ask(ring("canary"), Verb::Promote));
        assert_eq!(gates, [(Gate::Throttle, verdict)]);
    }
}

#[test]
fn approvals_close_the_gate() {
    let mut strict = opening();
    let stage = Stop::Snapshot.stage();
    strict.policy.approvals.insert(stage, 2);
    let mut desk = Desk::with(strict);
    desk.work();
    let gates = closed_gates(desk.ask(ring("canary"), Verb::Promote));
    assert_eq!(gates, [(Gate::Approval, Verdict::Fail)]);
}

#[test]
fn a_breached_guard_acts_after_its_time() {
    let guard = Guard {
        name: "lag".into(),
        signal: "replica_lag_ms".into(),
        above: 100,
        lasting: Period::from_ms(500),
        action: GuardAction::Pause,
    };
    let mut desk = Desk::guarded(guard.clone());
    desk.bring_to(Stop::Backfill);
    let reading = Reading {
        value: 101,
        at: desk.now,
    };
    let seen = desk.seen.shard_mut(&shard("b1"));
    seen.signals.insert("replica_lag_ms".into(), reading);
    watch_guards(&[guard], &mut desk.seen, &shard("b1"), desk.now);
    desk.reconcile();
    assert!(desk.ring("broad").paused.is_none());
    desk.wait(500);
    desk.reconcile();
    let broad = desk.ring("broad");
    assert_eq!(broad.paused.as_ref().map(|m| m.cause), Some(Cause::Guard));
    assert!(desk.rollout().paused.is_none());
}

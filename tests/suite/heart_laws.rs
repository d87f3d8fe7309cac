//! Laws of the heart under any sequence of orders and reports.

use crate::desk::{Desk, fault, on, ring};
use pilothouse::base::{ShardName, Stop};
use pilothouse::rollout::{Event, Evidence, Job, Report, Scope, State, Verb, apply, next};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Act {
    Order(Scope, Verb),
    Reconcile,
    Work,
    Fail(&'static str),
    Regress(&'static str, Stop),
    Wait(u64),
}

const SHARDS: [&str; 3] = ["a1", "b1", "b2"];
const STOPS: [Stop; 6] = [
    Stop::Snapshot,
    Stop::Expand,
    Stop::DualWrite,
    Stop::Verify,
    Stop::Shift(100),
    Stop::Drop,
];

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        Just(Scope::Fleet),
        prop::sample::select(vec!["canary", "broad"]).prop_map(ring),
        prop::sample::select(SHARDS.to_vec()).prop_map(on),
    ]
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        6 => Just(Verb::Promote),
        1 => Just(Verb::Hold),
        2 => Just(Verb::Release),
        1 => Just(Verb::Pause),
        2 => Just(Verb::Resume),
        2 => Just(Verb::Retry),
        1 => prop::sample::select(STOPS.to_vec()).prop_map(|to| Verb::RollBack { to }),
        1 => Just(Verb::Abort),
        1 => Just(Verb::Abandon),
        1 => Just(Verb::Throttle { rows_per_s_max: Some(5) }),
        2 => Just(Verb::Automate { to: Some(Stop::Drop) }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (scope(), verb()).prop_map(|(scope, verb)| Act::Order(scope, verb)),
        3 => Just(Act::Reconcile),
        8 => Just(Act::Work),
        1 => prop::sample::select(SHARDS.to_vec()).prop_map(Act::Fail),
        1 => (prop::sample::select(SHARDS.to_vec()), prop::sample::select(STOPS.to_vec()))
            .prop_map(|(name, stop)| Act::Regress(name, stop)),
        3 => (0_u64..20_000).prop_map(Act::Wait),
    ]
}

fn perform(desk: &mut Desk, act: Act) {
    match act {
        Act::Order(scope, verb) => {
            let _ = desk.ask(scope, verb);
        }
        Act::Reconcile => desk.reconcile(),
        Act::Work => work(desk),
        Act::Fail(name) => {
            let _ = desk.report(name, Report::Failed { fault: fault("X") });
        }
        Act::Regress(name, found) => {
            let below = desk.at(name).0 > found;
            if below {
                let why = "failover".into();
                let _ = desk.report(
                    name,
                    Report::Regressed {
                        found,
                        epoch: 3,
                        why,
                    },
                );
            }
        }
        Act::Wait(ms) => desk.wait(ms),
    }
}

fn work(desk: &mut Desk) {
    desk.reconcile();
    for (name, job) in next(&desk.state, &desk.seen, desk.now).jobs {
        let report = match job {
            Job::Advance(stop) => Report::Finished {
                stop,
                generation: 0,
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
        let _ = desk.report(name.as_str(), report);
    }
}

fn versions(state: &State) -> BTreeMap<String, u64> {
    let Some(rollout) = &state.rollout else {
        return BTreeMap::new();
    };
    let mut all = BTreeMap::from([("fleet".to_owned(), rollout.version)]);
    all.extend(
        rollout
            .rings
            .iter()
            .map(|(n, r)| (format!("ring {n}"), r.version)),
    );
    all.extend(
        rollout
            .shards
            .iter()
            .map(|(n, s)| (format!("shard {n}"), s.version)),
    );
    all
}

/// Every beginning lies within what its ring was admitted to at that moment.
fn begins_only_what_is_admitted(desk: &Desk) {
    let mut state = State::default();
    for fact in &desk.facts {
        if let (Event::StageBegun { stop, shards, .. }, Some(rollout)) =
            (&fact.event, &state.rollout)
        {
            for name in shards {
                let admitted = admitted(rollout, name);
                assert!(
                    *stop <= admitted,
                    "{name} began {stop}, admitted {admitted}"
                );
            }
        }
        apply(&mut state, fact);
    }
    assert_eq!(state, desk.state, "replay gives the same state");
}

fn admitted(rollout: &pilothouse::rollout::Rollout, name: &ShardName) -> Stop {
    rollout.rings[&rollout.shards[name].ring].admitted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_whatever_is_ordered(acts in prop::collection::vec(act(), 1..120)) {
        let mut desk = Desk::new();
        let mut before = versions(&desk.state);
        for act in acts {
            perform(&mut desk, act);
            let after = versions(&desk.state);
            for (scope, version) in &before {
                prop_assert!(after[scope] >= *version, "{scope} went back");
            }
            before = after;
        }
        begins_only_what_is_admitted(&desk);
    }
}

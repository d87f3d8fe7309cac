//! What `status` says must be true at 3 a.m.: at every state of a rollout.

use crate::desk::{Desk, SOAK_MS, fault, on, ring, roll_back};
use crate::scene::{finished, healthy, troubled};
use pilothouse::base::{Period, Stop, Timestamp};
use pilothouse::cli::status;
use pilothouse::rollout::{Event, Phase, Report, Scope, Verb};
use pilothouse::wire::{
    Eta, FleetView, Identity, Sign, Source, Standing, Telemetry, project, without_engine,
};

/// What a desk's fleet looks like.
pub fn view(desk: &Desk) -> FleetView {
    let source = Source {
        identity: &Identity::default(),
        contacts: &pilothouse::base::Contacts::default(),
        state: &desk.state,
        observations: &desk.seen,
        telemetry: &Telemetry::default(),
        recent: &[],
        log: None,
        head: None,
        journal_trouble: None,
        stall_after: Period::from_ms(600_000),
        notify: &[],
    };
    project(&source, desk.now)
}

fn fleet(view: &FleetView) -> &Standing {
    &view.header.rollout.as_ref().unwrap().standing
}

/// The line of the text that begins with this word.
fn line(text: &str, word: &str) -> String {
    let found = text.lines().find(|l| l.trim_start().starts_with(word));
    found.unwrap_or_else(|| panic!("{word}: {text}")).to_owned()
}

#[test]
fn a_rollout_that_is_done_has_ended_and_has_no_eta() {
    let scene = finished();
    let view = scene.view();
    let text = status::render(&view, scene.now);
    assert_eq!(
        line(&text, "State:"),
        format!(
            "State: done, 12 shards finished drop; ended just now, {}",
            scene.now
        )
    );
    assert_eq!(line(&text, "Failed"), "Failed 0 of 12 shards");
    for lie in ["for now", "Rows 0", "ETA", "by itself", "clears when"] {
        assert!(!text.contains(lie), "{lie:?} in {text}");
    }
    let hour_later = Timestamp(scene.now.0 + 3_600_000);
    let text = status::render(&view, hour_later);
    assert!(line(&text, "State:").contains("; ended 1 h 00 ago, "));
}

#[test]
fn an_aborted_rollout_says_what_is_left_and_offers_no_way_back() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Verify);
    desk.ask(Scope::Fleet, Verb::Abort).unwrap();
    desk.ask(on("b1"), Verb::Abandon).unwrap();
    let during = view(&desk);
    assert_eq!(fleet(&during).word, "aborting");
    desk.work_off();
    let after = view(&desk);
    let standing = fleet(&after);
    assert_eq!(
        (standing.sign, standing.word.as_str()),
        (Sign::RolledBack, "aborted")
    );
    assert_eq!(
        standing.cause,
        "2 shards rolled back, abandoned with what is left on them: b1"
    );
    for standing in after.shards.iter().map(|s| &s.standing) {
        assert_eq!(standing.clears, "", "{standing:?}");
    }
    assert!(
        after
            .rings
            .iter()
            .all(|r| r.standing.next == "nothing more")
    );
    assert_eq!(after.needs_you, []);
}

#[test]
fn the_budgets_pause_names_the_act_that_lifts_it() {
    let mut desk = Desk::new();
    desk.reconcile();
    let failed = Report::Failed { fault: fault("X") };
    desk.report("b1", failed).unwrap();
    let seen = view(&desk);
    // `resume` would be refused.
    assert!(fleet(&seen).clears.starts_with("retry the failed shards"));
    let broad = seen.rings.last().unwrap();
    assert_eq!(broad.standing.sign, Sign::Failed);
    assert_eq!(broad.standing.next, "nothing: the others are paused");
    assert!(seen.needs_you[0].what.contains("retry lifts it"));
    desk.ask(on("b1"), Verb::Retry).unwrap();
    assert_ne!(fleet(&view(&desk)).sign, Sign::Paused);
}

#[test]
fn a_budget_that_is_kept_again_says_that_resume_lifts_its_pause() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::DualWrite);
    desk.wait(SOAK_MS);
    desk.ask(ring("broad"), Verb::Promote).unwrap();
    desk.reconcile();
    let failed = Report::Failed { fault: fault("X") };
    desk.report("b1", failed).unwrap();
    assert!(view(&desk).needs_you[0].what.contains("retry lifts it"));
    desk.ask(on("b1"), roll_back(Stop::Snapshot)).unwrap();
    desk.work_off();
    let what = &view(&desk).needs_you[0].what;
    assert!(what.contains("resume lifts it"), "{what}");
    desk.ask(Scope::Fleet, Verb::Resume).unwrap();
}

#[test]
fn a_rollback_after_a_pause_is_not_called_paused_and_one_before_it_is() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::DualWrite);
    desk.ask(Scope::Fleet, Verb::Pause).unwrap();
    desk.wait(1);
    desk.ask(ring("broad"), roll_back(Stop::Snapshot)).unwrap();
    let seen = view(&desk);
    assert_eq!(fleet(&seen).word, "rolling back");
    desk.wait(1);
    desk.ask(Scope::Fleet, Verb::Pause).unwrap();
    let seen = view(&desk);
    assert_eq!(fleet(&seen).sign, Sign::Paused);
    assert_eq!(seen.rings[1].standing.sign, Sign::Paused);
}

#[test]
fn several_rings_that_wait_for_a_person_are_promoted_as_the_fleet() {
    let seen = crate::screens::scene("contract").view();
    assert_eq!(fleet(&seen).sign, Sign::NeedsHuman);
    assert_eq!(fleet(&seen).clears, "promote the fleet: 3 rings are ready");
    assert!(
        seen.rings[0]
            .standing
            .clears
            .starts_with("promote ring canary")
    );
}

#[test]
fn an_eta_is_for_the_shards_that_move() {
    let mut scene = troubled();
    let text = status::render(&scene.view(), scene.now);
    let rows = line(&text, "Rows");
    assert!(rows.contains("ETA 64–107 s for 2 shards at work"), "{rows}");
    // Paused, what is done still shows, but no end of it is promised.
    let mut pause = scene.facts.last().unwrap().1.clone();
    pause.scope = Scope::Fleet;
    pause.event = Event::Paused;
    scene.fact(pause);
    let view = scene.view();
    assert_eq!((view.totals.at_work, view.totals.eta), (0, Eta::Idle));
    let text = status::render(&view, scene.now);
    let rows = line(&text, "Rows");
    assert!(rows.starts_with("Rows 8.7 M of about 14.2 M"), "{rows}");
    assert!(!rows.contains("ETA") && !rows.contains("rows/s"), "{rows}");
}

#[test]
fn without_an_engine_nothing_is_said_to_move() {
    let scene = healthy();
    let last = Timestamp(scene.now.0 - 120_000);
    let mut view = scene.view();
    without_engine(&mut view, last);
    let text = status::render(&view, scene.now);
    assert!(line(&text, "State:").starts_with("State: no engine is heard, by the journal it is "));
    assert!(
        line(&text, "State:").contains("clears when: `pilothouse run` goes on from the journal")
    );
    assert_eq!(view.needs_you[0].what, "no engine is heard");
    for lie in ["by itself at", "goes on by itself", "at work; "] {
        assert!(!text.contains(lie), "{lie:?} in {text}");
    }
    let running = view.shards.iter().filter(|s| s.phase == Phase::Running);
    assert!(running.map(|s| &s.now).all(|now| now == "no engine"));
    // What waits for a person waits for both.
    let mut desk = Desk::new();
    desk.ask(Scope::Fleet, Verb::Pause).unwrap();
    let mut paused = self::view(&desk);
    without_engine(&mut paused, last);
    let clears = "resume the fleet; then `pilothouse run` goes on from the journal";
    assert_eq!(fleet(&paused).clears, clears);
    // A rollout that has ended needs none.
    let mut ended = finished().view();
    let before = ended.clone();
    without_engine(&mut ended, last);
    assert_eq!(ended, before);
}

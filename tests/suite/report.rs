//! What a report says of real rollouts and of every kind of event, and that no
//! text from outside can break out of it.

use crate::documents::scratch;
use crate::orders::{pilothouse, run_to};
use crate::scene::{Scene, ring, shard, troubled};
use pilothouse::base::{Actor, Cause, Digest, Fault, MigrationName, SigningKey, Stop, Timestamp};
use pilothouse::cli::prepare::read_journal;
use pilothouse::journal::{Head, LogId, Seal};
use pilothouse::report::{Made, Report, Section, Stood, Told, Until, cell, gather, runs, told};
use pilothouse::rollout::{
    Approval, Auto, Blocker, BlockerEnd, Event, Evidence, Grant, Mark, Outcome, Pending,
    PeopleChange, Role, Scope, Window,
};
use proptest::prelude::*;
use std::path::Path;

fn words(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let ended = pilothouse(folder, words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        ended.status.code().unwrap(),
        text(&ended.stdout),
        text(&ended.stderr),
    )
}

fn done(folder: &Path, with: &[&str]) -> String {
    let (code, out, err) = words(folder, with);
    assert_eq!(code, 0, "{with:?}: {out}{err}");
    out
}

fn made(at: Timestamp) -> Made {
    Made {
        at,
        head: Head::EMPTY,
        warnings: Vec::new(),
    }
}

fn of_scene(scene: &Scene) -> Report {
    gather(&scene.facts, 1, made(scene.now)).unwrap()
}

/// Rows of a report's table, by its section's title: trimmed cells.
fn table<'a>(text: &'a str, title: &str) -> Vec<Vec<&'a str>> {
    let (_, after) = text.split_once(&format!("# {title}\n\n")).expect(title);
    let lines = after.lines().take_while(|line| line.starts_with('|'));
    let cells = |line: &'a str| line.trim_matches('|').split('|').map(str::trim).collect();
    lines.map(cells).skip(2).collect()
}

/// A rollout with a hold, a pause of one shard and everything verified.
async fn a_real_one() -> tempfile::TempDir {
    let folder = scratch().await;
    let path = folder.path();
    run_to(path, "snapshot");
    done(
        path,
        &["hold", "--ring", "broad", "--reason", "wait | for *ana*"],
    );
    done(path, &["pause", "--shard", "s01", "--reason", "disk"]);
    done(path, &["resume", "--shard", "s01"]);
    done(
        path,
        &["release", "--ring", "broad", "--reason", "she is here"],
    );
    run_to(path, "verify");
    folder
}

#[tokio::test]
async fn a_report_says_what_a_real_rollout_did() {
    let folder = a_real_one().await;
    let journal = read_journal(&folder.path().join(".pilothouse"))
        .await
        .unwrap();
    let found = runs(&journal.facts);
    assert_eq!(found.len(), 1);
    let now = journal.facts.last().unwrap().1.at;
    let report = gather(&journal.facts, found[0].first, made(now)).unwrap();

    let opening = &journal.state.rollout.as_ref().unwrap().opening;
    assert_eq!(report.heading.plan, opening.plan_digest);
    assert_eq!(report.heading.ended, None);
    let proofs: Vec<_> = report
        .proofs
        .iter()
        .map(|p| (p.shard.as_str(), p.rows, p.stale, p.digest.is_some()))
        .collect();
    assert_eq!(proofs, [("s01", 200, 0, true), ("s02", 200, 0, true)]);
    let filled: Vec<_> = report
        .rows
        .iter()
        .filter(|r| r.stop == Stop::Backfill)
        .map(|r| (r.shard.as_str(), r.rows, r.took.is_some()))
        .collect();
    assert_eq!(filled, [("s01", 200, true), ("s02", 200, true)]);
    // Each ring once at each stop that was admitted, whole.
    let stops = [Stop::Expand, Stop::DualWrite, Stop::Backfill, Stop::Verify];
    for (name, stop) in ["canary", "broad"]
        .iter()
        .flat_map(|n| stops.map(|s| (n, s)))
    {
        let here = |f: &&pilothouse::report::Figure| f.ring == ring(name) && f.stop == stop;
        let all: Vec<_> = report.figures.iter().filter(here).collect();
        assert_eq!(all.len(), 1, "{name} {stop}");
        assert_eq!((all[0].begun, all[0].done), (1, 1), "{name} {stop}");
        let admitted = report
            .admissions
            .iter()
            .filter(|a| a.ring == ring(name) && a.stop == stop);
        assert_eq!(admitted.count(), 1, "{name} {stop}");
    }
    let stood: Vec<_> = report
        .standstills
        .iter()
        .map(|s| {
            let Until::Lifted(lifted) = &s.until else {
                panic!("{s:?} still stands")
            };
            (
                s.stood,
                s.scope.to_string(),
                s.mark.reason.as_str(),
                lifted.reason.as_str(),
            )
        })
        .collect();
    assert_eq!(
        stood,
        [
            (
                Stood::Held,
                "ring broad".into(),
                "wait | for *ana*",
                "she is here"
            ),
            (Stood::Paused, "shard s01".into(), "disk", ""),
        ]
    );
    let broad = report
        .ring_times
        .iter()
        .find(|r| r.ring == ring("broad"))
        .unwrap();
    let lasted = report.standstills[0].lasted(now);
    assert_eq!(broad.held, lasted);
    assert_eq!(
        broad.paused.ms(),
        0,
        "a pause of one shard is not the ring's"
    );
    assert!(report.failures.is_empty() && report.deviations.is_empty());
    assert!(
        report
            .open_ends
            .iter()
            .any(|e| e == "ring canary stands at verify: not retired, not dropped"),
        "{:?}",
        report.open_ends
    );
}

#[tokio::test]
async fn every_way_to_the_journal_gives_the_same_report() {
    let folder = a_real_one().await;
    let path = folder.path();
    let store = path.join(".pilothouse");
    let by_fleet = done(path, &["report"]);
    let export = path.join("journal.jsonl");
    let bare = |with: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pilothouse"));
        let ended = command.args(with).current_dir(path).output().unwrap();
        (
            ended.status.code().unwrap(),
            String::from_utf8_lossy(&ended.stdout).into_owned(),
            String::from_utf8_lossy(&ended.stderr).into_owned(),
        )
    };
    std::fs::write(&export, bare(&["journal", "export", ".pilothouse"]).1).unwrap();
    let same = |text: &str| {
        let lines = text.lines().filter(|line| {
            // What depends on the moment of the report.
            !line.starts_with("| Report made") && !line.starts_with("| Outcome")
        });
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    // Not even a lease is needed, or in the way.
    let lease = pilothouse::store::Store::lock(&store, "another", pilothouse::engine::now());
    for source in [".pilothouse", ".pilothouse/journal.db", "journal.jsonl"] {
        let (code, out, err) = bare(&["report", "balance-cents", "--journal", source]);
        assert_eq!(code, 0, "{err}");
        assert_eq!(same(&out), same(&by_fleet), "{source}");
    }
    drop(lease);
    assert_eq!(table(&by_fleet, "Proofs").len(), 2, "{by_fleet}");
    let (code, _, err) = bare(&["report", "other", "--journal", "journal.jsonl"]);
    assert!(code == 3 && err.contains("no rollout other in this journal; it has balance-cents-"));
}

#[tokio::test]
async fn a_damaged_journal_is_told_first_and_in_the_exit_code() {
    let folder = a_real_one().await;
    let path = folder.path();
    let export = std::process::Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .args(["journal", "export", ".pilothouse"])
        .current_dir(path)
        .output()
        .unwrap();
    let whole = String::from_utf8(export.stdout).unwrap();
    let head = whole.lines().last().unwrap();
    let head: serde_json::Value = serde_json::from_str(head).unwrap();
    let head = format!("{}:{}", head["seq"], head["hash"].as_str().unwrap());
    let changed = whole.replacen("\"reason\":\"disk\"", "\"reason\":\"risk\"", 1);
    assert_ne!(changed, whole);
    let cut = whole.trim_end().rfind('\n').unwrap() + 1;
    for (text, with_head, code, word) in [
        (changed.as_str(), false, 10, "broken at line"),
        (&whole[..cut], true, 11, "truncated"),
        (&whole[..cut + 30], false, 12, "unreadable at line"),
    ] {
        std::fs::write(path.join("bad.jsonl"), text).unwrap();
        let mut with = vec!["report", "--journal", "bad.jsonl"];
        if with_head {
            with.extend(["--since", &head]);
        }
        let ended = std::process::Command::new(env!("CARGO_BIN_EXE_pilothouse"))
            .args(with)
            .current_dir(path)
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&ended.stdout).into_owned();
        let err = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{err}");
        let third = out.lines().nth(2).unwrap();
        assert!(
            third.contains("NOT TO BE TRUSTED") && third.contains(word),
            "{out}"
        );
        assert!(err.contains(word), "{err}");
    }
}

fn mark(name: &str) -> Mark {
    Mark {
        by: Actor::person(name),
        at: Timestamp(1),
        reason: "why".into(),
        cause: Cause::Operator,
    }
}

fn fault(what: &str) -> Fault {
    Fault {
        code: "55P03".into(),
        what: what.into(),
        place: "eu-05".into(),
        why: Some("somebody holds it".into()),
        did: "rolled it back".into(),
        can: "retry".into(),
    }
}

fn request(id: &str) -> Approval {
    Approval {
        id: id.into(),
        asked: mark("lee"),
        ring: ring("early"),
        stop: Stop::Expand,
        plan: Digest::ZERO,
        shard_set: Digest::ZERO,
        policy: Digest::ZERO,
        window: None,
        expires_at: Timestamp(u64::MAX / 4),
        given: Vec::new(),
        end: None,
    }
}

fn pending() -> Pending {
    Pending {
        id: "1f00".into(),
        asked: mark("lee"),
        stop: Stop::Expand,
        window: Window {
            from: Timestamp(0),
            until: Timestamp(u64::MAX / 4),
        },
    }
}

fn seal() -> Seal {
    let key = SigningKey::from_seed(&[7; 32]).unwrap();
    Seal::make(&LogId::new("log").unwrap(), Head::EMPTY, &key).unwrap()
}

/// One of every kind, in an order in which each has something to be about.
fn one_of_each() -> Vec<(Scope, Event)> {
    let eu = || Scope::Shard(shard("eu-05"));
    let early = || Scope::Ring(ring("early"));
    let shards = || vec![shard("eu-05")];
    let id = || "1f00".to_owned();
    let done = Evidence {
        rows: 7,
        notes: vec!["a note".into()],
        throttled_ms: 90_000,
        ..Evidence::default()
    };
    vec![
        (
            Scope::Fleet,
            Event::Automated {
                auto: Some(Auto {
                    to: Stop::Verify,
                    by: Actor::person("lee"),
                }),
            },
        ),
        (early(), Event::PromotionScheduled(Box::new(pending()))),
        (early(), Event::PromotionCancelled { id: id() }),
        (Scope::Fleet, Event::Forgotten),
        (
            early(),
            Event::PromotionLapsed {
                id: id(),
                why: "its window closed".into(),
            },
        ),
        (early(), Event::ApprovalRequested(Box::new(request("1f00")))),
        (
            early(),
            Event::ApprovalGiven {
                id: id(),
                signed: None,
            },
        ),
        (
            early(),
            Event::RingAdmitted {
                ring: ring("early"),
                stop: Stop::Verify,
                readings: Vec::new(),
            },
        ),
        (early(), Event::ApprovalConsumed { id: id() }),
        (early(), Event::ApprovalRejected { id: id() }),
        (early(), Event::ApprovalWithdrawn { id: id() }),
        (
            eu(),
            Event::ShardAttached {
                pin: "p".into(),
                epoch: 1,
            },
        ),
        (
            Scope::Fleet,
            Event::StageBegun {
                stop: Stop::Verify,
                shards: shards(),
                plan_digest: Digest::ZERO,
                shard_set_digest: Digest::ZERO,
            },
        ),
        (
            eu(),
            Event::StageDone {
                stop: Stop::Verify,
                generation: 1,
                evidence: done,
            },
        ),
        (
            eu(),
            Event::ShareSeen {
                percent: 10,
                clients: 4,
            },
        ),
        (
            eu(),
            Event::ShardFailed {
                fault: fault("it broke"),
            },
        ),
        (Scope::Fleet, Event::Retried { shards: shards() }),
        (
            eu(),
            Event::ShardRegressed {
                found: Stop::Expand,
                epoch: 2,
                why: "failover".into(),
            },
        ),
        (
            eu(),
            Event::GenerationBumped {
                generation: 2,
                why: "no trigger".into(),
            },
        ),
        (eu(), Event::ShardFenced { epoch: 3 }),
        (early(), Event::Held),
        (early(), Event::Released),
        (early(), Event::Paused),
        (early(), Event::Resumed),
        (
            Scope::Fleet,
            Event::Throttled {
                rows_per_s_max: Some(500),
            },
        ),
        (
            early(),
            Event::RollbackBegun {
                to: Stop::Snapshot,
                shards: shards(),
            },
        ),
        (
            eu(),
            Event::StageUndone {
                stop: Stop::Expand,
                restored: None,
            },
        ),
        (
            Scope::Fleet,
            Event::GlassBroken {
                until: Timestamp(u64::MAX / 4),
            },
        ),
        (Scope::Fleet, Event::GlassReviewed),
        (
            Scope::Fleet,
            Event::PeopleChanged(PeopleChange::Enrol {
                name: "kim".into(),
                allowed: vec![Grant::everywhere(Role::Viewer)],
                denied: Vec::new(),
            }),
        ),
        (Scope::Fleet, Event::HeadSealed(Box::new(seal()))),
        (Scope::Fleet, Event::AbortBegun),
        (
            eu(),
            Event::BlockerEnding {
                blocker: Blocker {
                    pid: 4_711,
                    began_us: 1,
                },
            },
        ),
        (
            eu(),
            Event::BlockerEnded {
                blocker: Blocker {
                    pid: 4_711,
                    began_us: 1,
                },
                end: BlockerEnd::Gone,
            },
        ),
        (
            Scope::Fleet,
            Event::Baselined {
                name: MigrationName::new("start").unwrap(),
                schema: Digest::ZERO,
                shards: vec![shard("eu-01")],
            },
        ),
        (eu(), Event::ShardAbandoned),
        (
            Scope::Fleet,
            Event::RolloutEnded {
                outcome: Outcome::Aborted,
            },
        ),
    ]
}

/// How many kinds there are. A new one must be added above; the compiler says
/// where.
fn place(event: &Event) -> usize {
    match event {
        Event::RolloutOpened(_) => 0,
        Event::RingAdmitted { .. } => 1,
        Event::StageBegun { .. } => 2,
        Event::StageDone { .. } => 3,
        Event::StageUndone { .. } => 4,
        Event::ShardAttached { .. } => 5,
        Event::ShardFailed { .. } => 6,
        Event::ShardRegressed { .. } => 7,
        Event::GenerationBumped { .. } => 8,
        Event::ShardFenced { .. } => 9,
        Event::ShareSeen { .. } => 10,
        Event::Held => 11,
        Event::Released => 12,
        Event::Paused => 13,
        Event::Resumed => 14,
        Event::Retried { .. } => 15,
        Event::RollbackBegun { .. } => 16,
        Event::AbortBegun => 17,
        Event::ShardAbandoned => 18,
        Event::Throttled { .. } => 19,
        Event::Automated { .. } => 20,
        Event::ApprovalRequested(_) => 21,
        Event::ApprovalGiven { .. } => 22,
        Event::ApprovalRejected { .. } => 23,
        Event::ApprovalWithdrawn { .. } => 24,
        Event::ApprovalConsumed { .. } => 25,
        Event::GlassBroken { .. } => 26,
        Event::GlassReviewed => 27,
        Event::PeopleChanged(_) => 28,
        Event::RolloutEnded { .. } => 29,
        Event::HeadSealed(_) => 30,
        Event::PromotionScheduled(_) => 31,
        Event::PromotionCancelled { .. } => 32,
        Event::PromotionLapsed { .. } => 33,
        Event::Forgotten => 34,
        Event::BlockerEnding { .. } => 35,
        Event::BlockerEnded { .. } => 36,
        Event::Baselined { .. } => 37,
    }
}

const KINDS: usize = 38;

/// A scene in which each kind happened once, after the opening.
fn everything() -> Scene {
    let mut scene = crate::scene::opened();
    scene.facts.truncate(1);
    for (scope, event) in one_of_each() {
        scene.now = Timestamp(scene.now.0 + 60_000);
        scene.by("lee", scope, event, "because");
    }
    scene
}

/// Whether a part of the report has something of an entry.
fn has(report: &Report, section: Section, seq: u64, event: &Event) -> bool {
    match section {
        Section::Heading if matches!(event, Event::HeadSealed(_)) => {
            report.heading.sealed.as_ref().is_some_and(|s| s.seq == seq)
        }
        Section::Heading => report.heading.entries.0 == seq || report.heading.entries.1 == seq,
        // A batch is told once, with its last entry.
        Section::Timeline => {
            let begun = u64::from(matches!(event, Event::StageBegun { .. }));
            report.timeline.iter().any(|m| m.seq == seq + begun)
        }
        Section::Approvals => match event {
            Event::GlassBroken { .. } => !report.glass.is_empty(),
            Event::GlassReviewed => report.glass.iter().any(|g| g.reviewed.is_some()),
            Event::ApprovalGiven { .. } => report.requests.iter().any(|r| !r.given.is_empty()),
            Event::ApprovalRequested(_) => report.requests.len() == 1,
            // Of three ends the last one counts.
            _ => report.requests.iter().any(|r| r.end.is_some()),
        },
        Section::Standstills => match event {
            Event::Throttled { .. } => report.ring_times.iter().all(|r| r.caps.len() == 1),
            Event::Released | Event::Resumed => {
                let lifted =
                    |s: &pilothouse::report::Standstill| matches!(s.until, Until::Lifted(_));
                report.standstills.iter().filter(|s| lifted(s)).count() == 2
            }
            _ => report.standstills.iter().any(|s| s.seq == seq),
        },
        Section::Checks => match event {
            Event::StageDone { .. } => {
                report.proofs.iter().any(|p| p.seq == seq) && report.notes.len() == 1
            }
            _ => report.admissions.iter().any(|a| a.seq == seq),
        },
        Section::Figures => match event {
            Event::StageDone { .. } => report
                .rows
                .iter()
                .any(|r| r.seq == seq && r.throttled_ms == 90_000),
            _ => report
                .figures
                .iter()
                .any(|f| f.seq == seq || f.seq == seq + 1),
        },
        Section::Failures => report.failures.iter().any(|f| f.seq == seq),
        Section::Deviations => report.deviations.iter().any(|d| d.seq == seq),
    }
}

#[test]
fn every_kind_of_event_is_told_or_left_out_on_purpose() {
    let scene = everything();
    let report = of_scene(&scene);
    let mut seen = [false; KINDS];
    for (seq, fact) in &scene.facts {
        seen[place(&fact.event)] = true;
        match told(&fact.event) {
            Told::In(sections) => {
                assert!(!sections.is_empty(), "{}", fact.event.kind());
                for section in sections {
                    assert!(
                        has(&report, *section, *seq, &fact.event),
                        "{} (#{seq}) is not in {section:?}",
                        fact.event.kind()
                    );
                }
            }
            Told::LeftOut(why) => {
                assert!(why.len() > 20, "{}: say why", fact.event.kind());
                assert!(!has(&report, Section::Timeline, *seq, &fact.event));
            }
        }
    }
    assert_eq!(seen, [true; KINDS], "one_of_each has a gap");
}

#[test]
fn a_failure_says_what_became_of_it_and_glass_what_it_let_in() {
    let report = of_scene(&everything());
    let then = report.failures[0].then.join("; ");
    assert!(
        then.contains("retried by lee") && then.contains("rolled back to snapshot"),
        "{then}"
    );
    assert!(
        report.open_ends[0].contains("eu-05 was given up"),
        "{:?}",
        report.open_ends
    );
    let shard_time: u64 = report.ring_times.iter().map(|r| r.throttled_ms).sum();
    assert_eq!(shard_time, 90_000);

    let healthy = include_str!("../../screenshots/scenarios/healthy.toml");
    let (before, _) = healthy.split_once("[[step]]").unwrap();
    let strict = before.replace("approvals = {}", "approvals = { expand = 1 }");
    let mut scene = Scene::read(&strict).unwrap();
    scene.by(
        "lee",
        Scope::Fleet,
        Event::GlassBroken {
            until: Timestamp(u64::MAX / 4),
        },
        "site is down",
    );
    let reading = pilothouse::rollout::read_gates(
        scene.state.rollout.as_ref().unwrap(),
        &scene.observations,
        &ring("canary"),
        Stop::Expand,
        scene.now,
    );
    let admitted = Event::RingAdmitted {
        ring: ring("canary"),
        stop: Stop::Expand,
        readings: reading,
    };
    scene.by("lee", Scope::Ring(ring("canary")), admitted, "");
    let report = of_scene(&scene);
    assert_eq!(report.glass[0].admitted, [(ring("canary"), Stop::Expand)]);
    assert!(report.open_ends[0].starts_with("review owed: lee broke glass (site is down)"));
    assert!(report.markdown().contains("NOBODY YET"));
}

#[test]
fn requests_say_how_they_ended() {
    let mut scene = crate::scene::opened();
    let early = || Scope::Ring(ring("early"));
    let plan = scene.state.rollout.as_ref().unwrap().opening.plan_digest;
    for (id, expires_at) in [
        ("used", u64::MAX / 4),
        ("said-no", u64::MAX / 4),
        ("late", 1),
        ("carried", u64::MAX / 4),
    ] {
        let asked = Approval {
            plan,
            expires_at: Timestamp(expires_at),
            ..request(id)
        };
        scene.by(
            "lee",
            early(),
            Event::ApprovalRequested(Box::new(asked)),
            "go",
        );
    }
    let id = |id: &str| id.to_owned();
    scene.by(
        "ana",
        early(),
        Event::ApprovalGiven {
            id: id("used"),
            signed: None,
        },
        "looked at it",
    );
    scene.by(
        "lee",
        early(),
        Event::ApprovalConsumed { id: id("used") },
        "",
    );
    scene.by(
        "ana",
        early(),
        Event::ApprovalRejected { id: id("said-no") },
        "not tonight",
    );
    let text = of_scene(&scene).markdown();
    let rows = table(&text, "Approvals");
    let ends: Vec<(&str, &str)> = rows.iter().map(|r| (r[0], r[4])).collect();
    assert!(
        rows[0][3].starts_with("ana at ") && rows[0][3].ends_with("(looked at it)"),
        "{rows:?}"
    );
    assert!(ends[0].1.starts_with("used at 2026-"), "{ends:?}");
    assert!(
        ends[1].1.starts_with("rejected by ana") && ends[1].1.ends_with("(not tonight)"),
        "{ends:?}"
    );
    assert_eq!(ends[2], ("late", "expired at 1970-01-01 00:00:00"));
    assert!(ends[3].1.starts_with("open until"), "{ends:?}");

    // Another plan is opened: what was open is void there, and says why.
    let mut opening = scene.state.rollout.as_ref().unwrap().opening.clone();
    opening.plan_digest = Digest::of("another", &[]);
    scene.by(
        "lee",
        Scope::Fleet,
        Event::RolloutOpened(Box::new(opening)),
        "",
    );
    let second = runs(&scene.facts).pop().unwrap().first;
    let report = gather(&scene.facts, second, made(scene.now)).unwrap();
    let text = report.markdown();
    let void = table(&text, "Approvals");
    let void = void.iter().find(|r| r[0] == "carried").unwrap();
    assert!(
        void[4].starts_with("void at ") && void[4].contains("the plan and the"),
        "{void:?}"
    );
    assert_eq!(report.heading.other_runs.len(), 1);
    assert_eq!(
        report.timeline.len(),
        1,
        "of the run before nothing else is told"
    );
}

#[test]
fn another_database_is_told_once_something_of_ours_is_on_it() {
    let mut scene = crate::scene::opened();
    let canary = || Scope::Shard(shard("eu-01"));
    let attached = |pin: &str, epoch| Event::ShardAttached {
        pin: pin.into(),
        epoch,
    };
    scene.by("engine", canary(), attached("where it is", 1), "");
    scene.by("engine", canary(), attached("what it is", 1), "");
    assert_eq!(of_scene(&scene).deviations, []);
    crate::scene::Steps::walk(&mut scene, "canary", Stop::Expand);
    scene.by("engine", canary(), attached("what it is", 2), "");
    assert_eq!(of_scene(&scene).deviations, []);
    scene.by("engine", canary(), attached("another", 3), "");
    let told = of_scene(&scene).deviations;
    assert_eq!(
        told[0].what,
        "another database answers: another, epoch 3; it was what it is"
    );
}

#[test]
fn a_scene_reads_well_as_plain_text() {
    let mut scene = troubled();
    scene.later_by(3_600);
    insta::assert_snapshot!("report-troubled", of_scene(&scene).markdown());
}

trait Later {
    fn later_by(&mut self, seconds: u64);
}

impl Later for Scene {
    fn later_by(&mut self, seconds: u64) {
        self.now = Timestamp(self.now.0 + seconds * 1_000);
    }
}

/// Pieces that mean something to Markdown, HTML, a terminal or a table.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("|".to_owned()),
        Just("\n| a | b |\n".to_owned()),
        Just("\\".to_owned()),
        Just("\\|".to_owned()),
        Just("`".to_owned()),
        Just("<script>alert(1)</script>".to_owned()),
        Just("<!--".to_owned()),
        Just("&lt;b&gt;".to_owned()),
        Just("[x](javascript:y)".to_owned()),
        Just("![i](http://h/)".to_owned()),
        Just("**b** __b__ _i_ ~~s~~ $m$".to_owned()),
        Just("\u{1b}[2J\u{1b}]0;t\u{7}".to_owned()),
        Just("\u{9b}31m".to_owned()),
        Just("\u{202e}\u{2066}".to_owned()),
        Just("\r\n# Done\r\n".to_owned()),
        Just("\u{2028}> q".to_owned()),
        Just("\t- item".to_owned()),
        "\\PC{0,8}",
    ];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

/// The letters of a line that Markdown would act on: those without a `\`.
fn active(line: &str) -> Vec<char> {
    let mut found = Vec::new();
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            letter => found.push(letter),
        }
    }
    found
}

/// What is wrong with a report that holds this text everywhere; the same
/// report with a harmless text has as many lines.
fn breaks_out(text: &str, harmless: &str) -> Option<String> {
    let lines = harmless.lines().count();
    if text.lines().count() != lines {
        return Some(format!("{} lines, not {lines}", text.lines().count()));
    }
    if let Some(c) = text.chars().find(|c| c.is_control() && *c != '\n') {
        return Some(format!("{c:?} is in it"));
    }
    if text.contains(['\u{202e}', '\u{2066}', '\u{2028}']) {
        return Some("text is reordered or broken".into());
    }
    for (line, plain) in text.lines().zip(harmless.lines()) {
        let count =
            |line: &str, wanted: char| active(line).iter().filter(|c| **c == wanted).count();
        for wanted in ['|', '`', '<', '*', '[', ']', '&', '~', '$'] {
            let (found, needed) = (count(line, wanted), count(plain, wanted));
            if found != needed {
                return Some(format!("{wanted} {found} times, not {needed}: {line}"));
            }
        }
    }
    None
}

/// A report that holds the text wherever somebody else may choose it.
fn with(text: &str) -> String {
    let mut scene = crate::scene::opened();
    let eu = || Scope::Shard(shard("eu-05"));
    let mut asked = request(text);
    asked.asked.reason = text.into();
    asked.asked.by = Actor::person(text);
    let notes = vec![text.to_owned()];
    let done = Evidence {
        rows: 3,
        notes,
        ..Evidence::default()
    };
    let begun = Event::StageBegun {
        stop: Stop::Verify,
        shards: vec![shard("eu-05")],
        plan_digest: Digest::ZERO,
        shard_set_digest: Digest::ZERO,
    };
    let broken = Fault {
        code: text.into(),
        why: Some(text.into()),
        can: text.into(),
        ..fault(text)
    };
    let facts = [
        (
            Scope::Ring(ring("early")),
            Event::ApprovalRequested(Box::new(asked)),
        ),
        (
            Scope::Ring(ring("early")),
            Event::ApprovalRejected { id: text.into() },
        ),
        (
            eu(),
            Event::ShardAttached {
                pin: "p".into(),
                epoch: 1,
            },
        ),
        (Scope::Fleet, begun),
        (
            eu(),
            Event::StageDone {
                stop: Stop::Verify,
                generation: 1,
                evidence: done,
            },
        ),
        (
            eu(),
            Event::ShardAttached {
                pin: text.into(),
                epoch: 2,
            },
        ),
        (
            eu(),
            Event::ShardRegressed {
                found: Stop::Expand,
                epoch: 2,
                why: text.into(),
            },
        ),
        (
            Scope::Fleet,
            Event::GlassBroken {
                until: Timestamp(u64::MAX / 4),
            },
        ),
        (Scope::Fleet, Event::Held),
        (eu(), Event::ShardFailed { fault: broken }),
    ];
    for (scope, event) in facts {
        scene.by(text, scope, event, text);
    }
    let mut circumstances = made(scene.now);
    circumstances.warnings = vec![text.into()];
    gather(&scene.facts, 1, circumstances).unwrap().markdown()
}

proptest! {
    #[test]
    fn no_text_breaks_out_of_its_cell(text in hostile()) {
        let found = breaks_out(&with(&text), &with("x"));
        prop_assert!(found.is_none(), "{text:?}: {}", found.unwrap_or_default());
    }

    #[test]
    fn a_cell_is_one_line_and_says_what_was_written(text in "\\PC{0,60}") {
        let made = cell(&text);
        prop_assert!(!made.contains('\n'));
        // Taken back, the escapes leave the very text.
        let mut letters = made.chars();
        let mut back = String::new();
        while let Some(letter) = letters.next() {
            back.extend(match letter { '\\' => letters.next(), letter => Some(letter) });
        }
        let shown = pilothouse::base::Untrusted::new(text.as_str()).to_string();
        prop_assert_eq!(back, shown);
    }
}

#[test]
fn the_property_sees_a_text_that_does_break_out() {
    let harmless = with("x");
    for bad in ["a | b", "a\nb", "<b>", "\u{1b}[2J", "`", "[x]"] {
        let broken = harmless.replacen("because", bad, 1);
        assert!(breaks_out(&broken, &harmless).is_some(), "{bad:?}");
    }
}

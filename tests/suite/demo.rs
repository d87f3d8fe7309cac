//! The demo: what a newcomer sees first must be true, and nothing of it may
//! stay behind.

use crate::sqlite_fixture::{Flags, identity, labels, run, texts};
use clap::Parser as _;
use pilothouse::base::{Period, ShardName, Timestamp};
use pilothouse::cli::args::{Cli, Commands};
use pilothouse::cli::demo::{self, DemoArgs, Promises};
use pilothouse::cli::exit::Exit;
use pilothouse::cli::run::Face;
use pilothouse::engine::{Throttle, now};
use pilothouse::fleet::ThrottleLimits;
use pilothouse::lab::demo::{
    Cast, DemoLayout, DemoSpec, Directory, Examined, Follower, Pace, build, examine,
};
use pilothouse::lab::ledger::Ledger;
use pilothouse::shard::Shard as _;
use pilothouse::shard::sqlite::{SqlitePlace, SqliteShard};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Whether a finding shows in what was examined.
type Shows = fn(&Examined) -> bool;

fn spec(rows: u32, rows_per_s_max: u32) -> DemoSpec {
    DemoSpec {
        rows,
        rows_per_s_max,
        seed: 1,
        pace: Pace::BRISK,
    }
}

fn shard(name: &str) -> ShardName {
    ShardName::new(name).unwrap()
}

async fn look_again() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

async fn number(path: &Path, sql: &str) -> i64 {
    let rows = texts(path, sql).await;
    rows[0][0].as_deref().unwrap_or("0").parse().unwrap()
}

async fn headless(directory: Option<&Path>, spec: DemoSpec) -> (Value, Exit) {
    let args = DemoArgs {
        directory: directory.map(Path::to_path_buf),
        spec,
        face: Face::Headless,
        film: None,
    };
    let (text, exit) = demo::run(args)
        .await
        .unwrap_or_else(|e| panic!("{}", e.text));
    (serde_json::from_str(&text).unwrap(), exit)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_headless_demo_ends_with_every_promise_held_and_its_trouble_overcome() {
    let (told, exit) = headless(None, spec(400, 160)).await;
    assert_eq!(exit, Exit::Done, "{told:#}");
    assert_eq!(told["outcome"], "done");
    assert_eq!(told["promises_held"], true);
    assert_eq!(
        (&told["shards"], &told["stale_rows"]),
        (&12.into(), &0.into())
    );
    assert_eq!(told["lost_writes"], 0);
    assert_eq!(told["journal_verified"], true);
    assert!(told["rows"].as_u64().unwrap() >= 12 * 400, "{told:#}");
    assert!(told["examined"]["writes_acknowledged"].as_u64().unwrap() > 100);
    assert_eq!(told["examined"]["followers_unequal"], 0);
    // The little trouble has come, and has gone.
    let trouble = &told["trouble"];
    assert!(
        trouble["throttled"].is_string() && trouble["failed"].is_string(),
        "{told:#}"
    );
    assert_eq!(trouble["throttle_reopened"], true);
    assert_eq!(trouble["recovered"], true);
    assert_eq!(told["left_behind"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_damaged_on_the_way_is_a_broken_promise() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("demo");
    let layout = DemoLayout::new(&root);
    let victim = layout.shard(&shard("s12"));
    let damage = async {
        // The rollout is open, so everything is built.
        while !layout.store().join("journal.db").exists() {
            look_again().await;
        }
        // Somebody bypasses the application.
        run(
            &victim,
            "UPDATE account SET balance = balance + 1 WHERE id = 2000",
        )
        .await
        .unwrap();
    };
    let ((told, exit), ()) = tokio::join!(headless(Some(&root), spec(2_000, 40_000)), damage);
    assert_eq!(exit, Exit::Failed, "{told:#}");
    assert_eq!(told["outcome"], "done");
    assert_eq!(told["promises_held"], false);
    assert_eq!(told["examined"]["wrong_rows"], 1);
    assert!(
        told["examined"]["findings"][0]
            .as_str()
            .unwrap()
            .contains("s12: account 2000")
    );
    // A directory that was asked for stays.
    assert_eq!(told["left_behind"].as_str(), root.to_str());
    assert!(layout.fleet_file().exists());
}

#[test]
fn a_terminated_demo_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .args(["demo", "--headless", "--rows", "2000"])
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    for line in events.by_ref().lines() {
        if line.unwrap().contains("backfill begins") {
            break;
        }
    }
    // Nobody listens any more; it has more to say, and goes on all the same.
    drop(events);
    assert!(
        std::fs::read_dir(temporary.path())
            .unwrap()
            .next()
            .is_some()
    );
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut told = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["outcome"], &told["promises_held"]),
        (&"stopped".into(), &true.into())
    );
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_temporary_directory_goes_with_a_panic_and_a_full_one_is_refused() {
    let (tell, told) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let directory = Directory::temporary().unwrap();
        std::fs::write(directory.path().join("file"), "x").unwrap();
        tell.send(directory.path().to_owned()).unwrap();
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert!(!told.recv().unwrap().exists());

    let full = tempfile::tempdir().unwrap();
    std::fs::write(full.path().join("mine"), "x").unwrap();
    let refused = Directory::at(full.path()).unwrap_err().to_string();
    assert!(refused.contains("nothing was touched"), "{refused}");
    assert!(full.path().join("mine").exists());
}

/// A small fleet that has been written for a while; its ledgers.
async fn written(layout: &DemoLayout, spec: &DemoSpec) -> BTreeMap<ShardName, Ledger> {
    build(layout, spec).await.unwrap();
    let cast = Cast::start(layout, spec).unwrap();
    let last = layout.shard(&shard("s12"));
    while number(&last, "SELECT count(*) FROM change_log").await < 5 {
        look_again().await;
    }
    cast.end().await.unwrap()
}

#[tokio::test]
async fn every_kind_of_loss_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let layout = DemoLayout::new(folder.path());
    // As many rows that nobody writes as rows that somebody writes.
    let spec = spec(800, 160);
    let ledgers = written(&layout, &spec).await;
    let found = examine(&layout, &spec, &ledgers).await.unwrap();
    assert!(found.is_clean(), "{:#?}", found.findings);
    assert!(found.writes_acknowledged >= 5 && found.rows_compared >= 12 * 800);

    let path = layout.shard(&shard("s12"));
    let follower = layout.follower(&shard("s12"));
    let (key, _) = ledgers[&shard("s12")]
        .keys()
        .find(|(key, _)| *key <= 800)
        .unwrap();
    let damages: [(&Path, String, Shows); 4] = [
        (
            &path,
            format!("UPDATE account SET balance = balance + 7 WHERE id = {key}"),
            |f| f.lost_writes == 1,
        ),
        (&path, "DELETE FROM account WHERE id = 800".into(), |f| {
            f.wrong_rows == 1
        }),
        (
            &path,
            "INSERT INTO account VALUES (5000000, 'x', 1)".into(),
            |f| f.wrong_rows == 1,
        ),
        (
            &follower,
            "UPDATE account SET balance = 0 WHERE id = 800".into(),
            |f| f.followers_unequal == 1,
        ),
    ];
    for (file, sql, shows) in damages {
        let copy = folder.path().join("copy.db");
        run(file, "PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
        std::fs::copy(file, &copy).unwrap();
        run(file, &sql).await.unwrap();
        let found = examine(&layout, &spec, &ledgers).await.unwrap();
        assert!(shows(&found) && !found.is_clean(), "{sql}: {found:#?}");
        assert!(!found.findings.is_empty());
        run(file, "PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
        std::fs::copy(&copy, file).unwrap();
    }
    assert_eq!(
        demo::exit_of(Face::Headless, Exit::Done, Promises::Broken),
        Exit::Failed
    );
    assert_eq!(
        demo::exit_of(Face::Screen, Exit::Waiting, Promises::Held),
        Exit::Done
    );
}

#[tokio::test]
async fn a_follower_that_stops_closes_the_throttle_and_one_that_goes_on_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let layout = DemoLayout::new(folder.path());
    build(&layout, &spec(50, 160)).await.unwrap();
    let name = shard("s01");
    let (path, replica) = (layout.shard(&name), layout.follower(&name));
    let place = SqlitePlace {
        name,
        path: path.clone(),
        replicas: vec![replica.clone()],
    };
    let route = crate::contract_cases::route();
    let flags = Arc::<Flags>::default();
    let opened = SqliteShard::open(place, &labels(), identity(), &route, flags).unwrap();
    let limits = ThrottleLimits {
        poll: Period::from_ms(50),
        stale_after: Period::from_ms(3_000),
        replica_lag: Some(Period::from_ms(1_000)),
        active_sessions: None,
        slot_wal_bytes: None,
        oldest_transaction: None,
        archive_segments: None,
        disk_free_bytes: None,
    };
    let mut throttle = Throttle::default();
    let mut is_closed = async || {
        let reasons = throttle.judge(&limits, &opened.measure().await, now());
        assert!(
            reasons.iter().all(|r| r.signal == "replica_lag_ms"),
            "{reasons:?}"
        );
        !reasons.is_empty()
    };
    // Nothing of ours is there: nothing is written, and unknown is closed.
    assert!(is_closed().await);
    let ours = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'pilothouse%'";
    assert_eq!(number(&path, ours).await, 0);
    let table =
        "CREATE TABLE pilothouse_heartbeat (one INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL)";
    run(&path, table).await.unwrap();
    assert!(is_closed().await, "nobody replays yet");

    let follower = Follower::start(path.clone(), replica.clone());
    while is_closed().await {
        look_again().await;
    }
    follower.stop_replaying();
    run(&path, "UPDATE account SET balance = 77 WHERE id = 3")
        .await
        .unwrap();
    while !is_closed().await {
        look_again().await;
    }
    let read = "SELECT balance FROM account WHERE id = 3";
    assert_ne!(number(&replica, read).await, 77);
    follower.replay();
    while is_closed().await {
        look_again().await;
    }
    // Open means replayed: the heartbeat is younger than the change.
    assert_eq!(number(&replica, read).await, 77);
    follower.catch_up().await.unwrap();
}

#[tokio::test]
async fn a_heartbeat_waits_for_nobody_and_a_file_that_is_gone_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let (path, replica) = (folder.path().join("s.db"), folder.path().join("r.db"));
    let beat =
        "CREATE TABLE pilothouse_heartbeat (one INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL)";
    run(&path, beat).await.unwrap();
    let place = SqlitePlace {
        name: shard("s1"),
        path: path.clone(),
        replicas: vec![replica],
    };
    let route = crate::contract_cases::route();
    let flags = Arc::<Flags>::default();
    let opened = SqliteShard::open(place, &labels(), identity(), &route, flags).unwrap();
    let mut batch = crate::sqlite_fixture::connect(&path).await;
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut batch)
        .await
        .unwrap();
    // Work holds the write lock, and a poll comes back all the same.
    let measured = opened.measure().await;
    let lag = measured
        .iter()
        .find(|m| m.signal == "replica_lag_ms")
        .unwrap();
    assert_eq!(lag.value, None);
    assert_eq!(
        number(&path, "SELECT count(*) FROM pilothouse_heartbeat").await,
        0
    );
    sqlx::query("ROLLBACK").execute(&mut batch).await.unwrap();
    opened.measure().await;
    let at = number(&path, "SELECT at_ms FROM pilothouse_heartbeat").await;
    assert!(now().since(Timestamp(at as u64)) < Period::from_ms(60_000));
}

#[test]
fn a_replica_of_an_sqlite_shard_is_another_file() {
    let fleet = |replica: &str| {
        format!(
            "name = \"x\"\n[environment]\nname = \"t\"\nproduction = false\n[[ring]]\nname = \"a\"\n\
             [[shard]]\nname = \"s1\"\nring = \"a\"\ncandidates = [\"sqlite:s1.db\"]\nreplicas = [\"sqlite:{replica}\"]\n"
        )
    };
    let parse = |text: &str| pilothouse::fleet::parse(text, Path::new("/etc/x/fleet.toml"));
    let good = parse(&fleet("r1.db")).unwrap_or_else(|bad| panic!("{bad}"));
    assert_eq!(good.fleet.shards[0].replicas.len(), 1);
    let bad = parse(&fleet("s1.db")).unwrap_err().to_string();
    assert!(bad.contains("its own file as its replica"), "{bad}");
}

#[test]
fn the_first_command_of_the_readme_is_the_demo() {
    let readme = include_str!("../../README.md");
    let first = readme
        .lines()
        .find(|line| line.starts_with("cargo "))
        .unwrap();
    let words = first.split(" #").next().unwrap().split_whitespace();
    let after: Vec<&str> = words.skip_while(|word| *word != "--").skip(1).collect();
    assert_eq!(after, ["demo"]);
    let parsed = Cli::try_parse_from(["pilothouse"].into_iter().chain(after)).unwrap();
    let Commands::Demo(demo) = parsed.command else {
        panic!("not the demo");
    };
    assert_eq!((demo.rows, demo.headless), (50_000, false));
}

//! The lab itself: if it lies, every test on top of it does.

use crate::support::{lab, require_postgres};
use pilothouse::base::ShardName;
use pilothouse::cli::lab::{UpArgs, down, up};
use pilothouse::flags::{FileFlags, FlagProvider as _, ProcessMark, Share};
use pilothouse::lab::ledger::{Columns, LedgerFile, check, fetch};
use pilothouse::lab::teardown::Down;
use pilothouse::lab::writer::{Forms, KeyClass, Writer, WriterSpec};
use pilothouse::lab::{Fill, Lab, LabError, LabSpec, Load, ServerState, keeper};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::timeout;

async fn number(lab: &Lab, server: &str, sql: &'static str) -> i64 {
    let mut session = lab.connect(server, "migrator").await.unwrap();
    sqlx::query_scalar(sql)
        .fetch_one(&mut session)
        .await
        .unwrap()
}

async fn run(lab: &Lab, server: &str, sql: &'static str) {
    let mut session = lab.connect(server, "postgres").await.unwrap();
    sqlx::raw_sql(sql).execute(&mut session).await.unwrap();
}

fn writer_spec(lab: &Lab, shard: &str) -> WriterSpec {
    WriterSpec::new(
        ShardName::new(shard).unwrap(),
        lab.candidates(shard).unwrap(),
        lab.layout().ledger(shard),
        KeyClass::WHOLE,
    )
}

async fn marks(lab: &Lab) -> Vec<ProcessMark> {
    let status = lab.status().await.unwrap();
    let first = status.iter().filter_map(|s| ProcessMark::of(s.pid?));
    first
        .flat_map(|m| m.children().into_iter().chain([m]))
        .collect()
}

const ACCOUNTS: &str = "SELECT count(*) FROM pgbench_accounts";

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_stands_and_leaves_nothing() {
    if !require_postgres() {
        return;
    }
    let lab = lab(2, 1).await;
    let directory = lab.directory().to_owned();
    for server in ["s01", "s02", "s01-r1", "s02-r1"] {
        assert_eq!(number(&lab, server, ACCOUNTS).await, 1_000, "{server}");
    }
    for shard in ["s01", "s02"] {
        let streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
        assert_eq!(number(&lab, shard, streaming).await, 1);
        assert!(!lab.in_recovery(shard).await.unwrap());
        assert!(lab.in_recovery(&format!("{shard}-r1")).await.unwrap());
    }
    // The pin by which pilothouse tells two servers apart.
    let system = "SELECT system_identifier FROM pg_control_system()";
    let first = number(&lab, "s01", system).await;
    assert_ne!(first, number(&lab, "s02", system).await);
    assert_eq!(first, number(&lab, "s01-r1", system).await);

    let owned =
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = 'owner'";
    assert_eq!(number(&lab, "s01", owned).await, 4);
    let mut app = lab.connect("s01", "app").await.unwrap();
    let refused = sqlx::raw_sql("ALTER TABLE pgbench_accounts ADD COLUMN x int")
        .execute(&mut app)
        .await;
    assert!(refused.is_err(), "app must not change tables");
    drop(app);

    let running = marks(&lab).await;
    assert!(running.len() > 4, "servers have processes");
    // A killed server leaves traces that a stopped one does not.
    lab.kill_server("s02").await.unwrap();
    assert_eq!(lab.down().await.unwrap(), Down::Removed);
    assert!(running.iter().all(|mark| !mark.is_alive()));
    assert!(!directory.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_lab_ends_it() {
    if !require_postgres() {
        return;
    }
    let lab = lab(1, 1).await;
    let (running, directory) = (marks(&lab).await, lab.directory().to_owned());
    lab.freeze("s01-r1").await.unwrap();
    drop(lab);
    assert!(running.iter().all(|mark| !mark.is_alive()));
    assert!(!directory.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_do_what_they_say() {
    if !require_postgres() {
        return;
    }
    let lab = lab(1, 1).await;
    let state = async |name: &str| {
        let status = lab.status().await.unwrap();
        status.into_iter().find(|s| s.name == name).unwrap().state
    };

    // Kill: down at once, stays down, comes back with its rows.
    lab.kill_server("s01").await.unwrap();
    assert_eq!(state("s01").await, ServerState::Down);
    assert!(lab.connect("s01", "app").await.is_err());
    assert!(matches!(
        lab.kill_server("s01").await,
        Err(LabError::WrongState { .. })
    ));
    lab.start_server("s01").await.unwrap();
    assert_eq!(number(&lab, "s01", ACCOUNTS).await, 1_000);

    // Freeze: an open session hangs and goes on after the thaw.
    let mut session = lab.connect("s01", "app").await.unwrap();
    lab.freeze("s01").await.unwrap();
    assert_eq!(state("s01").await, ServerState::Frozen);
    let mut asked = Box::pin(sqlx::query_scalar::<_, i32>("SELECT 7").fetch_one(&mut session));
    assert!(
        timeout(Duration::from_millis(300), &mut asked)
            .await
            .is_err()
    );
    lab.thaw("s01").await.unwrap();
    assert_eq!(asked.await.unwrap(), 7);

    // Replay: received but not shown until it is resumed.
    lab.catch_up("s01-r1").await.unwrap();
    lab.pause_replay("s01-r1").await.unwrap();
    run(&lab, "s01", "DELETE FROM pgbench_accounts WHERE aid <= 10").await;
    assert_eq!(number(&lab, "s01", ACCOUNTS).await, 990);
    assert_eq!(number(&lab, "s01-r1", ACCOUNTS).await, 1_000);
    lab.resume_replay("s01-r1").await.unwrap();
    lab.catch_up("s01-r1").await.unwrap();
    assert_eq!(number(&lab, "s01-r1", ACCOUNTS).await, 990);

    // Failover: the standby becomes the primary that is found.
    lab.kill_server("s01").await.unwrap();
    lab.promote("s01-r1").await.unwrap();
    assert_eq!(lab.primary("s01").await.unwrap().name, "s01-r1");
    run(
        &lab,
        "s01-r1",
        "DELETE FROM pgbench_accounts WHERE aid <= 20",
    )
    .await;
    let url = lab.primary_url("s01").await.unwrap();
    assert!(url.starts_with("postgres://migrator@127.0.0.1:"), "{url}");

    assert!(matches!(
        lab.kill_server("s09").await,
        Err(LabError::NoServer(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_by_a_server_kill_and_a_lost_one_is_found() {
    if !require_postgres() {
        return;
    }
    let lab = lab(1, 0).await;
    let mut writer = Writer::start(WriterSpec {
        rate_per_s: 5_000,
        ..writer_spec(&lab, "s01")
    })
    .unwrap();
    for round in 1..=3u64 {
        assert!(
            writer
                .wait(|stats| stats.acknowledged() >= round * 200)
                .await
        );
        lab.kill_server("s01").await.unwrap();
        assert!(writer.wait(|stats| stats.no_primary > 0).await);
        lab.start_server("s01").await.unwrap();
    }
    let before = writer.stats().acknowledged();
    assert!(
        writer
            .wait(|stats| stats.acknowledged() > before + 100)
            .await
    );
    let ledger = writer.stop().await.unwrap();

    let mut session = lab.connect("s01", "app").await.unwrap();
    let table = fetch(&mut session, Columns::Old).await.unwrap();
    let report = check(&ledger, &table);
    assert!(report.is_clean(), "{report:?}");
    assert!(report.acknowledged > 700 && report.keys > 100);
    // The file tells the same story as the writer.
    assert_eq!(
        LedgerFile::load(&lab.layout().ledger("s01")).unwrap(),
        ledger
    );

    // One acknowledged write taken back behind the writer's back.
    let (key, _) = ledger
        .keys()
        .find(|(_, possible)| !possible.contains(&None))
        .unwrap();
    sqlx::query("UPDATE pgbench_accounts SET abalance = abalance - 1 WHERE aid = $1::int8")
        .bind(key)
        .execute(&mut session)
        .await
        .unwrap();
    let table = fetch(&mut session, Columns::Old).await.unwrap();
    let lost = check(&ledger, &table).lost_writes;
    assert_eq!(lost.iter().map(|lost| lost.key).collect::<Vec<_>>(), [key]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_that_loses_the_tail_is_found_by_the_ledger() {
    if !require_postgres() {
        return;
    }
    let lab = lab(1, 1).await;
    let mut writer = Writer::start(writer_spec(&lab, "s01")).unwrap();
    assert!(writer.wait(|stats| stats.acknowledged() >= 50).await);
    // Cut the standby off, let the primary acknowledge more, lose it.
    lab.kill_server("s01-r1").await.unwrap();
    let before = writer.stats().acknowledged();
    assert!(
        writer
            .wait(|stats| stats.acknowledged() >= before + 50)
            .await
    );
    lab.kill_server("s01").await.unwrap();
    lab.start_server("s01-r1").await.unwrap();
    lab.promote("s01-r1").await.unwrap();
    let before = writer.stats().acknowledged();
    assert!(
        writer
            .wait(|stats| stats.acknowledged() >= before + 20)
            .await,
        "the writer finds the new primary"
    );
    let ledger = writer.stop().await.unwrap();
    let mut session = lab.connect("s01-r1", "app").await.unwrap();
    let table = fetch(&mut session, Columns::Old).await.unwrap();
    assert!(!check(&ledger, &table).is_clean());
}

/// A stand-in for dual write: the new column and one trigger for both ways.
const BOTH_FORMS: &str = "
ALTER TABLE pgbench_accounts ADD COLUMN abalance_cents bigint;
UPDATE pgbench_accounts SET abalance_cents = abalance * 100;
CREATE FUNCTION both_forms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.abalance_cents IS NULL THEN NEW.abalance_cents := NEW.abalance * 100;
    ELSE NEW.abalance := NEW.abalance_cents / 100; END IF;
  ELSIF NEW.abalance_cents IS DISTINCT FROM OLD.abalance_cents THEN
    NEW.abalance := NEW.abalance_cents / 100;
  ELSE NEW.abalance_cents := NEW.abalance * 100; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER both_forms BEFORE INSERT OR UPDATE ON pgbench_accounts
  FOR EACH ROW EXECUTE FUNCTION both_forms();
";

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_follows_the_flag_through_a_schema_change() {
    if !require_postgres() {
        return;
    }
    let lab = lab(1, 0).await;
    let shard = ShardName::new("s01").unwrap();
    let flags = FileFlags::new(lab.layout().flags());
    let mut writer = Writer::start(WriterSpec {
        forms: Forms::Auto(lab.layout().flags()),
        rate_per_s: 2_000,
        ..writer_spec(&lab, "s01")
    })
    .unwrap();
    assert!(writer.wait(|stats| stats.acknowledged_old >= 100).await);
    // The columns change under a writer with prepared statements.
    run(&lab, "s01", BOTH_FORMS).await;
    flags.set(&shard, Share::of(50)).await.unwrap();
    assert!(writer.wait(|stats| stats.acknowledged_new >= 100).await);
    let half = writer.stats().acknowledged_old;
    assert!(
        writer
            .wait(|stats| stats.acknowledged_old >= half + 100)
            .await
    );

    let version = flags.set(&shard, Share::of(100)).await.unwrap();
    while !flags.seen(version).await.unwrap().by_all() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Seen by all means: not one more write of the old form.
    let old = writer.stats().acknowledged_old;
    let new = writer.stats().acknowledged_new;
    assert!(
        writer
            .wait(|stats| stats.acknowledged_new >= new + 300)
            .await
    );
    // The statistics may lag one statement behind the decision.
    assert!(writer.stats().acknowledged_old <= old + 1);
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'lab-writer/s01-0/old'";
    let started = Instant::now();
    while number(&lab, "s01", sessions).await > 0 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "the old form stays connected"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    run(
        &lab,
        "s01",
        "DROP TRIGGER both_forms ON pgbench_accounts; ALTER TABLE pgbench_accounts DROP COLUMN abalance",
    )
    .await;
    let new = writer.stats().acknowledged_new;
    assert!(
        writer
            .wait(|stats| stats.acknowledged_new >= new + 100)
            .await
    );
    let errors = writer.stats().errors;
    assert!(errors.is_empty(), "{errors:?}");
    let ledger = writer.stop().await.unwrap();
    let mut session = lab.connect("s01", "app").await.unwrap();
    let table = fetch(&mut session, Columns::New).await.unwrap();
    let report = check(&ledger, &table);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(flags.seen(version).await.unwrap().clients_live, 0);
}

/// Not a test of its own: the keeper process of the next one.
#[test]
#[ignore = "run by a_keeper_process_holds_the_lab"]
fn keeper_entry() {
    let directory = std::env::args_os().next_back().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime
        .block_on(keeper::run(Path::new(&directory)))
        .unwrap();
}

fn keeper_command() -> Vec<std::ffi::OsString> {
    let program = std::env::current_exe().unwrap().into_os_string();
    let mut command = vec![program];
    let arguments = ["--exact", "--ignored", "--nocapture", "lab::keeper_entry"];
    command.extend(arguments.map(Into::into));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_process_holds_the_lab() {
    if !require_postgres() {
        return;
    }
    let spec = LabSpec::scratch()
        .shards(2)
        .standbys(1)
        .fill(Fill::Rows(500))
        .load(Load::Writers { rate_per_s: 200 });
    let directory = spec.directory.clone();
    let args = UpArgs {
        spec,
        keeper: keeper_command(),
    };
    assert_eq!(up(args.clone()).await, 0);
    assert_eq!(
        up(args).await,
        2,
        "a second lab in the same place is refused"
    );

    let lab = Lab::attach(&directory).await.unwrap();
    for shard in ["s01", "s02"] {
        let ledger = lab.layout().ledger(shard);
        while LedgerFile::load(&ledger).map_or(0, |ledger| ledger.acknowledged()) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let mut running = marks(&lab).await;
    assert!(running.len() > 4);
    lab.kill_server("s01").await.unwrap();
    lab.start_server("s01").await.unwrap();
    lab.freeze("s02").await.unwrap();
    assert!(matches!(
        lab.start_server("s02").await,
        Err(LabError::Keeper(_))
    ));
    running.extend(marks(&lab).await);
    assert_eq!(down(&directory).await, 0);
    assert!(running.iter().all(|mark| !mark.is_alive()));
    assert!(!directory.exists());
    assert_eq!(down(&directory).await, 0, "twice is fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_keeper_leaves_a_lab_that_can_be_taken_down() {
    if !require_postgres() {
        return;
    }
    let spec = LabSpec::scratch().shards(2);
    let directory = spec.directory.clone();
    let layout = keeper::launch(spec, &keeper_command()).await.unwrap();
    let lab = Lab::attach(&directory).await.unwrap();
    let running = marks(&lab).await;
    lab.freeze("s02").await.unwrap();
    let keeper = std::fs::read(layout.root().join("keeper.pid")).unwrap();
    let keeper: ProcessMark = serde_json::from_slice(&keeper).unwrap();
    assert!(
        keeper
            .children()
            .iter()
            .any(|child| running.contains(child))
    );
    let status = std::process::Command::new("kill")
        .args(["-KILL", &keeper.pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(down(&directory).await, 0);
    assert!(running.iter().all(|mark| !mark.is_alive()));
    assert!(!directory.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_somebody_else_is_not_touched() {
    if !require_postgres() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("precious"), "x").unwrap();
    let err = Lab::start(LabSpec::new(home.path())).await.err().unwrap();
    assert!(matches!(err, LabError::NotEmpty(_)), "{err}");
    assert_eq!(down(home.path()).await, 0);
    assert_eq!(std::fs::read(home.path().join("precious")).unwrap(), b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_that_cannot_stand_leaves_nothing() {
    if !require_postgres() {
        return;
    }
    let none = LabSpec::scratch().shards(0);
    assert!(matches!(
        Lab::start(none.clone()).await.err(),
        Some(LabError::Spec(_))
    ));
    assert!(!none.directory.exists());

    let home = tempfile::tempdir().unwrap();
    let mut spec = LabSpec::new(home.path().join("lab"));
    let err = keeper::launch(spec.clone(), &["false".into()]).await.err();
    assert!(matches!(err, Some(LabError::Keeper(_))));
    assert!(!spec.directory.exists());

    // Far enough into it that files have been made: a server that dies while
    // it starts, for it cannot have that much memory.
    spec.shared_buffers_mib = 64 * 1024 * 1024;
    let err = Lab::start(spec.clone()).await.err().unwrap();
    assert!(matches!(err, LabError::Died { .. }), "{err}");
    assert!(!spec.directory.exists());

    if rustix::process::geteuid().is_root() {
        std::fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
        let err = Lab::start(spec.clone()).await.err().unwrap();
        assert!(matches!(err, LabError::Unreachable { .. }), "{err}");
        assert!(!spec.directory.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run it alone on a quiet machine"]
async fn three_shards_with_standbys_at_scale_one_stand_within_fifteen_seconds() {
    if !require_postgres() {
        return;
    }
    let spec = LabSpec::scratch()
        .shards(3)
        .standbys(1)
        .fill(Fill::Scale(1));
    let started = Instant::now();
    let lab = Lab::start(spec).await.unwrap();
    let raised = started.elapsed();
    assert_eq!(number(&lab, "s03-r1", ACCOUNTS).await, 100_000);
    lab.down().await.unwrap();
    eprintln!("up in {raised:?}, down after {:?}", started.elapsed());
    assert!(raised < Duration::from_secs(15), "{raised:?}");
}

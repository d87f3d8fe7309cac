//! The journal's store: durability, refusals, one owner.

use crate::journal::draft;
use futures_util::future::join_all;
use pilothouse::base::{Timestamp, Untrusted};
use pilothouse::journal::{Draft, Head, Verdict, verify};
use pilothouse::store::{JOURNAL_FILE, LeaseError, Reader, SnapshotFault, Store, StoreError};
use serde_json::json;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory for a store that does not exist yet.
pub fn fresh() -> (TempDir, PathBuf) {
    let outer = TempDir::new().unwrap();
    let dir = outer.path().join("state");
    (outer, dir)
}

fn note(n: u64) -> Draft {
    draft("note_added", json!({ "n": n }))
}

/// Another program's connection to the journal.
pub async fn raw(dir: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(dir.join("journal.db"))
        .connect()
        .await
        .unwrap()
}

pub async fn sql(connection: &mut SqliteConnection, text: &'static str) -> Result<(), String> {
    sqlx::raw_sql(text)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| e.to_string())
}

async fn exported(store: &Store) -> Vec<u8> {
    let mut out = Vec::new();
    assert_eq!(store.lines(&mut out).await.unwrap(), store.head());
    out
}

async fn assert_sound(store: &Store, entries: u64) {
    let head = store.head();
    let verdict = verify(exported(store).await.as_slice(), Some(head)).unwrap();
    assert_eq!(verdict, Verdict::Intact { head, entries });
}

#[tokio::test]
async fn a_reopened_journal_goes_on_where_it_ended() {
    let (_outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    assert_eq!(store.head(), Head::EMPTY);
    let first = store.append(vec![note(1), note(2)]).await.unwrap();
    let (head, log) = (store.head(), store.log().clone());
    assert_eq!((head.seq, head.hash), (2, first[1].hash));
    store.close().await.unwrap();

    let store = Store::open(&dir).await.unwrap();
    assert_eq!((store.head(), store.log()), (head, &log));
    let third = store.append(vec![note(3)]).await.unwrap();
    assert_eq!(third[0].prev, head.hash);
    assert_eq!(
        store.entries(2).await.unwrap(),
        [&first[1..], &third].concat()
    );
    assert_eq!(store.entries(4).await.unwrap(), vec![]);
    assert_eq!(store.entries(9).await.unwrap(), vec![]);
    assert_eq!(store.reader().entries_page(1, 2).await.unwrap(), first);
    assert_sound(&store, 3).await;
}

#[tokio::test]
async fn a_closed_journal_is_one_file_and_a_killed_one_is_whole_with_its_log() {
    let (outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    let entries = store.append(vec![note(1), note(2)]).await.unwrap();
    // What a killed engine leaves behind: everything as it lies on the disk.
    let left = outer.path().join("left");
    std::fs::create_dir(&left).unwrap();
    for name in ["journal.db", "journal.db-wal"] {
        std::fs::copy(dir.join(name), left.join(name)).unwrap();
    }
    let reader = Store::open_read_only(&left).await.unwrap();
    assert_eq!(reader.entries(1).await.unwrap(), entries);
    reader.close().await.unwrap();
    let resumed = Store::open(&left).await.unwrap();
    assert_eq!(resumed.append(vec![note(3)]).await.unwrap()[0].seq, 3);

    store.close().await.unwrap();
    assert!(!dir.join("journal.db-wal").exists());
    let copy = outer.path().join("copy.db");
    std::fs::copy(dir.join("journal.db"), &copy).unwrap();
    let reader = Reader::open(&copy).await.unwrap();
    assert_eq!(reader.entries(1).await.unwrap(), entries);
}

#[tokio::test]
async fn nobody_else_may_read_or_write_the_files() {
    let (outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    store.append(vec![note(1)]).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
    let open_to_all = outer.path().join("open");
    std::fs::create_dir(&open_to_all).unwrap();
    std::fs::set_permissions(&open_to_all, std::fs::Permissions::from_mode(0o777)).unwrap();
    let refused = Store::open(&open_to_all).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Exposed { mode: 0o777, .. }),
        "{refused}"
    );
    assert_eq!(std::fs::read_dir(&open_to_all).unwrap().count(), 0);
}

#[tokio::test]
async fn the_database_itself_refuses_changes() {
    let (_outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    store.append(vec![note(1), note(2)]).await.unwrap();
    let before = exported(&store).await;
    let mut other = raw(&dir).await;
    for setting in [
        "PRAGMA recursive_triggers = ON",
        "PRAGMA recursive_triggers = OFF",
    ] {
        sql(&mut other, setting).await.unwrap();
        for statement in [
            "UPDATE entry SET line = 'x' WHERE seq = 1",
            "UPDATE OR REPLACE entry SET seq = 1 WHERE seq = 2",
            "DELETE FROM entry WHERE seq = 2",
            "DELETE FROM entry",
            "INSERT OR REPLACE INTO entry (seq, line) VALUES (1, 'x')",
            "REPLACE INTO entry (seq, line) VALUES (2, 'x')",
            "INSERT INTO entry (seq, line) VALUES (2, 'x') ON CONFLICT DO UPDATE SET line = 'x'",
            "INSERT INTO entry (seq, line) VALUES (4, 'x')",
            "INSERT INTO entry (seq, line) VALUES (0, 'x')",
            "INSERT OR IGNORE INTO entry (seq, line) VALUES (-1, 'x')",
            "INSERT INTO entry (line) VALUES ('x')",
            "UPDATE meta SET log = 'x'",
            "INSERT OR REPLACE INTO meta (one, log) VALUES (1, 'x')",
            "DELETE FROM meta",
        ] {
            let error = sql(&mut other, statement).await.expect_err(statement);
            assert!(error.contains("the journal"), "{statement}: {error}");
        }
    }
    assert_eq!(exported(&store).await, before);
}

#[tokio::test]
async fn concurrent_appends_share_commits_and_keep_each_callers_order() {
    let (_outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    for n in 0..5 {
        store.append(vec![note(n)]).await.unwrap();
    }
    assert_eq!(
        store.commits(),
        5,
        "one caller alone does not wait for company"
    );

    let appends = (0..60).map(|n| store.append(vec![note(n), note(n + 1_000)]));
    let answers = join_all(appends).await;
    // One task polls all callers before the writer runs, so they queue up, and
    // few enough of them that the runtime does not interrupt it.
    assert!(store.commits() <= 5 + 3, "{} commits", store.commits());
    let mut next = 6;
    for (n, answer) in (0_u64..).zip(answers) {
        let entries = answer.unwrap();
        assert_eq!(entries[0].seq, next, "callers are served in order");
        assert_eq!(
            entries[1].seq,
            next + 1,
            "one caller's drafts stay together"
        );
        assert_eq!(entries[1].body, json!({ "n": n + 1_000 }));
        next += 2;
    }
    assert_sound(&store, 125).await;
}

#[tokio::test]
async fn a_bad_draft_fails_alone_and_whole() {
    let (_outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    let bad = vec![note(1), draft("note_added", json!(0.5))];
    let (good, bad, also_good) = tokio::join!(
        store.append(vec![note(0)]),
        store.append(bad),
        store.append(vec![note(2)])
    );
    assert_eq!(good.unwrap()[0].seq, 1);
    assert!(matches!(bad.unwrap_err(), StoreError::Draft(_)));
    assert_eq!(also_good.unwrap()[0].seq, 2);
    assert_sound(&store, 2).await;
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_stays_where_it_was() {
    let (_outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    store.append(vec![note(1)]).await.unwrap();
    let (head, before) = (store.head(), exported(&store).await);
    let mut other = raw(&dir).await;
    // The third insert of the batch fails: two are in the transaction already.
    let full = "CREATE TRIGGER full BEFORE INSERT ON entry WHEN NEW.seq = 4
                BEGIN SELECT RAISE(ABORT, 'disk is full'); END";
    sql(&mut other, full).await.unwrap();
    let appends = (0..4).map(|n| store.append(vec![note(n), note(n)]));
    for answer in join_all(appends).await {
        let error = answer.unwrap_err().to_string();
        assert!(error.contains("disk is full"), "{error}");
        assert!(error.contains("nothing was appended"), "{error}");
    }
    assert_eq!(store.head(), head);
    assert_eq!(exported(&store).await, before);

    sql(&mut other, "DROP TRIGGER full").await.unwrap();
    let entries = store.append(vec![note(2), note(3), note(4)]).await.unwrap();
    assert_eq!((entries[0].seq, entries[0].prev), (2, head.hash));
    assert_sound(&store, 4).await;
}

#[tokio::test]
async fn a_deleted_journal_is_noticed_before_the_next_append() {
    let (_outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    store.append(vec![note(1)]).await.unwrap();
    std::fs::rename(dir.join("journal.db"), dir.join("moved.db")).unwrap();
    let error = store.append(vec![note(2)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Replaced { .. }), "{error}");
    std::fs::rename(dir.join("moved.db"), dir.join("journal.db")).unwrap();
    assert_eq!(store.append(vec![note(2)]).await.unwrap()[0].seq, 2);
}

#[tokio::test]
async fn a_second_writer_is_noticed_and_nothing_is_forked() {
    let (_outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    let intruder = Store::open(&dir).await.unwrap();
    store.append(vec![note(1)]).await.unwrap();
    intruder.append(vec![note(2)]).await.unwrap_err();
    let error = intruder.append(vec![note(2)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Diverged { .. }), "{error}");
    store.append(vec![note(3)]).await.unwrap();
    assert_sound(&store, 2).await;
}

#[tokio::test]
async fn a_damaged_journal_is_not_read_into_an_engine() {
    let (_outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    store.append(vec![note(1), note(2), note(3)]).await.unwrap();
    let mut other = raw(&dir).await;
    sql(
        &mut other,
        "DROP TRIGGER entry_no_update;
         UPDATE entry SET line = replace(line, '\"n\":2', '\"n\":7') WHERE seq = 2",
    )
    .await
    .unwrap();
    for from in [1, 2, 3] {
        let error = store.entries(from).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{error}");
    }
    sql(&mut other, "UPDATE entry SET line = 'x' WHERE seq = 3")
        .await
        .unwrap();
    store.close().await.unwrap();
    let error = Store::open(&dir).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
}

#[tokio::test]
async fn a_file_that_another_process_has_only_begun_is_empty_and_not_foreign() {
    let (_outer, dir) = fresh();
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join(JOURNAL_FILE), "").unwrap();
    let error = Store::open_read_only(&dir).await.unwrap_err();
    assert!(matches!(error, StoreError::Empty { .. }), "{error}");
}

#[tokio::test]
async fn a_foreign_database_is_left_alone() {
    let (_outer, dir) = fresh();
    assert!(matches!(
        Store::open_read_only(&dir).await.unwrap_err(),
        StoreError::Missing { .. }
    ));
    Store::open(&dir).await.unwrap().close().await.unwrap();
    let mut other = raw(&dir).await;
    sql(&mut other, "PRAGMA user_version = 9").await.unwrap();
    let error = Store::open(&dir).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 9, .. }),
        "{error}"
    );
    sql(&mut other, "PRAGMA application_id = 1").await.unwrap();
    let error = Store::open(&dir).await.unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn readers_see_what_a_running_engine_writes_and_cannot_write() {
    let (_outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    let reader = Store::open_read_only(&dir).await.unwrap();
    assert_eq!(reader.head().await.unwrap(), Head::EMPTY);
    let entries = store.append(vec![note(1)]).await.unwrap();
    assert_eq!(reader.entries(1).await.unwrap(), entries);
    assert_eq!(reader.head().await.unwrap(), store.head());
}

#[tokio::test]
async fn a_spoiled_snapshot_is_named_and_the_one_before_is_used() {
    let (_outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    let found = store.snapshot_latest().await.unwrap();
    assert_eq!((found.snapshot, found.ignored.len()), (None, 0));
    store.append((0..9).map(note).collect()).await.unwrap();
    for seq in 1..=6 {
        store
            .snapshot_save(seq, format!("{{\"at\":{seq}}}"))
            .await
            .unwrap();
    }
    assert_eq!(
        store.snapshot_latest().await.unwrap().snapshot.unwrap().seq,
        6
    );
    let beyond = store.snapshot_save(10, "{}".into()).await.unwrap_err();
    assert!(matches!(beyond, StoreError::BeyondHead { seq: 10, .. }));

    let mut other = raw(&dir).await;
    sql(
        &mut other,
        "UPDATE snapshot SET state = '{}' WHERE seq = 6;
         UPDATE snapshot SET seq = 7 WHERE seq = 5;",
    )
    .await
    .unwrap();
    let found = store.snapshot_latest().await.unwrap();
    assert_eq!(found.snapshot.unwrap().state_json, "{\"at\":4}");
    let ignored: Vec<_> = found.ignored.iter().map(|bad| (bad.seq, bad.why)).collect();
    assert_eq!(
        ignored,
        [(7, SnapshotFault::Digest), (6, SnapshotFault::Digest)]
    );
    assert!(found.ignored[0].to_string().contains("entry 7"));
}

#[test]
fn the_second_engine_is_told_who_the_first_one_is() {
    let (_outer, dir) = fresh();
    let now = Timestamp(1_790_000_000_000);
    let first = Store::lock(&dir, "engine-a", now).unwrap();
    let LeaseError::Owned(owner) = Store::lock(&dir, "engine-b", now).unwrap_err() else {
        panic!("the owner is not named");
    };
    assert_eq!(&owner, first.owner());
    assert_eq!(owner.engine, Untrusted::new("engine-a"));
    let message = LeaseError::Owned(owner).to_string();
    let pid = format!(
        "another engine owns this fleet: pid {} on ",
        std::process::id()
    );
    assert!(message.starts_with(&pid), "{message}");
    assert!(message.contains("since 2026-"), "{message}");
    drop(first);
    let again = Store::lock(&dir, "engine-b", now).unwrap();
    std::fs::write(dir.join("engine.lock"), "{").unwrap();
    let unnamed = Store::lock(&dir, "engine-c", now).unwrap_err();
    assert!(matches!(unnamed, LeaseError::OwnedByUnknown), "{unnamed}");
    drop(again);
}

//! The built-in provider and its client, on real files.

#![allow(
    clippy::unwrap_used,
    reason = "tests only: what cannot be unwrapped here is a failed test"
)]
use super::*;
use crate::flags::{Client, ClientSpec, WriteForm};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn shard(name: &str) -> ShardName {
    ShardName::new(name).unwrap()
}

fn client_file(id: &str, pid: u32, version: u64, age_ms: u64) -> ClientFile {
    ClientFile {
        id: id.into(),
        pid,
        start_ticks: None,
        version_seen: FlagVersion(version),
        at_ms: now_ms() - age_ms,
        shards: vec![shard("s01")],
    }
}

/// A pid that no process has: one that was reaped just now.
fn dead_pid() -> u32 {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[tokio::test]
async fn a_share_is_read_back_and_the_version_rises_only_on_change() {
    let dir = tempfile::tempdir().unwrap();
    let flags = FileFlags::new(dir.path());
    let s01 = shard("s01");
    assert_eq!(flags.read(&s01).await.unwrap(), Share::NONE);
    let first = flags.set(&s01, Share::of(10)).await.unwrap();
    let again = flags.set(&s01, Share::of(10)).await.unwrap();
    let back = flags.set(&s01, Share::NONE).await.unwrap();
    assert_eq!((first.0, again.0, back.0), (1, 1, 2));
    flags.set(&shard("s02"), Share::of(50)).await.unwrap();
    assert_eq!(flags.read(&s01).await.unwrap(), Share::NONE);
    assert_eq!(flags.read(&shard("s02")).await.unwrap(), Share::of(50));
    assert!(matches!(
        flags.set(&s01, Share::of(101)).await,
        Err(FlagError::Share(_))
    ));
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let flags = FileFlags::new(dir.path());
    let path = dir.path().join(FLAGS_FILE);
    std::fs::write(&path, b"{\"version\":3").unwrap();
    assert!(matches!(
        flags.set(&shard("s01"), Share::of(1)).await,
        Err(FlagError::Malformed { .. })
    ));
    assert_eq!(std::fs::read(&path).unwrap(), b"{\"version\":3");
}

#[test]
fn a_concurrent_reader_sees_only_whole_versions() {
    let dir = tempfile::tempdir().unwrap();
    let flags = FileFlags::new(dir.path());
    let s01 = shard("s01");
    flags.store(&s01, Share::of(1)).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (flags, stop, s01) = (flags.clone(), Arc::clone(&stop), s01.clone());
            std::thread::spawn(move || {
                let (mut last, mut looks) = (FlagVersion(0), 0u32);
                while !stop.load(Ordering::Relaxed) || looks == 0 {
                    // Half a file would not parse, an older one would go back.
                    let file = flags.load().unwrap();
                    assert!(file.version >= last);
                    // Two writers set 2n and 2n + 1 for reads and writes.
                    let share = file.share(&s01);
                    assert_eq!(share.reads_percent, share.writes_percent);
                    last = file.version;
                    looks += 1;
                }
            })
        })
        .collect();
    let writers: Vec<_> = (0..2u8)
        .map(|who| {
            let (flags, s01) = (flags.clone(), s01.clone());
            std::thread::spawn(move || {
                for n in 0..50u8 {
                    flags.store(&s01, Share::of(n * 2 % 100 + who)).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().unwrap();
    }
    assert!(flags.load().unwrap().version.0 > 50, "changes were lost");
}

#[tokio::test]
async fn gone_silent_and_late_clients_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let flags = FileFlags::new(dir.path());
    let version = flags.set(&shard("s01"), Share::of(10)).await.unwrap();
    let own = std::process::id();
    let put = |file: &ClientFile| replace(&flags.client_path(&file.id), file).unwrap();
    put(&client_file("up-to-date", own, 1, 0));
    put(&client_file("gone", dead_pid(), 0, 11_000));
    let seen = flags.seen(version).await.unwrap();
    assert_eq!((seen.clients_live, seen.by_all()), (1, true));

    put(&client_file("late", own, 0, 0));
    put(&client_file("silent", own, 1, 11_000));
    put(&client_file("just-died", dead_pid(), 0, 1_000));
    std::fs::write(flags.client_path("garbled"), b"{").unwrap();
    let mut recycled = client_file("recycled", own, 0, 11_000);
    recycled.start_ticks = Some(1);
    put(&recycled);
    let seen = flags.seen(version).await.unwrap();
    assert_eq!(seen.clients_live, 5);
    assert_eq!(
        seen.clients_behind,
        ["garbled", "just-died", "late", "silent"]
    );
}

#[tokio::test]
async fn a_client_follows_and_acknowledges_only_when_older_decisions_have_ended() {
    let dir = tempfile::tempdir().unwrap();
    let flags = FileFlags::new(dir.path());
    let s01 = shard("s01");
    let client = Client::register(ClientSpec {
        id: "app-1".into(),
        directory: dir.path().to_owned(),
        shards: vec![s01.clone()],
    })
    .unwrap();
    let held = client.decide(&s01, "42");
    assert_eq!(held.write, WriteForm::Old);
    let version = flags.set(&s01, Share::of(100)).await.unwrap();
    until(|| client.form(&s01, "42").1 == WriteForm::New).await;
    assert!(client.version_seen() < version, "a decision is still open");
    assert_eq!(flags.seen(version).await.unwrap().clients_behind, ["app-1"]);
    drop(held);
    while !flags.seen(version).await.unwrap().by_all() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(flags.seen(version).await.unwrap().clients_live, 1);
    drop(client);
    assert_eq!(flags.seen(version).await.unwrap().clients_live, 0);
}

async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

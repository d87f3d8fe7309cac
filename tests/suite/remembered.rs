//! Whoever has seen a journal is not shown a shorter or another one as the
//! same.

use crate::daemon::Daemon;
use crate::orders::pilothouse;
use crate::store::{raw, sql};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

/// What a cockpit in lines says until it is told to leave, or leaves by itself.
fn attached(daemon: &Daemon, state: &Path) -> String {
    let mut child = pilothouse(daemon.folder.path(), &["attach", "--plain"])
        .env("XDG_STATE_HOME", state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may have left by itself.
    let _ = stdin.write_all(b"status\nquit\n");
    drop(stdin);
    let ended = child.wait_with_output().unwrap();
    let (out, err) = (ended.stdout, ended.stderr);
    String::from_utf8_lossy(&out).into_owned() + &String::from_utf8_lossy(&err)
}

fn heads(state: &Path) -> Vec<String> {
    let folder = state.join("pilothouse/heads");
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let files = files.map(|file| file.unwrap().path());
    let texts = files.filter(|path| path.is_file());
    texts
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

async fn preflight_done(daemon: &Daemon) {
    let mut other = daemon.attach("waits");
    other
        .until("a sealed head", |o| {
            let header = &o.view.header;
            header.sealed.is_some_and(|head| head.seq > 3)
        })
        .await;
}

async fn change(daemon: &Daemon, statement: &'static str) {
    let mut journal = raw(&daemon.folder.path().join(".pilothouse")).await;
    let open = "DROP TRIGGER entry_no_update; DROP TRIGGER entry_no_delete";
    sql(&mut journal, open).await.unwrap();
    sql(&mut journal, statement).await.unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap().path();
        if file.is_file() {
            std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
        }
    }
}

/// Longer than what was seen, sealed with the same key, and another one.
#[tokio::test]
async fn a_journal_that_went_another_way_is_refused_by_who_saw_it() {
    let mut daemon = Daemon::start().await;
    preflight_done(&daemon).await;
    let seen = tempfile::tempdir().unwrap();
    let store = daemon.folder.path().join(".pilothouse");
    let backup = seen.path().join("backup");
    daemon.kill();
    copy(&store, &backup);
    // One way, as far as somebody saw it.
    lived(&mut daemon, "as it was", 3);
    let said = attached(&daemon, seen.path());
    assert!(!said.contains("refused"), "{said}");
    let kept = heads(seen.path());
    daemon.kill();
    // The other way, further.
    std::fs::remove_dir_all(&store).unwrap();
    copy(&backup, &store);
    lived(&mut daemon, "as it never was", 9);
    let said = attached(&daemon, seen.path());
    assert!(
        said.contains("not the journal that you saw before"),
        "{said}"
    );
    let seq = kept[0].split(':').next().unwrap();
    assert!(said.contains(&format!("entry {seq} was ")), "{said}");
}

/// Acts that leave entries, then a stage, which is sealed.
fn lived(daemon: &mut Daemon, reason: &str, times: usize) {
    daemon.serve(&[]);
    for _ in 0..times {
        daemon.done(&["hold", "--reason", reason]);
        daemon.done(&["release", "--reason", reason]);
    }
    daemon.done(&["promote", "--ring", "canary", "--wait", "60s"]);
}

/// Whoever writes all of it anew gives it another name, or not: it is noticed.
#[tokio::test]
async fn another_journal_at_the_same_address_is_refused() {
    let mut daemon = Daemon::start().await;
    preflight_done(&daemon).await;
    let seen = tempfile::tempdir().unwrap();
    let said = attached(&daemon, seen.path());
    assert!(!said.contains("refused"), "{said}");
    daemon.kill();
    std::fs::remove_dir_all(daemon.folder.path().join(".pilothouse")).unwrap();
    daemon.serve(&["--migration", "change.toml"]);
    preflight_done(&daemon).await;
    let said = attached(&daemon, seen.path());
    assert!(said.contains("was here when you looked last"), "{said}");
}

#[tokio::test]
async fn a_journal_that_lost_its_tail_is_refused_by_who_saw_it() {
    let mut daemon = Daemon::start().await;
    preflight_done(&daemon).await;
    let (seen, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let said = attached(&daemon, seen.path());
    assert!(!said.contains("refused"), "{said}");
    let kept = heads(seen.path());
    assert_eq!(kept.len(), 1, "{kept:?}");
    // The same again, and after a restart: nothing is wrong.
    daemon.kill();
    daemon.serve(&[]);
    let said = attached(&daemon, seen.path());
    assert!(!said.contains("refused"), "{said}");

    daemon.kill();
    change(&daemon, "DELETE FROM entry WHERE seq > 2").await;
    let seq: u64 = kept[0].split(':').next().unwrap().parse().unwrap();
    assert!(seq > 2, "{kept:?}");
    daemon.serve(&[]);
    let said = attached(&daemon, seen.path());
    assert!(
        said.contains("not the journal that you saw before"),
        "{said}"
    );
    assert!(said.contains("--since"), "{said}");
    // Whoever never saw it cannot know.
    let said = attached(&daemon, fresh.path());
    assert!(!said.contains("refused"), "{said}");
}

//! What scripts, shells and probes rely on.

use crate::crew::{done, refused, say};
use crate::daemon::Daemon;
use crate::documents::scratch;
use crate::orders::run_to;
use crate::proof::done_alone;
use serde_json::Value;
use std::path::Path;

/// Every file of a store, with its bytes; SQLite's companions come and go.
fn files(store: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(store)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| {
            let name = path.to_string_lossy();
            path.is_file() && !name.ends_with("-wal") && !name.ends_with("-shm")
        })
        .map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                bytes,
            )
        })
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_do_and_writes_nothing() {
    let folder = scratch().await;
    let folder = folder.path();
    run_to(folder, "verify");
    let store = folder.join(".pilothouse");
    let before = files(&store);
    let said = done(folder, &["pause", "--shard", "s01", "--dry-run"]);
    assert!(said.contains("would be recorded, nothing is"), "{said}");
    assert!(said.contains("shard s01: paused"), "{said}");
    let said = done(folder, &["rollback", "--ring", "canary", "--dry-run"]);
    assert!(said.contains("nothing is"), "{said}");
    refused(folder, &["resume", "--dry-run"], "resume fleet:");
    refused(
        folder,
        &["retry", "--shard", "nobody", "--dry-run"],
        "nobody",
    );
    refused(
        folder,
        &["abort", "--dry-run"],
        "confirm with the rollout id",
    );
    let add = ["operator", "add", "lee", "--role", "viewer", "--dry-run"];
    refused(folder, &add, "yourself");
    assert_eq!(files(&store), before);
}

#[tokio::test]
async fn a_dry_run_beside_an_engine_knows_its_gates_and_leaves_no_order() {
    let daemon = Daemon::start().await;
    let folder = daemon.folder.path();
    done(folder, &["ready", "--stage", "preflight", "--wait", "60s"]);
    let said = done(folder, &["promote", "--ring", "canary", "--dry-run"]);
    assert!(said.contains("ring canary: admitted to snapshot"), "{said}");
    let show = ["journal", "show", ".pilothouse", "--kind", "ring_admitted"];
    let shown = done_alone(folder, &show);
    assert_eq!(shown.trim(), "");
}

#[tokio::test]
async fn answers_come_as_one_object_with_the_exit_code_in_it() {
    let folder = scratch().await;
    let folder = folder.path();
    run_to(folder, "snapshot");
    let object = |words: &[&str]| {
        let said = say(folder, words);
        let value: Value = serde_json::from_str(&said.out).expect(&said.out);
        assert_eq!(value["exit"], said.code, "{value}");
        value
    };
    let paused = object(&["pause", "--json"]);
    assert_eq!(paused["outcome"], "done");
    assert!(
        paused["text"].as_str().unwrap().contains("recorded as #"),
        "{paused}"
    );
    let nothing = object(&["retry", "--json"]);
    assert_eq!(nothing["outcome"], "refused");
    let mistyped = object(&["pause", "--json", "--wait", "soon"]);
    assert_eq!(mistyped["outcome"], "bad_input");
    assert!(
        mistyped["text"].as_str().unwrap().contains("--wait soon"),
        "{mistyped}"
    );
}

#[tokio::test]
async fn whoever_waits_is_told_when_it_has_come_about() {
    let daemon = Daemon::start().await;
    let folder = daemon.folder.path();
    done(folder, &["ready", "--stage", "preflight", "--wait", "60s"]);
    let promote = ["promote", "--ring", "canary", "--wait", "60s"];
    for stop in ["snapshot", "expand", "dual_write"] {
        let said = done(folder, &promote);
        assert!(said.contains("it has come about"), "{said}");
        let said = done(folder, &["ready", "--stage", stop, "--ring", "canary"]);
        assert!(
            said.contains(&format!("ring canary has finished {stop}")),
            "{said}"
        );
    }
    let waits = say(folder, &["ready", "--stage", "dual_write"]);
    assert_eq!(waits.code, 4, "{}", waits.err);
    assert!(
        waits.err.contains("shard s02 is at preflight"),
        "{}",
        waits.err
    );
    let waits = say(folder, &["ready", "--version", "balance-cents"]);
    assert_eq!(waits.code, 4, "{}", waits.err);
    let other = say(folder, &["ready", "--version", "something-else"]);
    assert!(
        other.code == 4 && other.err.contains("balance-cents"),
        "{}",
        other.err
    );
    done(
        folder,
        &[
            "rollback", "--ring", "canary", "--to", "expand", "--wait", "60s",
        ],
    );
    let back = say(
        folder,
        &["ready", "--stage", "dual_write", "--ring", "canary"],
    );
    assert_eq!(back.code, 4, "{}", back.err);
    done(folder, &["pause", "--wait", "60s"]);
}

#[tokio::test]
async fn nothing_is_ready_where_nothing_was_ever_opened() {
    let folder = scratch().await;
    let said = say(folder.path(), &["ready", "--stage", "preflight"]);
    assert_eq!(said.code, 3, "{}", said.err);
}

#[tokio::test]
async fn shells_and_manuals_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let alone = |words: &[&str]| {
        let ended = std::process::Command::new(env!("CARGO_BIN_EXE_pilothouse"))
            .args(words)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(ended.status.success(), "{ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = alone(&["completions", shell]);
        for word in ["break-glass", "reconcile", "dry-run"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    alone(&["man", "pages"]);
    let page = std::fs::read_to_string(folder.path().join("pages/pilothouse-promote.1")).unwrap();
    assert!(page.contains("\\-\\-confirm"), "{page}");
    assert!(
        folder
            .path()
            .join("pages/pilothouse-journal-verify.1")
            .exists()
    );
}

//! A whole program that tells those outside: what they get, and what the
//! operator sees of it when they get nothing.

use crate::daemon::Daemon;
use crate::documents::scratch;
use crate::http_peer::{Peer, Reply};
use crate::orders::pilothouse;
use crate::told_http::KEY;
use pilothouse::rollout::Verb;
use pilothouse::wire::{Delivery, NeedKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A file that its owner alone can read.
pub fn keep(folder: &Path, name: &str, value: &str) {
    let path = folder.join(name);
    std::fs::write(&path, value).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Adds to the fleet file.
pub fn append(folder: &Path, text: &str) {
    let path = folder.join("fleet.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, before + text).unwrap();
}

const OPS: &str = r#"
[[notify]]
name = "ops"
to = { webhook = { url = "file:ops.url", key = "file:ops.key" } }
"#;

/// A folder whose fleet tells a webhook.
async fn with_webhook(url: &str) -> TempDir {
    let folder = scratch().await;
    keep(folder.path(), "ops.url", url);
    keep(folder.path(), "ops.key", KEY);
    append(folder.path(), OPS);
    folder
}

/// Runs it aside: a peer in this runtime must be able to answer.
async fn output(mut command: Command) -> Output {
    let output = tokio::task::spawn_blocking(move || command.output());
    output.await.unwrap().unwrap()
}

#[tokio::test]
async fn a_ring_that_waits_is_told_and_the_end_before_the_engine_leaves() {
    let mut peer = Peer::start(&[Reply::status(200)]).await;
    let folder = with_webhook(&peer.url("/hook")).await;
    let mut run = pilothouse(
        folder.path(),
        &["run", "--headless", "--migration", "change.toml"],
    );
    run.args(["--promote", "auto", "--to", "preflight"]);
    assert_eq!(output(run).await.status.code(), Some(0));
    let told = peer.so_far();
    let all = told
        .iter()
        .flat_map(|m| m.json()["data"]["notices"].as_array().unwrap().clone());
    let all: Vec<serde_json::Value> = all.collect();
    let waits = all
        .iter()
        .find(|n| n["event"] == "promotable" && n["scope"] == "ring canary");
    let waits = waits.unwrap_or_else(|| panic!("{all:#?}"));
    assert_eq!(
        (&waits["state"], &waits["clears"]),
        (&"raised".into(), &"promote ring canary".into())
    );
    assert!(told.iter().all(|m| m.is_signed_with(KEY)));
    // All the way: the last message leaves before the program does.
    let mut run = pilothouse(
        folder.path(),
        &["run", "--headless", "--migration", "change.toml"],
    );
    run.args([
        "--promote",
        "auto",
        "--allow-contract",
        "--confirm",
        "balance-cents",
    ]);
    let ended = output(run).await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let told = peer.so_far();
    let last = told.last().unwrap().json();
    let notices = last["data"]["notices"].as_array().unwrap();
    let done = notices
        .iter()
        .find(|n| n["event"] == "done")
        .unwrap_or_else(|| panic!("{last:#}"));
    assert_eq!(
        (&done["state"], &done["why"]),
        (&"ended".into(), &"2 shards finished drop".into())
    );
    let text = last["data"]["text"].as_str().unwrap();
    assert!(
        text.contains("rollout balance-cents-") && text.contains("journal head "),
        "{text}"
    );
}

#[tokio::test]
async fn whoever_is_not_told_is_seen_in_the_cockpit_in_status_and_in_the_metrics() {
    let peer = Peer::start(&[Reply::Says(500, "\u{1b}[31mno room".into())]).await;
    let mut daemon = Daemon::in_folder(with_webhook(&peer.url("/hook")).await);
    daemon.serve(&["--migration", "change.toml"]);
    let mut one = daemon.attach("one");
    let failing = |o: &crate::daemon::Attached| {
        let told = &o.view.header.notify;
        told.iter()
            .any(|n| matches!(n.delivery, Delivery::Failing { .. }))
    };
    one.until("a failure to tell", failing).await;
    one.until("that somebody must see to it", |o| {
        o.view
            .needs_you
            .iter()
            .any(|n| n.kind == NeedKind::Undelivered)
    })
    .await;
    let need = one
        .view
        .needs_you
        .iter()
        .find(|n| n.kind == NeedKind::Undelivered);
    let need = need.unwrap();
    assert_eq!(need.what, "webhook ops is not told anything");
    assert!(need.why.starts_with("not delivered since "), "{need:?}");
    assert!(
        need.why.ends_with(", HTTP 500: \\u{1b}[31mno room"),
        "{need:?}"
    );
    // It holds nobody up.
    one.send("a", Verb::Hold);
    one.answer("a").await;
    let text = daemon
        .request("GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .1;
    let line = "pilothouse_notify_failing{name=\"ops\",kind=\"webhook\"} 1";
    assert!(text.contains(line), "{text}");
    // Another process sees what the engine has posted last.
    let status = async {
        loop {
            let status = output(pilothouse(daemon.folder.path(), &["status"])).await;
            let text = String::from_utf8(status.stdout).unwrap();
            if text.contains("webhook ops: NOT delivered since ") {
                return text;
            }
        }
    };
    let text = crate::slow_shard::soon("that status says so", status).await;
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn a_secret_that_is_missing_is_seen_at_once_and_stops_no_work() {
    let folder = scratch().await;
    append(folder.path(), OPS);
    let mut daemon = Daemon::in_folder(folder);
    daemon.serve(&["--migration", "change.toml"]);
    let mut one = daemon.attach("one");
    one.until("that a secret is missing", |o| {
        let told = o.view.header.notify.first().map(|n| &n.delivery);
        matches!(told, Some(Delivery::Failing { why, .. }) if why.contains("ops.url cannot be read"))
    })
    .await;
    one.until("work", |o| o.view.rings.iter().any(|r| r.stop.is_some()))
        .await;
}

#[tokio::test]
async fn notify_test_tries_everybody_once_and_says_what_came_back() {
    let mut good = Peer::start(&[Reply::status(202)]).await;
    let bad = Peer::start(&[Reply::Says(503, "later".into())]).await;
    let folder = scratch().await;
    let test = ["notify", "test"];
    let nobody = output(pilothouse(folder.path(), &test)).await;
    assert_eq!(nobody.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no [[notify]] section"));
    keep(folder.path(), "ops.url", &good.url("/hook"));
    keep(folder.path(), "ops.key", KEY);
    keep(folder.path(), "chat.url", &bad.url("/chat"));
    std::fs::write(
        folder.path().join("tell"),
        "#!/bin/sh\ncat > told; env > environment\n",
    )
    .unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path().join("tell"), mode).unwrap();
    append(folder.path(), OPS);
    append(
        folder.path(),
        "[[notify]]\nname = \"chat\"\nto = { slack = { url = \"file:chat.url\" } }\n\
         [[notify]]\nname = \"pager\"\nto = { command = { argv = [\"./tell\"] } }\n",
    );
    let mut command = pilothouse(folder.path(), &test);
    command.env("SHOP_PASSWORD", "T0PSECRETTOKEN");
    let tried = output(command).await;
    assert_eq!(tried.status.code(), Some(1));
    let text = String::from_utf8(tried.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("webhook ops: delivered, HTTP 202 after "),
        "{text}"
    );
    assert_eq!(lines[1], "slack chat: NOT delivered: HTTP 503: later");
    assert!(
        lines[2].starts_with("command pager: delivered, exit status 0 after "),
        "{text}"
    );
    assert!(good.next().await.is_signed_with(KEY));
    let told = std::fs::read_to_string(folder.path().join("told")).unwrap();
    assert!(told.contains("pilothouse.test"), "{told}");
    let environment = std::fs::read_to_string(folder.path().join("environment")).unwrap();
    assert!(
        environment.contains("PATH=") && !environment.contains("SHOP_PASSWORD"),
        "{environment}"
    );
    let only = |name: &'static str| pilothouse(folder.path(), &["notify", "test", "--only", name]);
    assert_eq!(output(only("pager")).await.status.code(), Some(0));
    let unknown = output(only("pagr")).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean \"pager\""));
}

//! Orders from other processes, while whoever holds the store comes and goes.

use crate::documents::scratch;
use pilothouse::base::{Actor, Timestamp};
use pilothouse::engine::now;
use pilothouse::rollout::{Scope, Verb};
use pilothouse::store::{Inbox, Store};
use pilothouse::wire::CommandEnvelope;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program in `folder`, which has a fleet and a change.
pub fn pilothouse(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    command.args(words).args(["--fleet", "fleet.toml"]);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// A run that promotes itself as far as `to`.
pub fn run_to(folder: &Path, to: &str) {
    let run = ["run", "--headless", "--migration", "change.toml"];
    let to = ["--promote", "auto", "--to", to];
    let ended = pilothouse(folder, &[&run[..], &to[..]].concat()).output();
    let ended = ended.unwrap();
    assert!(ended.status.success(), "{ended:?}");
}

#[tokio::test]
async fn an_order_whose_engine_goes_away_is_taken_once_and_left_nowhere() {
    let folder = scratch().await;
    let folder = folder.path();
    run_to(folder, "snapshot");
    let store = folder.join(".pilothouse");
    let lease = Store::lock(&store, "an engine that hears nothing", now()).unwrap();
    let pause = pilothouse(folder, &["pause", "--shard", "s01"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let inbox = Inbox::open(&store).await.unwrap();
    while inbox.take_new(0).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(lease);
    let pause = pause.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&pause.stdout);
    assert!(pause.status.success(), "{pause:?}");
    assert!(said.starts_with("pause shard s01: recorded as #"), "{said}");
    assert_eq!(inbox.take_new(0).await.unwrap(), []);
}

#[tokio::test]
async fn an_order_that_nobody_took_in_time_is_refused_later() {
    let folder = scratch().await;
    let folder = folder.path();
    run_to(folder, "snapshot");
    let inbox = Inbox::open(&folder.join(".pilothouse")).await.unwrap();
    let abort = CommandEnvelope {
        key: "last night".into(),
        actor: Actor::person("lee"),
        scope: Scope::Fleet,
        verb: Verb::Abort,
        seen: None,
        confirm: Some("balance-cents".into()),
        reason: "not today".into(),
    };
    let json = serde_json::to_string(&abort).unwrap();
    let last_night = Timestamp(now().0 - 60_000);
    let id = inbox.post(&abort.key, &json, last_night).await.unwrap();
    run_to(folder, "verify");
    let answer = inbox.answer_of(id).await.unwrap().expect("it was answered");
    assert!(answer.contains("too_old"), "{answer}");
}

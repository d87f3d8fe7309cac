//! Every command in the documents works as it is written. Each document is read
//! from top to bottom over a fleet of its own.

use crate::sqlite_fixture::run;
use crate::written::{Ending, commands};
use clap::Parser as _;
use pilothouse::cli::args::Cli;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const FLEET: &str = r#"name = "shop"
[environment]
name = "test"
production = false
[policy]
soak = "0s"
quiet = "0s"
[policy.shift]
soak = "0s"
[throttle]
poll = "100ms"
[[ring]]
name = "canary"
[[ring]]
name = "broad"
[[shard]]
name = "s01"
ring = "canary"
candidates = ["sqlite:s01.db"]
[[shard]]
name = "s02"
ring = "broad"
candidates = ["sqlite:s02.db"]
"#;

const CHANGE: &str = r#"name = "balance-cents"
[[operation]]
[operation.add_column]
table = "account"
column = { name = "balance_cents", type = "integer", nullable = false, default = "0" }
up = "balance * 100"
down = { balance = "balance_cents / 100" }
"#;

const ACCOUNTS: &str =
    "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL DEFAULT 0);
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
  INSERT INTO account SELECT i, i * 7 FROM n;";

/// A folder with a fleet of two files and a migration.
pub async fn scratch() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fleet.toml"), FLEET).unwrap();
    std::fs::write(folder.path().join("change.toml"), CHANGE).unwrap();
    for shard in ["s01.db", "s02.db"] {
        run(&folder.path().join(shard), ACCOUNTS).await.unwrap();
    }
    folder
}

/// What of a document does not work, one sentence each.
async fn complaints(name: &str, text: &str) -> Vec<String> {
    let (written, unchecked) = commands(text);
    let untagged = |line| format!("{name}:{line}: a command in a block that is not checked");
    let mut found: Vec<String> = unchecked.into_iter().map(untagged).collect();
    let folder = scratch().await;
    for command in written {
        let place = format!("{name}:{} `{}`", command.line, command.words.join(" "));
        if let Err(error) = Cli::try_parse_from(&command.words) {
            found.push(format!("{place}: {error}"));
            continue;
        }
        let Ending::Exit(code) = command.ending else {
            continue;
        };
        let ended = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
            .args(&command.words[1..])
            .current_dir(folder.path())
            .output()
            .unwrap();
        if ended.status.code() != Some(code) {
            let said = String::from_utf8_lossy(&ended.stderr);
            found.push(format!("{place}: {}, not {code}: {said}", ended.status));
        }
    }
    found
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(root.join("docs")).unwrap();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|kind| kind == "md"));
    all.push(root.join("README.md"));
    all.sort();
    all
}

#[tokio::test]
async fn every_command_in_the_documents_works_as_written() {
    let mut found = Vec::new();
    let mut count = 0;
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        count += commands(&text).0.len();
        found.extend(complaints(&name, &text).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(count > 50, "only {count} commands were found");
}

#[tokio::test]
async fn a_wrong_command_a_wrong_code_and_an_unchecked_block_are_noticed() {
    let text = "```console\n$ pilothouse staus --fleet fleet.toml\n$ pilothouse status --fleet fleet.toml\n\
         $ pilothouse status --fleet fleet.toml   # exit 3: nothing was opened\n\
         $ pilothouse lab up \"/tmp/a lab\" --shards x   # needs PostgreSQL\n```\n\
         ```sh\npilothouse status\n```\n";
    let found = complaints("made.md", text).await;
    assert_eq!(found.len(), 4, "{found:#?}");
    for (complaint, place) in found
        .iter()
        .zip(["made.md:8", "made.md:2", "made.md:3", "made.md:5"])
    {
        assert!(complaint.starts_with(place), "{complaint}");
    }
}

//! The README's commands that need servers, run as they are written, from top
//! to bottom; only the lab is smaller and elsewhere.

use crate::support::require_postgres;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Whatever is waited for has happened by then.
const DEADLINE: Duration = Duration::from_secs(300);

/// The commands that say so, with the lab's directory put in.
fn commands(lab: &Path) -> Vec<Vec<String>> {
    let readme = include_str!("../../README.md");
    let lines = readme
        .lines()
        .filter_map(|line| line.strip_prefix("$ pilothouse "));
    lines
        .filter_map(|line| line.split_once('#'))
        .filter(|(_, comment)| comment.trim() == "needs PostgreSQL")
        .map(|(command, _)| words(&command.replace("/tmp/lab", lab.to_str().unwrap())))
        .collect()
}

/// What stands between spaces; double quotes hold words together.
fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (place, part) in text.split('"').enumerate() {
        match place % 2 {
            0 => found.extend(part.split_whitespace().map(str::to_owned)),
            _ => found.push(part.to_owned()),
        }
    }
    found
}

fn pilothouse(words: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    command.args(words).stdin(Stdio::null());
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// No server outlives the test, however it ends.
struct Lab(PathBuf);

impl Drop for Lab {
    fn drop(&mut self) {
        let down = ["lab", "down", self.0.to_str().unwrap()].map(str::to_owned);
        // It was taken down already if all went well.
        let _ = pilothouse(&down).output();
    }
}

/// The run in the first terminal.
struct First(Option<Child>);

impl First {
    /// It ends well, by itself.
    fn ended(&mut self) {
        let Some(child) = self.0.take() else { return };
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "run: {}", told(&ended));
    }
}

fn told(ended: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{}\n{}{}",
        ended.status,
        text(&ended.stdout),
        text(&ended.stderr)
    )
}

#[test]
fn the_tour_of_the_readme_works_as_written() {
    if !require_postgres() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab(folder.path().join("lab"));
    let commands = commands(&lab.0);
    assert!(commands.len() >= 12, "{commands:?}");
    let mut first = First(None);
    for mut command in commands {
        if command.starts_with(&["lab".into(), "up".into()]) {
            command.extend(["--scale", "1"].map(str::to_owned));
        }
        let verb = command[0].clone();
        let to_verify = command.iter().any(|word| word == "--to");
        if verb == "run" && to_verify {
            let mut run = pilothouse(&command);
            run.stdout(Stdio::piped()).stderr(Stdio::piped());
            first = First(Some(run.spawn().unwrap()));
            continue;
        }
        // A second terminal goes with the first one until everything is undone.
        if verb == "rollback" {
            first.ended();
        }
        let begun = Instant::now();
        loop {
            let ended = pilothouse(&command).output().unwrap();
            if ended.status.success() {
                break;
            }
            // "The last one once canary is verified"; and status or pause may
            // come before the run has opened the rollout.
            let early = ["status", "pause", "resume", "promote"].contains(&verb.as_str());
            let refused = ended.status.code() == Some(3);
            assert!(early && refused, "{command:?}: {}", told(&ended));
            assert!(begun.elapsed() < DEADLINE, "{command:?}: {}", told(&ended));
        }
    }
}

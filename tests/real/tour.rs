//! The README's commands that need servers, run as they are written, from top
//! to bottom; only the lab is smaller and elsewhere.

use crate::support::require_postgres;
use crate::written::{Ending, Written, commands};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Whatever is waited for has happened by then.
const DEADLINE: Duration = Duration::from_secs(300);

/// The commands that say so, with the lab's directory put in.
fn in_order(lab: &Path) -> Vec<Written> {
    let (found, _) = commands(include_str!("../../README.md"));
    let needed = found.into_iter();
    let needed = needed.filter(|command| command.ending == Ending::NeedsServers);
    let lab = lab.to_str().unwrap();
    needed
        .map(|mut command| {
            command.words.remove(0);
            for word in &mut command.words {
                *word = word.replace("/tmp/lab", lab);
            }
            command
        })
        .collect()
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
    let commands = in_order(&lab.0);
    assert!(commands.len() >= 12, "only {}", commands.len());
    let mut first = First(None);
    for Written {
        line,
        words: mut command,
        ..
    } in commands
    {
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
            assert!(
                early && refused,
                "line {line}: {command:?}: {}",
                told(&ended)
            );
            assert!(
                begun.elapsed() < DEADLINE,
                "line {line}: {command:?}: {}",
                told(&ended)
            );
        }
    }
}

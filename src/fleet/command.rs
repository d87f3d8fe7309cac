//! Runs a helper command (a shard list, a secret) with a time limit.
//!
//! Never through a shell. What the command printed is handed to the caller
//! only; it is not part of any error.

use crate::base::Untrusted;
use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(10);
/// How often its end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// More output than this is a mistake.
const OUTPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why a command gave nothing usable.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No program named.
    #[error("no command is given")]
    Empty,
    /// It could not be started or waited for.
    #[error("{program} cannot be run: {error}")]
    NotRun {
        /// The program.
        program: Untrusted,
        /// What the system says.
        error: std::io::Error,
    },
    /// It was killed at the limit.
    #[error("{0} was stopped because it took longer than 10 seconds")]
    TooSlow(Untrusted),
    /// It said that it failed.
    #[error("{program} ended with {status}")]
    Failed {
        /// The program.
        program: Untrusted,
        /// How it ended.
        status: ExitStatus,
    },
    /// Too much, or not UTF-8.
    #[error("{0} printed something other than a short UTF-8 text")]
    Output(Untrusted),
}

/// The program as it is started: a relative path is taken from `base`, a bare
/// name is looked up in PATH.
pub(super) fn program(name: &str, base: &Path) -> String {
    match name.contains('/') {
        true => base.join(name).display().to_string(),
        false => name.to_owned(),
    }
}

/// What the command prints. Blocks until it ends, at most ten seconds.
pub(super) fn run(words: &[String], directory: &Path) -> Result<String, CommandError> {
    run_within(words, directory, LIMIT)
}

fn run_within(words: &[String], directory: &Path, limit: Duration) -> Result<String, CommandError> {
    let (name, arguments) = words.split_first().ok_or(CommandError::Empty)?;
    let shown = || Untrusted::new(name);
    let not_run = |error| CommandError::NotRun {
        program: shown(),
        error,
    };
    // Its own process group, so that the limit ends its children too.
    let mut child = Command::new(name)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(not_run)?;
    let output = child.stdout.take().map(read_aside);
    let Some(status) = wait(&mut child, limit).map_err(not_run)? else {
        end(&mut child);
        return Err(CommandError::TooSlow(shown()));
    };
    if !status.success() {
        return Err(CommandError::Failed {
            program: shown(),
            status,
        });
    }
    // A grandchild may still hold the pipe open; it is not waited for.
    let bytes = output
        .and_then(|output| output.recv_timeout(Duration::from_secs(1)).ok())
        .ok_or_else(|| CommandError::Output(shown()))?;
    if bytes.len() as u64 >= OUTPUT_BYTES_MAX {
        return Err(CommandError::Output(shown()));
    }
    String::from_utf8(bytes).map_err(|_| CommandError::Output(shown()))
}

/// Drains the pipe on a thread, so that a full pipe never blocks the command.
fn read_aside(pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if pipe.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes).is_ok() {
            // Nobody listens any more when the limit struck.
            let _ = sender.send(bytes);
        }
    });
    receiver
}

fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let looks = limit.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..=looks {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(None)
}

/// Kills the whole group and collects the child. Failing is fine: it is gone.
fn end(child: &mut Child) {
    let group = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::{CommandError, run_within};
    use std::path::Path;
    use std::time::Duration;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn output_is_returned_and_failure_is_told() {
        let limit = Duration::from_secs(5);
        let printed = run_within(&words("echo hello"), Path::new("/"), limit);
        assert_eq!(printed.ok().as_deref(), Some("hello\n"));
        let failed = run_within(&words("false"), Path::new("/"), limit);
        assert!(matches!(failed, Err(CommandError::Failed { .. })));
        let absent = run_within(&words("no-such-program-here"), Path::new("/"), limit);
        assert!(matches!(absent, Err(CommandError::NotRun { .. })));
    }

    #[test]
    fn a_command_that_hangs_is_stopped() {
        let hung = run_within(
            &words("sleep 600"),
            Path::new("/"),
            Duration::from_millis(50),
        );
        assert!(matches!(hung, Err(CommandError::TooSlow(_))));
    }
}

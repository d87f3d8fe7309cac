//! A program of this machine that is handed a message.

use super::untold::Untold;
use crate::base::{Period, Untrusted};
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

/// What of our environment it gets. Tokens and passwords may be in the rest.
const ENVIRONMENT: [&str; 8] = [
    "HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER",
];

/// Runs it with the message on its stdin; it must end with 0 in time. Never
/// through a shell.
pub(super) async fn run(
    argv: &[String],
    directory: &Path,
    input: &[u8],
    limit: Period,
) -> Result<(), Untold> {
    let (name, arguments) = argv
        .split_first()
        .ok_or_else(|| Untold::Unready("no program is named".into()))?;
    let program = || Untrusted::new(name);
    let not_run = |error| Untold::NotRun {
        program: program(),
        error,
    };
    let kept = ENVIRONMENT.map(|name| Some((name, std::env::var_os(name)?)));
    let mut child = Command::new(name)
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(kept.into_iter().flatten())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Its own group, so that the limit ends its children too.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(not_run)?;
    let group = Group::of(&child);
    let stdin = child.stdin.take();
    let work = async {
        if let Some(mut stdin) = stdin {
            // A program that does not read has its reasons; how it ends counts.
            let _ = stdin.write_all(input).await;
        }
        child.wait().await
    };
    let ended = tokio::time::timeout(limit.duration(), work).await;
    group.end();
    match ended {
        Err(_) => Err(Untold::TooSlow {
            program: program(),
            limit,
        }),
        Ok(Err(error)) => Err(not_run(error)),
        Ok(Ok(status)) if !status.success() => Err(Untold::Failed {
            program: program(),
            status,
        }),
        Ok(Ok(_)) => Ok(()),
    }
}

/// The program and all that it has started.
struct Group(Option<rustix::process::Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(rustix::process::Pid::from_raw))
    }

    /// Failing is fine: it is gone.
    fn end(&self) {
        if let Some(group) = self.0 {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

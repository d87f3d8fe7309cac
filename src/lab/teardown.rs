//! Taking a lab down, whoever started it and whatever became of it.

use super::control::{ControlClient, Request};
use super::servers::signal;
use super::{LabError, Layout};
use crate::flags::ProcessMark;
use rustix::process::Signal;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How long the keeper may take to end its servers.
const KEEPER_MAX: Duration = Duration::from_secs(30);
/// How long a signalled server may take.
const SERVER_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// What taking down found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Down {
    /// There was no lab; nothing was touched.
    NothingThere,
    /// Everything that the lab made is gone.
    Removed,
    /// These paths stayed: not ours, or not removable.
    Left(Vec<String>),
}

/// Ends the keeper and every server and removes what the lab made. Calling
/// it twice is fine.
pub async fn down(directory: &Path) -> Result<Down, LabError> {
    let layout = Layout::new(directory);
    match layout.read_record() {
        Ok(_) => {}
        Err(LabError::NotALab(_)) => return Ok(Down::NothingThere),
        Err(err) => return Err(err),
    }
    end_keeper(&layout).await?;
    end_servers(&layout).await?;
    let left = remove_files(&layout);
    Ok(match left.is_empty() {
        true => Down::Removed,
        false => Down::Left(left),
    })
}

/// Asks at the socket, then by signal; waits until it has ended.
async fn end_keeper(layout: &Layout) -> Result<(), LabError> {
    let mark = read_mark(&layout.keeper_mark()).filter(|mark| mark.is_alive());
    let client = ControlClient::new(layout.keeper_socket());
    let asked = timeout(KEEPER_MAX, client.ask(&Request::Shutdown)).await;
    let Some(mark) = mark else {
        return Ok(());
    };
    if !matches!(asked, Ok(Ok(_))) {
        signal(mark, Signal::TERM);
    }
    // A keeper inside this very process ends its servers and stays.
    if Some(mark) == ProcessMark::own() || gone(mark, KEEPER_MAX).await {
        return Ok(());
    }
    signal(mark, Signal::KILL);
    match gone(mark, SERVER_MAX).await {
        true => Ok(()),
        false => Err(LabError::Late {
            what: format!("the end of the keeper (process {})", mark.pid),
            waited: KEEPER_MAX + SERVER_MAX,
        }),
    }
}

/// Servers whose keeper is gone: found by their recorded marks.
async fn end_servers(layout: &Layout) -> Result<(), LabError> {
    let Ok(entries) = fs::read_dir(layout.servers()) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(mark) = read_mark(&layout.mark(&name)).filter(|mark| mark.is_alive()) {
            end_server(mark, &name).await?;
        }
        // A first process that was killed while its server was frozen leaves
        // the others stopped for ever; only their directory tells whose they are.
        for process in ProcessMark::working_in(&layout.data(&name)) {
            signal(process, Signal::KILL);
            if !gone(process, SERVER_MAX).await {
                return Err(late(&name, process));
            }
        }
    }
    Ok(())
}

async fn end_server(mark: ProcessMark, name: &str) -> Result<(), LabError> {
    for process in mark.children().iter().chain([&mark]) {
        signal(*process, Signal::CONT);
    }
    signal(mark, Signal::QUIT);
    if gone(mark, SERVER_MAX).await {
        return Ok(());
    }
    signal(mark, Signal::KILL);
    match gone(mark, SERVER_MAX).await {
        true => Ok(()),
        false => Err(late(name, mark)),
    }
}

fn late(name: &str, process: ProcessMark) -> LabError {
    LabError::Late {
        what: format!("the end of server {name} (process {})", process.pid),
        waited: SERVER_MAX,
    }
}

async fn gone(mark: ProcessMark, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    while mark.is_alive() {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(POLL).await;
    }
    true
}

fn read_mark(path: &Path) -> Option<ProcessMark> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Removes what a lab makes, the record last, so that an interrupted removal
/// can be repeated; gives back what stayed. Files that somebody else put into
/// the directory are not touched.
pub(super) fn remove_files(layout: &Layout) -> Vec<String> {
    let made_directory = layout
        .read_record()
        .is_ok_and(|record| record.made_directory);
    free_shared_memory(layout);
    let trees = [
        layout.servers(),
        layout.flags(),
        layout.store(),
        layout.ledgers(),
    ];
    let files = [
        layout.fleet_file(),
        layout.keeper_socket(),
        layout.keeper_mark(),
        layout.keeper_log(),
    ];
    let trees = trees
        .into_iter()
        .map(|path| (fs::remove_dir_all(&path), path));
    let files = files.into_iter().map(|path| (fs::remove_file(&path), path));
    let left: Vec<String> = trees.chain(files).filter_map(stayed).collect();
    if !left.is_empty() {
        return left;
    }
    let record = layout.record_file();
    let mut last = vec![(fs::remove_file(&record), record)];
    if made_directory && last[0].0.is_ok() {
        let root = layout.root().to_owned();
        last.push((fs::remove_dir(&root), root));
    }
    last.into_iter().filter_map(stayed).collect()
}

fn stayed((outcome, path): (io::Result<()>, PathBuf)) -> Option<String> {
    match outcome {
        Ok(()) => None,
        Err(err) if err.kind() == io::ErrorKind::NotFound => None,
        Err(err) => Some(format!("{} ({err})", path.display())),
    }
}

/// A server that was killed leaves one small segment of System V shared
/// memory until it starts again. Its number is in `postmaster.pid`, which a
/// clean end removes.
fn free_shared_memory(layout: &Layout) {
    let Ok(entries) = fs::read_dir(layout.servers()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let lock = layout.data(&name).join("postmaster.pid");
        let Ok(text) = fs::read_to_string(lock) else {
            continue;
        };
        let segment = text.lines().nth(6).and_then(|line| {
            let number = line.split_whitespace().nth(1)?;
            number.parse::<u32>().ok()
        });
        if let Some(segment) = segment {
            // Without the program, or when it is gone already: no harm done.
            let _ = Command::new("ipcrm")
                .args(["-m", &segment.to_string()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}

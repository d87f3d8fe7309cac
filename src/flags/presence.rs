//! Which process is meant: a pid alone may have been given to somebody else.

use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// A process of this machine, told apart from a later one with the same pid
/// by the moment it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessMark {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start_ticks: u64,
}

impl ProcessMark {
    /// The process that has this pid now; `None` if there is none or it has
    /// already ended (a zombie runs nothing any more).
    pub fn of(pid: u32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        (stat.state != 'Z' && stat.state != 'X').then_some(Self {
            pid,
            start_ticks: stat.start_ticks,
        })
    }

    /// This process.
    pub fn own() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// Whether exactly this process still runs.
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Processes whose parent this one is now.
    pub fn children(self) -> Vec<Self> {
        let ours = |pid: &u32| Stat::read(*pid).is_some_and(|stat| stat.parent == self.pid);
        let pids = all_pids().into_iter().filter(ours);
        pids.filter_map(Self::of).collect()
    }

    /// Processes whose working directory is this one.
    pub fn working_in(directory: &Path) -> Vec<Self> {
        // The kernel tells the path without symbolic links.
        let Ok(directory) = fs::canonicalize(directory) else {
            return Vec::new();
        };
        let there = |pid: &u32| {
            let place = fs::read_link(format!("/proc/{pid}/cwd"));
            place.is_ok_and(|place| place == directory)
        };
        let pids = all_pids().into_iter().filter(there);
        pids.filter_map(Self::of).collect()
    }
}

fn all_pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}

struct Stat {
    state: char,
    parent: u32,
    start_ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold spaces and parentheses itself;
        // what follows the last one starts with field 3.
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let start_ticks = fields.nth(17)?.parse().ok()?;
        Some(Self {
            state,
            parent,
            start_ticks,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_recycled_pid_is_not_the_same_process() {
        let own = ProcessMark::own().unwrap();
        assert!(own.is_alive());
        let other = ProcessMark {
            start_ticks: own.start_ticks + 1,
            ..own
        };
        assert!(!other.is_alive());
    }

    #[test]
    fn a_child_is_listed_and_a_zombie_is_gone() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mark = ProcessMark::of(child.id()).unwrap();
        assert!(ProcessMark::own().unwrap().children().contains(&mark));
        child.kill().unwrap();
        // Not reaped yet: at the latest after `wait` it is gone for good.
        child.wait().unwrap();
        assert!(!mark.is_alive());
    }
}

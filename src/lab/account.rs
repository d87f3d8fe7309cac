//! Whom the servers run as: never root.

use super::LabError;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// The operating-system user of the servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// The user that runs pilothouse.
    Own,
    /// pilothouse runs as root, so the servers run as somebody else.
    Other {
        /// Name, for messages.
        name: String,
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
}

impl Account {
    /// `postgres`, else `nobody`, when this process is root; otherwise the
    /// present user.
    pub fn for_servers() -> Result<Self, LabError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        let path = Path::new("/etc/passwd");
        let table = fs::read_to_string(path).map_err(LabError::io("read", path))?;
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| find(&table, name))
            .ok_or(LabError::NoAccount)
    }

    /// The name for messages.
    pub fn name(&self) -> &str {
        match self {
            Self::Own => "you",
            Self::Other { name, .. } => name,
        }
    }

    /// Makes the command run as this user (supplementary groups of root are
    /// dropped by the standard library when it changes the user).
    pub(super) fn apply(&self, command: &mut Command) {
        if let Self::Other { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
    }

    /// Makes a directory that only this user may enter.
    pub(super) fn make_private_directory(&self, path: &Path) -> Result<(), LabError> {
        fs::create_dir_all(path).map_err(LabError::io("make", path))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(LabError::io("close to others", path))?;
        self.own(path)
    }

    /// Gives a path to this user.
    pub(super) fn own(&self, path: &Path) -> Result<(), LabError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => {
                chown(path, Some(*uid), Some(*gid)).map_err(LabError::io("give away", path))
            }
        }
    }

    /// Refuses a directory that this user could not get into.
    pub(super) fn check_reach(&self, directory: &Path) -> Result<(), LabError> {
        let Self::Other { name, uid, gid } = self else {
            return Ok(());
        };
        for path in directory.ancestors() {
            let Ok(meta) = fs::metadata(path) else {
                continue;
            };
            let may_enter = match (meta.uid() == *uid, meta.gid() == *gid) {
                (true, _) => meta.mode() & 0o100,
                (false, true) => meta.mode() & 0o010,
                (false, false) => meta.mode() & 0o001,
            };
            if may_enter == 0 {
                return Err(LabError::Unreachable {
                    path: path.to_owned(),
                    user: name.clone(),
                });
            }
        }
        Ok(())
    }
}

fn find(table: &str, wanted: &str) -> Option<Account> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| *name == wanted)?;
        let uid = fields.nth(1)?.parse().ok().filter(|uid| *uid != 0)?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account::Other {
            name: name.to_owned(),
            uid,
            gid,
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn root_is_never_an_account() {
        let table = "postgres:x:0:0::/:/bin/sh\nnobody:x:65534:65533:n:/:/bin/false\n";
        assert_eq!(find(table, "postgres"), None);
        assert_eq!(
            find(table, "nobody").unwrap(),
            Account::Other {
                name: "nobody".into(),
                uid: 65_534,
                gid: 65_533
            }
        );
    }

    #[test]
    fn a_closed_directory_on_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let account = Account::Other {
            name: "somebody".into(),
            uid: 54_321,
            gid: 54_321,
        };
        let closed = fs::Permissions::from_mode(0o700);
        fs::set_permissions(dir.path(), closed).unwrap();
        let below = dir.path().join("lab");
        assert!(matches!(
            account.check_reach(&below),
            Err(LabError::Unreachable { path, .. }) if path == dir.path()
        ));
        assert!(Account::Own.check_reach(&below).is_ok());
    }
}

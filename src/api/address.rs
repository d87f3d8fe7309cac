//! Where a daemon listens.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The socket's name in a store.
const SOCKET: &str = "daemon.sock";

/// Longest path of a socket, by the kernel's own limit.
const PATH_MAX: usize = 107;

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket on this machine, which its owner alone can open.
    Unix(PathBuf),
}

/// This is no address of a daemon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not one of the known forms.
    #[error("{0} is no address of a daemon; write unix:/path/to/daemon.sock")]
    Unknown(String),
    /// The kernel would cut it.
    #[error("the socket's path has {0} bytes, and {PATH_MAX} are the most: {1}")]
    TooLong(usize, String),
}

impl Address {
    /// Where the daemon of a store listens if nothing else was said.
    ///
    /// # Errors
    /// The store's path is too long for a socket.
    pub fn of_store(store: &Path) -> Result<Self, AddressError> {
        Self::unix(store.join(SOCKET))
    }

    fn unix(path: PathBuf) -> Result<Self, AddressError> {
        let bytes = path.as_os_str().len();
        if bytes > PATH_MAX {
            return Err(AddressError::TooLong(bytes, path.display().to_string()));
        }
        Ok(Self::Unix(path))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some(path) if !path.is_empty() => Self::unix(PathBuf::from(path)),
            _ => Err(AddressError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

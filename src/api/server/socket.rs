//! A socket that only its owner can open.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// A socket that only its owner can open; dropping it removes it.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Takes a path. A socket that a dead daemon left behind is replaced; nothing
    /// else that lies there is touched.
    ///
    /// # Errors
    /// The path cannot be used, or is used.
    pub(super) async fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::other(
                    "something else is there, and is left alone",
                ));
            }
            Ok(_) if UnixStream::connect(path).await.is_ok() => {
                return Err(io::Error::other("another daemon listens there"));
            }
            Ok(_) => std::fs::remove_file(path)?,
        }
        // From its first moment nobody else can open it.
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
        let listener = UnixListener::bind(path);
        rustix::process::umask(before);
        let listener = listener?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A next daemon removes what stays.
        let _ = std::fs::remove_file(&self.path);
    }
}

//! Takes connections, so many at a time, and gives each to the router.

use super::caller::Peer;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Connections at the same time; more wait.
const CONNECTIONS_MAX: usize = 512;
/// How long a client may take to say what it wants.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a request's first part.
const HEADERS_MAX: usize = 16 * 1024;
/// Rest after a connection that could not be taken.
const REST: Duration = Duration::from_millis(100);

/// A socket that only its owner can open; dropping it removes it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Takes a path. A socket that a dead daemon left behind is replaced; nothing
    /// else that lies there is touched.
    ///
    /// # Errors
    /// The path cannot be used, or is used.
    pub async fn bind(path: &Path) -> io::Result<Self> {
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

    /// Serves until the future is dropped; connections go with it.
    pub async fn serve(self, router: Router) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = tokio::task::JoinSet::new();
        loop {
            // Never closed.
            let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            while connections.try_join_next().is_some() {}
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let router = router.clone();
                    connections.spawn(async move {
                        talk(stream, router).await;
                        drop(place);
                    });
                }
                // Too many open files, say: it passes or it does not, and the
                // engine works all the same.
                Err(_) => tokio::time::sleep(REST).await,
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A next daemon removes what stays.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn talk(stream: UnixStream, router: Router) {
    let Ok(credentials) = stream.peer_cred() else {
        return;
    };
    let peer = Peer::Local(credentials.uid());
    let router = router.layer(axum::Extension(peer));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that breaks off or talks nonsense harms itself only.
    let _ = served.await;
}
